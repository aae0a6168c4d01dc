"""What nobody foresaw costs one piece of input: each boundary, with an exception planted behind it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from support.archive_samples import tar
from support.environment import bare_environment
from support.faults import FaultServer, SegmentFile, run_item
from support.rigging import Rig, refused_record, rig, server
from support.shell import Shell
from tcc_uploader.boundary import Boundary, Caught, UnexpectedError, caught, unexpected
from tcc_uploader.dead import store
from tcc_uploader.ledger import judge
from tcc_uploader.model.fate import Counts
from tcc_uploader.model.letter import Letter, LetterRequest
from tcc_uploader.ops.status_file import StatusFile, read_report
from tcc_uploader.sources import carried, walk
from tcc_uploader.sources.carried import ArchiveSource
from tcc_uploader.spool import decoding, reader, segment
from tcc_uploader.transport import answers, client

__all__ = ["bare_environment", "rig", "server"]


class PanicException(BaseException):
    """As pyo3 makes it: no Exception."""


@pytest.fixture(params=[ZeroDivisionError, MemoryError, PanicException], ids=lambda kind: kind.__name__)
def fault(request: pytest.FixtureRequest) -> BaseException:
    """Give an exception that nobody foresaw."""
    return request.param("sk-secret")


def raising(fault: BaseException, then: Callable[..., Any], when: Callable[..., bool]) -> Callable[..., Any]:
    """Return a function that raises instead of calling ``then``, where ``when`` says so."""

    def act(*arguments: Any, **options: Any) -> Any:
        if when(*arguments):
            raise fault
        return then(*arguments, **options)

    return act


def plant(monkeypatch: pytest.MonkeyPatch, place: Any, name: str, fault: BaseException, when: Any = None) -> None:
    """Let a function raise ``fault`` where ``when`` is true for its arguments; everywhere by default."""
    monkeypatch.setattr(place, name, raising(fault, getattr(place, name), when or (lambda *_: True)))


def plain(rig: Rig, *ids: str) -> Path:
    """Write a plain file of runs."""
    file = rig.spool / "plain.jsonl"
    file.write_bytes(b"".join(orjson.dumps(run_item(ident)) + b"\n" for ident in ids))
    return file


def bad(raw: Any) -> bool:
    """Whether this is the line of the bad record."""
    return b'"bad"' in (raw.data or b"")


@pytest.mark.unexpected
@pytest.mark.parametrize("form", ["plain", "segment"])
def test_a_line(
    rig: Rig, server: FaultServer, monkeypatch: pytest.MonkeyPatch, fault: BaseException, form: str
) -> None:
    """It is damage of the kind unexpected; its file is never finished or removed, and read again at each start."""
    if form == "plain":
        file = plain(rig, "good-1", "bad", "good-2")
    else:
        file = SegmentFile("s").run("good-1").run("bad").run("good-2").seal().write(rig.spool)
    with monkeypatch.context() as planted:
        plant(planted, *((decoding, "plain_record") if form == "plain" else (segment, "decode")), fault, bad)
        result = rig.once(removes=True)
        assert server.ids == [["good-1"], ["good-2"]]
        assert result.damage - (form == "segment") == 1  # and the seal counts one record more
        assert result.has_losses
        engine = rig.daemon(lambda engine: engine.intake.scans > 2)
        assert engine.intake.damage == result.damage
        assert server.ids == [["good-1"], ["good-2"]]
        StatusFile(rig.state).write(engine)
    (found,) = caught.all()
    report, _ = read_report(rig.state)
    assert report is not None
    assert report.unexpected == [found]
    assert (found.place, found.first) == (str(file), f"line {2 if form == 'plain' else 3}")
    assert found.exception.startswith(f"{type(fault).__name__} at test_boundaries.py:")
    assert not rig.rows()[0].finished
    assert file.exists()
    rig.once()
    assert server.ids[2:] == [["bad"]]


@pytest.mark.unexpected
def test_a_plain_file_with_such_a_line_that_grows(rig: Rig, server: FaultServer, monkeypatch: Any) -> None:
    """It is read again by the same daemon."""
    file = plain(rig, "good-1", "bad")
    plant(monkeypatch, decoding, "plain_record", ZeroDivisionError(), bad)

    def grown(engine: Any) -> bool:
        if server.ids == [["good-1"]] and file.stat().st_size < 400:
            with file.open("ab") as more:
                more.write(orjson.dumps(run_item("good-2")) + b"\n")
        return ["good-2"] in server.ids

    rig.daemon(grown)
    assert server.ids == [["good-1"], ["good-2"]]


@pytest.mark.unexpected
@pytest.mark.parametrize("name", ["sniff", "feed"])
def test_a_file(rig: Rig, server: FaultServer, monkeypatch: Any, fault: BaseException, name: str) -> None:
    """It is damage, counted once until it grows; the next file is read, and a new start reads it again."""
    file = SegmentFile("s").run("bad").write(rig.spool, "1.jsonl")
    SegmentFile("t").run("good").write(rig.spool, "2.jsonl")
    with monkeypatch.context() as planted:
        if name == "sniff":
            plant(planted, reader, "sniff", fault, lambda _, path: path == str(file))
        else:
            plant(planted, reader, "feed", fault, lambda read, _: read.file == str(file))
        engine = rig.daemon(lambda engine: engine.intake.scans > 3)
        assert engine.intake.damage == 1
        assert caught.times == 1
        assert server.ids == [["good"]]
        assert rig.once().damage == 1
    assert file.exists()
    rig.once()
    assert server.ids == [["good"], ["bad"]]


@pytest.mark.unexpected
@pytest.mark.parametrize(
    ("place", "name"),
    [(walk, "printable"), (carried, "sniff"), (carried, "holds_record"), (carried, "read_first_line")],
)
def test_an_archive_member(
    rig: Rig, server: FaultServer, monkeypatch: Any, fault: BaseException, tmp_path: Path, place: Any, name: str
) -> None:
    """It is a problem of the archive, with its name; the members beside it are read."""
    archive = tmp_path / "a.tar"
    lines = orjson.dumps(run_item("bad"))
    archive.write_bytes(tar({"1.jsonl": lines, "2.jsonl": SegmentFile("t").run("good").data}))
    calls: Iterator[bool] = iter([False, True] if name == "printable" else [True])
    plant(monkeypatch, place, name, fault, lambda *_: next(calls, False))
    result = rig.once(archives=[ArchiveSource(archive)])
    assert server.ids == [["good"]]
    assert [problem.startswith(str(archive)) for problem in result.problems] == [True]
    assert result.has_losses


@pytest.mark.unexpected
def test_a_manifest(rig: Rig, server: FaultServer, monkeypatch: Any, fault: BaseException, tmp_path: Path) -> None:
    """It is a problem of the bundle; the segments in it are delivered."""
    archive = tmp_path / "a.tar"
    archive.write_bytes(tar({"manifest.json": b"{}", "2.jsonl": SegmentFile("t").run("good").data}))
    plant(monkeypatch, carried.Manifest, "parse", fault)
    result = rig.once(archives=[ArchiveSource(archive)])
    assert server.ids == [["good"]]
    assert [problem.partition(": ")[0] for problem in result.problems] == [f"{archive}/manifest.json"]


@pytest.mark.unexpected
@pytest.mark.parametrize(("place", "name"), [(client, "decoded"), (answers, "_is_page")])
def test_an_answer(
    rig: Rig, server: FaultServer, monkeypatch: Any, fault: BaseException, place: Any, name: str
) -> None:
    """It counts as an outage: the record stays, and is sent again."""
    SegmentFile("s").run("r").write(rig.spool)
    calls = iter([True])
    plant(monkeypatch, place, name, fault, lambda *_: next(calls, False))
    rig.daemon(lambda _: len(server.ids) > 1 and rig.engine.intake.counts.delivered, removes=False)
    assert server.ids == [["r"], ["r"]]
    assert rig.counts() == Counts(records=1, delivered=1)


@pytest.mark.unexpected
def test_a_letter(rig: Rig, server: FaultServer, monkeypatch: Any, fault: BaseException) -> None:
    """It stays where it is, and records and other letters are sent."""
    ident = refused_record(rig, server)
    SegmentFile("s").run("good").write(rig.spool)
    rig.folder.ask(LetterRequest(action="requeue", letter=ident))
    with monkeypatch.context() as planted:
        plant(planted, Letter, "model_validate_json", fault)
        rig.once()
    assert server.ids[-1] == ["good"]
    assert rig.folder.ids() == {ident}
    assert rig.letters()[0].id == ident


@pytest.mark.unexpected
def test_a_request(rig: Rig, server: FaultServer, monkeypatch: Any, fault: BaseException) -> None:
    """It is left alone, and another one is carried out."""
    ident = refused_record(rig, server)
    rig.folder.ask(LetterRequest(action="requeue", letter=ident))
    (rig.state / "requests" / "0.json").write_bytes(b"bad")
    plant(monkeypatch, store.LetterRequest, "model_validate_json", fault, lambda data: data == b"bad")
    rig.once()
    assert server.ids[-1] == ["z"]
    assert [file.name for file in (rig.state / "requests").iterdir()] == ["0.json"]


def test_no_boundary_stands_around_judging(rig: Rig, monkeypatch: Any) -> None:
    """A fault of ours there ends the process, before it does harm."""
    SegmentFile("s").run("r").write(rig.spool)
    plant(monkeypatch, judge, "decide", ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        rig.once()


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_ends_the_process_passes(end: type[BaseException]) -> None:
    """A boundary holds back no end of the process or of a generator."""
    with pytest.raises(end), Boundary("here"):
        raise end


def test_what_was_foreseen_passes() -> None:
    """A known error keeps its own message, and is not counted."""
    with pytest.raises(ValueError, match="known"), Boundary("here", ValueError):
        raise ValueError("known")


@pytest.mark.unexpected
def test_what_is_told_quotes_no_input() -> None:
    """The type and the line of code are told, not the message: it may hold a secret."""
    with pytest.raises(UnexpectedError) as told, Boundary("here"):
        int("sk-secret")
    assert "sk-secret" not in str(told.value)
    assert str(told.value).startswith("unexpected: ValueError at test_boundaries.py:")


@pytest.mark.unexpected
def test_the_list_is_bounded_and_the_count_is_not() -> None:
    """A hostile artifact can cause any number of them."""
    for number in range(1000):
        unexpected(ZeroDivisionError(), f"place {number}", "line 1")
        unexpected(ZeroDivisionError(), "place 0", "line 2")
    assert caught.times == 2000
    assert len(caught.all()) == 100
    assert caught.all()[0] == Caught("place 0", "ZeroDivisionError", "line 1", 1001)


def test_status_shows_what_was_caught(tmp_path: Path, server: FaultServer) -> None:
    """Place, exception and count stand in status, as text and as JSON, also when the uploader has ended."""
    shell = Shell(tmp_path, server)
    SegmentFile("s").run("r").write(shell.spool)
    shell.run("replay")
    (status,) = shell.state.rglob("status.json")
    told = json.loads(status.read_text())
    assert told["unexpected"] == []
    told["unexpected"] = [{"place": "/a.jsonl", "exception": "KeyError at x.py:1", "first": "line 2", "count": 3}]
    status.write_text(json.dumps(told))
    text = shell.status_text()
    assert "finding     77: /a.jsonl, line 2: KeyError at x.py:1, 3 times; it is kept; do: report this" in text
    assert shell.status()["unexpected"] == told["unexpected"]
