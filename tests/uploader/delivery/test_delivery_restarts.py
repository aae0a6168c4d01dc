"""The ledger decides: what is committed is never sent again, and what is not committed is never removed."""

import fcntl
import os
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from support.faults import FaultServer, Reply, SegmentFile, always, run_item
from support.rigging import Rig
from tcc_uploader.delivery.engine import Engine
from tcc_uploader.files import DISK
from tcc_uploader.ledger.sqlite import SqliteLedger
from tcc_uploader.model.ledger import Unavailable


def gone(path: Path, after: float = 0.0) -> object:
    """Return a condition: ``path`` does not exist any more."""
    return lambda _: not path.exists()


def test_a_restart_reads_again_and_sends_nothing_twice(rig: Rig, server: FaultServer) -> None:
    """A kept segment is read again by the next process, which knows every line of it."""
    SegmentFile().run("r1").run("r2").feedback("r1").write(rig.spool)
    first, second = rig.once(), rig.once()
    assert first.counts == second.counts
    assert second.sent.delivered == 0
    assert len(server.requests) == 3


def test_a_kill_between_answer_and_commit_costs_one_receipt(
    rig: Rig, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The named window: stored, not committed, so sent again with the same idempotency key; then counted once."""
    SegmentFile().run("r1").write(rig.spool)

    class KilledError(BaseException):
        """What stands for SIGKILL."""

    def killed(*_: object) -> None:
        if server.requests:
            raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(SqliteLedger, "commit", killed)
        with pytest.raises(KilledError):
            rig.once()
    assert rig.once().counts.delivered == 1
    first, second = server.requests
    assert (first.body, first.headers["idempotency-key"]) == (second.body, second.headers["idempotency-key"])


def test_a_sealed_segment_is_removed_only_after_the_commit(rig: Rig, server: FaultServer) -> None:
    """At the moment of the removal the ledger on disk says that all of the segment's records are delivered."""
    path = SegmentFile().run("r1").run("r2").seal().write(rig.spool)
    seen: list[tuple[int, ...]] = []

    def unlink(target: str) -> None:
        with sqlite3.connect(f"file:{rig.state}/ledger.sqlite3?mode=ro", uri=True) as other:
            seen.append(other.execute("SELECT records, delivered, finished FROM segments").fetchone())
            seen.append(other.execute("SELECT count(*) FROM delivered").fetchone())
        other.close()
        os.unlink(target)  # noqa: PTH108 -- the seam's own shape

    rig.disk = replace(DISK, remove=unlink)
    rig.daemon(gone(path))
    assert seen == [(2, 2, 1), (2,)]
    assert rig.counts().delivered == 2


def test_a_ledger_that_cannot_be_written_stops_sending_and_removes_nothing(
    rig: Rig, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While commits fail the segment stays; when they work again, what was answered is committed, not sent again."""
    path = SegmentFile().run("r1").seal().write(rig.spool)
    commit = SqliteLedger.commit
    failures = 0

    def full(ledger: SqliteLedger, changes: object) -> None:
        nonlocal failures
        if server.requests and failures < 5:
            failures += 1
            assert path.exists()
            raise Unavailable("database or disk is full")
        commit(ledger, changes)

    monkeypatch.setattr(SqliteLedger, "commit", full)
    rig.daemon(gone(path))
    assert failures == 5
    assert len(server.requests) == 1
    assert rig.counts().delivered == 1


def test_a_segment_with_pending_records_stays(rig: Rig, server: FaultServer) -> None:
    """Sealed or not: as long as a record is pending the file is there."""
    path = SegmentFile().run("r1").run("r2").seal().write(rig.spool)
    server.behaviour = lambda request: Reply(500) if request.ids == ["r2"] else Reply()
    start = rig.time.now
    rig.daemon(lambda _: rig.time.now > start + 500)
    assert path.exists()
    assert rig.counts().pending == 1


def test_an_unsealed_segment_is_removed_once_its_writer_is_gone(rig: Rig, server: FaultServer) -> None:
    """With its lock free, a segment of this machine without a seal is delivered and removed."""
    path = SegmentFile().run("r1").write(rig.spool)
    rig.daemon(gone(path))
    assert rig.counts().delivered == 1


def test_an_unsealed_segment_whose_writer_lives_is_delivered_and_stays(rig: Rig, server: FaultServer) -> None:
    """A held lock keeps the file; the records are delivered all the same."""
    path = SegmentFile().run("r1").write(rig.spool)
    start = rig.time.now
    with path.open("ab") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        rig.daemon(lambda _: rig.time.now > start + 100)
        assert path.exists()
        assert rig.counts().delivered == 1
    rig.daemon(gone(path))
    assert len(server.requests) == 1


@pytest.mark.parametrize(("host", "boot_id"), [("elsewhere", "another-boot"), ("elsewhere", ""), ("", "")])
def test_an_unsealed_segment_of_another_machine_is_never_removed(
    rig: Rig, server: FaultServer, host: str, boot_id: str
) -> None:
    """A lock that is free here proves nothing about a writer elsewhere: delivered, kept."""
    path = SegmentFile(host=host, boot_id=boot_id).run("r1").write(rig.spool)
    start = rig.time.now
    rig.daemon(lambda _: rig.time.now > start + 300)
    assert path.exists()
    assert rig.counts().delivered == 1


def test_a_sealed_segment_of_another_machine_is_removed(rig: Rig, server: FaultServer) -> None:
    """A seal is proof enough: nothing follows it."""
    path = SegmentFile(host="elsewhere", boot_id="x").run("r1").seal().write(rig.spool)
    rig.daemon(gone(path))
    assert rig.counts().delivered == 1


def test_replay_changes_no_source(rig: Rig, server: FaultServer) -> None:
    """A one-shot run keeps every file, byte for byte."""
    path = SegmentFile().run("r1").seal().write(rig.spool)
    before = path.read_bytes(), path.stat().st_mtime_ns
    rig.once()
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_after_keep_the_daemon_keeps_everything(rig: Rig, server: FaultServer) -> None:
    """With ``--after keep`` segments stay, and a restarted daemon does not send them again."""
    path = SegmentFile().run("r1").seal().write(rig.spool)
    start = rig.time.now
    rig.daemon(lambda _: rig.time.now > start + 100, removes=False)
    rig.daemon(lambda _: rig.time.now > start + 200, removes=False)
    assert path.exists()
    assert len(server.requests) == 1


def corrupt(data: bytes, line: int) -> bytes:
    """Flip a bit in the middle of a line (from 0)."""
    lines = data.split(b"\n")
    middle = len(lines[line]) // 2
    lines[line] = lines[line][:middle] + bytes([lines[line][middle] ^ 1]) + lines[line][middle + 1 :]
    return b"\n".join(lines)


@pytest.mark.parametrize("line", [0, 2, 4])
def test_a_damaged_segment_is_delivered_and_kept(rig: Rig, server: FaultServer, line: int) -> None:
    """Damage to the header, a record or the seal costs no other line; the file stays as the evidence it is."""
    segment = SegmentFile().run("r1").run("r2").run("r3").seal()
    path = segment.write(rig.spool)
    path.write_bytes(corrupt(segment.data, line))
    start = rig.time.now
    rig.daemon(lambda _: rig.time.now > start + 100)
    assert path.exists()
    assert [ids[0] for ids in server.ids] == [run for run in ("r1", "r2", "r3") if run != f"r{line}"]
    assert rig.rows()[0].damaged
    server.clear()
    assert rig.once().damage
    assert not server.requests


def test_a_missing_line_shows_against_the_seal(rig: Rig, server: FaultServer) -> None:
    """A segment from which a whole line is missing is delivered, reported and kept."""
    segment = SegmentFile().run("r1").run("r2").seal()
    del segment.lines[1]
    path = segment.write(rig.spool)
    start = rig.time.now
    rig.daemon(lambda _: rig.time.now > start + 100)
    assert path.exists()
    assert server.ids == [["r2"]]
    assert rig.rows()[0].damaged == 1


def test_a_torn_tail_is_reported_and_withdrawn_when_the_file_grows(rig: Rig, server: FaultServer) -> None:
    """Bytes behind the last newline are no record; when the line is complete, they are one."""
    segment = SegmentFile().run("r1").run("r2")
    path = rig.spool / "a.jsonl"
    path.write_bytes(segment.data[:-20])
    outcome = rig.once()
    assert (outcome.counts.records, outcome.counts.delivered, outcome.damage) == (1, 1, 1)
    path.write_bytes(segment.data)
    outcome = rig.once()
    assert (outcome.counts.records, outcome.counts.delivered, outcome.damage) == (2, 2, 0)
    assert server.ids == [["r1"], ["r2"]]


def test_records_that_are_added_are_delivered_while_the_file_grows(rig: Rig, server: FaultServer) -> None:
    """A daemon follows a live segment: each record goes when it is there, once."""
    segment = SegmentFile().run("r0")
    path = segment.write(rig.spool)
    known = 1

    def grow(engine: Engine) -> bool:
        nonlocal known
        if engine.settlement.total.delivered == known and known < 5:
            start = len(segment.data)
            segment.run(f"r{known}")
            known += 1
            with path.open("ab") as writer:
                writer.write(segment.data[start:])
        return engine.settlement.total.delivered == 5

    rig.daemon(grow, removes=False)
    assert [ids[0] for ids in server.ids] == ["r0", "r1", "r2", "r3", "r4"]
    assert rig.counts().records == rig.counts().delivered == 5


def test_a_file_that_replaces_another_under_its_name_is_read_from_its_start(rig: Rig, server: FaultServer) -> None:
    """A name is no identity: another file under it is another segment."""
    path = rig.spool / "a.jsonl"
    SegmentFile().run("r1").run("r2").write(rig.spool, "a.jsonl")
    SegmentFile().run("r3").write(rig.spool, "b")

    def replace(engine: Engine) -> bool:
        if engine.settlement.total.delivered == 2 and (rig.spool / "b").exists():
            (rig.spool / "b").rename(path)
        return engine.settlement.total.delivered == 3

    rig.daemon(replace, removes=False)
    assert [ids[0] for ids in server.ids] == ["r1", "r2", "r3"]
    assert rig.counts().records == 3


def test_a_file_that_goes_away_with_records_pending_is_told_of(
    rig: Rig, server: FaultServer, caplog: pytest.LogCaptureFixture
) -> None:
    """If somebody else removes a segment, its pending records stay counted as pending, and the rest goes on."""
    path = SegmentFile().run("r1").run("r2").write(rig.spool, "a.jsonl")
    server.behaviour = always(Reply(503))

    def remove(engine: Engine) -> bool:
        if len(server.requests) > 4 and path.exists():
            path.unlink()
            server.behaviour = lambda _: Reply()
            SegmentFile().run("r3").write(rig.spool, "b.jsonl")
        return engine.settlement.total.delivered == 1

    rig.daemon(remove, removes=False)
    assert f"{path} has gone; pending records in it: 2" in caplog.text
    assert rig.counts().pending == 2


def test_a_copy_of_a_spool_is_a_spool(rig: Rig, server: FaultServer, tmp_path: Path) -> None:
    """Under other names, with other times and modes, the same segments are known: nothing is sent twice."""
    original = SegmentFile().run("r1").run("r2").seal().write(rig.spool)
    rig.once()
    copy = rig.spool / "copied-by-somebody.jsonl"
    copy.write_bytes(original.read_bytes())
    copy.chmod(0o444)
    original.unlink()
    assert rig.once().counts.delivered == 2
    assert len(server.requests) == 2
    assert rig.counts().records == 2


def test_a_corrupt_ledger_is_moved_aside_and_costs_duplicates_only(rig: Rig, server: FaultServer) -> None:
    """With a ruined ledger everything is sent again, and the ruin is kept."""
    SegmentFile().run("r1").write(rig.spool)
    rig.once()
    (rig.state / "ledger.sqlite3").write_bytes(b"this is no database" * 1000)
    assert rig.once().counts.delivered == 1
    assert len(server.requests) == 2
    assert list(rig.state.glob("ledger.sqlite3.corrupt-*"))


def test_a_segment_named_in_bytes_that_are_no_utf8_is_delivered(rig: Rig, server: FaultServer) -> None:
    """A file's name means nothing, not even to the ledger."""
    path = os.fsencode(rig.spool) + b"/\xff\xfe.jsonl"
    Path(os.fsdecode(path)).write_bytes(SegmentFile().run("r1").seal().data)
    assert rig.once().counts.delivered == 1
    assert server.requests[0].json == run_item("r1")
