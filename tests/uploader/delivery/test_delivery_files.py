"""What lies in a spool beside healthy segments: plain JSONL, files of later versions, links, pipes and folders."""

import fcntl
import json
import os
from dataclasses import replace
from io import FileIO
from pathlib import Path

import pytest

from support.faults import AT, FaultServer, Reply, SegmentFile, always, batch_of, ok, run_item, step_item
from support.rigging import Rig
from tcc_schemas.lines import crc_of, encode
from tcc_schemas.tally import Tally
from tcc_uploader.delivery.engine import Engine
from tcc_uploader.files import DISK
from tcc_uploader.ledger.sqlite import SqliteLedger


def plain(*values: object, end: bytes = b"\n") -> bytes:
    """Return values as plain JSON lines."""
    return b"".join(json.dumps(value, ensure_ascii=False).encode() + end for value in values)


def test_plain_jsonl_is_delivered(rig: Rig, server: FaultServer) -> None:
    """One wire item, batch or feedback per line is sent as it stands, whatever its white space."""
    run = run_item("r1", response="a \u2028 b", custom=1)
    values = run, batch_of(run_item("r2"), step_item("r2", "s2")), {"runId": "r1", "score": "thumbs_up"}
    (rig.spool / "mine.jsonl").write_bytes(plain(*values))
    assert rig.once().counts.delivered == 3
    assert [request.path for request in server.requests] == ["/v1/custom", "/v1/custom", "/v1/feedback"]
    assert [request.body + b"\n" for request in server.requests] == plain(*values).splitlines(keepends=True)


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + plain(run_item("r1"), run_item("r2")),
        plain(run_item("r1"), run_item("r2"), end=b"\r\n"),
        plain(run_item("r1"), run_item("r2"))[:-1],
        b"\n\n  \n" + plain(run_item("r1")) + b"\r\n \n" + plain(run_item("r2")),
        b"\xef\xbb\xbf" + plain(run_item("r1"), run_item("r2"), end=b"\r\n")[:-2],
    ],
)
def test_windows_habits_and_blank_lines_are_tolerated(rig: Rig, server: FaultServer, data: bytes) -> None:
    """A byte-order mark, CR LF, blank lines and a missing last newline cost nothing."""
    (rig.spool / "mine.jsonl").write_bytes(data)
    outcome = rig.once()
    assert (outcome.counts.records, outcome.counts.delivered, outcome.damage) == (2, 2, 0)
    assert server.ids == [["r1"], ["r2"]]


def test_an_invalid_plain_line_is_a_dead_letter_with_a_reason(rig: Rig, server: FaultServer) -> None:
    """What no wire item matches is set aside with the reason; the lines around it are delivered."""
    lines = [run_item("r1"), {"type": "run"}, run_item("r2")]
    (rig.spool / "mine.jsonl").write_bytes(plain(*lines) + b"no json\n" + plain(run_item("r3")))
    outcome = rig.once()
    assert (outcome.counts.delivered, outcome.counts.dead) == (3, 2)
    first, second = rig.letters()
    assert (first.reason, first.line, first.body_bytes) == ("invalid", 2, b'{"type": "run"}')
    assert "run_id" in first.detail
    assert (second.line, second.body_bytes) == (4, b"no json")
    assert rig.once().counts.dead == 2
    assert len(server.requests) == 3


def test_two_runs_in_one_plain_batch_are_refused_with_a_reason(rig: Rig, server: FaultServer) -> None:
    """A batch is one run's: a line with two is never sent."""
    (rig.spool / "mine.jsonl").write_bytes(plain(batch_of(run_item("r1"), run_item("r2"))))
    assert rig.once().counts.dead == 1
    assert "one line per run" in rig.letters()[0].detail
    assert not server.requests


def test_a_grown_plain_file_sends_its_new_lines_only(rig: Rig, server: FaultServer) -> None:
    """A hand-written file that somebody adds to is read again, and the ledger knows its old lines."""
    path = rig.spool / "mine.jsonl"
    path.write_bytes(plain(run_item("r1")) + b"broken\n")
    rig.once()
    path.write_bytes(path.read_bytes() + plain(run_item("r2")))
    outcome = rig.once()
    assert server.ids == [["r1"], ["r2"]]
    assert outcome.counts.duplicate == 2  # the invalid line is a dead letter already
    assert len(rig.letters()) == 1


def test_a_daemon_sends_what_is_added_to_a_plain_file_and_never_removes_it(rig: Rig, server: FaultServer) -> None:
    """A plain file is nobody's to remove: it stays, delivered, however it ends."""
    path = rig.spool / "mine.jsonl"
    path.write_bytes(plain(run_item("r1")))

    def grow(engine: Engine) -> bool:
        if engine.settlement.total.delivered == 1 and b"r2" not in path.read_bytes():
            path.write_bytes(path.read_bytes() + plain(run_item("r2")))
        return engine.settlement.total.delivered == 2

    rig.daemon(grow)
    start = rig.time.now
    rig.daemon(lambda _: rig.time.now > start + 100)
    assert path.exists()
    assert server.ids == [["r1"], ["r2"]]


def test_a_plain_file_without_a_last_newline_survives_an_outage_in_a_daemon(
    rig: Rig, server: FaultServer, caplog: pytest.LogCaptureFixture
) -> None:
    """While the server is down the file is neither taken for another nor said to have gone."""
    (rig.spool / "mine.jsonl").write_bytes(plain(run_item("r1"), run_item("r2"))[:-1])
    server.behaviour = always(Reply(503))
    start = rig.time.now

    def heal(engine: Engine) -> bool:
        if rig.time.now > start + 200:
            server.behaviour = ok
        return engine.settlement.total.delivered == 2

    rig.daemon(heal)
    assert "has gone" not in caplog.text
    assert (rig.counts().records, rig.counts().delivered, rig.counts().pending) == (2, 2, 0)


def test_what_stands_behind_a_seal_is_read_as_if_all_had_been_there_at_once(rig: Rig, server: FaultServer) -> None:
    """No recorder writes on behind its seal, but whoever does loses nothing, and no record is sent or counted twice."""
    file = SegmentFile().run("r1").seal()
    path = file.write(rig.spool)
    rest = SegmentFile(file.id).run("r2").lines[1:]
    tally = Tally()
    for line in (*file.lines, *rest):
        tally.add(crc_of(line), is_record=b'"path":' in line)
    rest.append(encode("seal", file.id, b'{"records":2,"refused":0,"crcs":"%b"}' % tally.crcs.encode(), at=AT))
    server.behaviour = always(Reply(503))

    def grow(engine: Engine) -> bool:
        if server.behaviour is not ok and engine.intake.counts.records == 1:
            with path.open("ab") as opened:
                opened.writelines(rest)
            server.behaviour = ok
        return not path.exists()

    rig.daemon(grow)
    assert (rig.counts().records, rig.counts().delivered) == (2, 2)
    assert sorted(server.ids[-2:]) == [["r1"], ["r2"]]


def test_two_copies_of_a_segment_that_no_commit_has_met_share_a_number(rig: Rig, server: FaultServer) -> None:
    """Read together for the first time, they are one segment to the ledger, and their records are sent once."""
    file = SegmentFile().run("r1").run("r2").seal()
    file.write(rig.spool, "a.jsonl")
    file.write(rig.spool, "b.jsonl")
    rig.once()
    with SqliteLedger.reading(rig.state) as ledger:
        assert len(list(ledger.segments())) == 1
    assert server.ids == [["r1"], ["r2"]]


def test_a_file_of_a_newer_version_is_left_pending(rig: Rig, server: FaultServer) -> None:
    """What a later recorder wrote is neither read nor removed: the outcome says to upgrade."""
    path = rig.spool / "a.jsonl"
    path.write_bytes(b'{"v":2,"crc":"12345678","kind":"segment"}\n{"v":2,"crc":"12345678","kind":"run"}\n')
    SegmentFile().run("r1").write(rig.spool)
    outcome = rig.once()
    assert (outcome.newer, outcome.counts.delivered, outcome.counts.dead) == (1, 1, 0)
    start = rig.time.now
    rig.daemon(lambda _: rig.time.now > start + 100)
    assert path.exists()


def test_links_pipes_and_folders_are_left_alone(rig: Rig, server: FaultServer, tmp_path: Path) -> None:
    """Nothing but regular files is opened: no link is followed, no pipe waited for."""
    secret = tmp_path / "secret"
    secret.write_bytes(plain(run_item("secret")))
    (rig.spool / "link.jsonl").symlink_to(secret)
    (rig.spool / "folder.jsonl").mkdir()
    (rig.spool / "dangling.jsonl").symlink_to(tmp_path / "nowhere")
    os.mkfifo(rig.spool / "pipe.jsonl")
    SegmentFile().run("r1").write(rig.spool)
    assert rig.once().counts.records == 1
    rig.daemon(lambda engine: engine.intake.idle)
    assert server.ids == [["r1"]]


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_an_event_for_what_is_no_file_is_harmless(rig: Rig, server: FaultServer, tmp_path: Path, kind: str) -> None:
    """The watcher may name a link, a pipe or a folder: nothing is read through it, and nothing hangs."""
    path = rig.spool / "odd.jsonl"
    (tmp_path / "secret").write_bytes(plain(run_item("secret")))
    {"link": lambda: path.symlink_to(tmp_path / "secret"), "pipe": lambda: os.mkfifo(path), "folder": path.mkdir}[
        kind
    ]()
    start = hinted = rig.time.now

    def hint(engine: Engine) -> bool:
        nonlocal hinted
        if rig.time.now > hinted:
            hinted = rig.time.now
            engine.intake.hint(path)
        return rig.time.now > start + 5

    rig.daemon(hint)
    assert not server.requests


def test_a_segment_that_turns_into_a_link_is_not_followed(rig: Rig, server: FaultServer, tmp_path: Path) -> None:
    """A file that is swapped for a link between two looks neither ends the daemon nor aims it elsewhere."""
    path = SegmentFile().run("r1").seal().write(rig.spool, "a.jsonl")
    server.behaviour = always(Reply(503))
    swapped = False

    def swap(engine: Engine) -> bool:
        nonlocal swapped
        if server.requests and not swapped:
            swapped = True
            path.rename(tmp_path / "moved")
            path.symlink_to(tmp_path / "moved")
            server.behaviour = ok
            SegmentFile().run("r2").write(rig.spool, "b.jsonl")
        return ["r2"] in server.ids and engine.settlement.total.delivered

    rig.daemon(swap)
    assert (tmp_path / "moved").exists()


def test_files_with_other_names_are_none_of_ours(rig: Rig, server: FaultServer) -> None:
    """Only ``*.jsonl`` is read in a spool."""
    (rig.spool / "notes.txt").write_bytes(plain(run_item("r1")))
    (rig.spool / "a.jsonl.tmp").write_bytes(plain(run_item("r1")))
    assert rig.once().counts.records == 0


@pytest.mark.parametrize(
    "data", [b"", b"\n", b"{", b"\x00" * 5000, b'{"v":1,"crc":"', os.urandom(5000) + b"\n", b"[]\n"]
)
def test_no_content_ends_the_daemon(rig: Rig, server: FaultServer, data: bytes) -> None:
    """Whatever a file holds, the others are delivered."""
    (rig.spool / "0.jsonl").write_bytes(data)
    SegmentFile().run("r1").write(rig.spool)
    rig.daemon(lambda engine: engine.settlement.total.delivered == 1)
    assert ["r1"] in server.ids


def test_a_spool_that_cannot_be_read_does_not_hide_the_others(rig: Rig, server: FaultServer, tmp_path: Path) -> None:
    """One bad spool is told of; the ones after it are delivered."""
    bad = tmp_path / "no-folder"
    bad.write_text("a file")
    SegmentFile().run("r1").write(rig.spool)
    outcome = rig.once(spools=(bad, rig.spool))
    assert outcome.counts.delivered == 1
    assert len(outcome.unreadable) == 1


def test_a_spool_that_does_not_exist_yet_is_waited_for(rig: Rig, server: FaultServer, tmp_path: Path) -> None:
    """A daemon that starts before its agent finds the spool when it is there."""
    late = tmp_path / "late"

    def create(engine: Engine) -> bool:
        if not late.exists():
            SegmentFile().run("r1").write(late)
        return engine.settlement.total.delivered == 1

    rig.daemon(create, spools=(late,))


def test_the_header_may_be_damaged(rig: Rig, server: FaultServer) -> None:
    """A ruined first line costs no record."""
    segment = SegmentFile().run("r1").run("r2")
    (rig.spool / "a.jsonl").write_bytes(b"\x00\x01garbage" + segment.data[9:])
    outcome = rig.once()
    assert (outcome.counts.delivered, outcome.damage) == (2, 1)


def test_what_is_written_while_a_file_is_identified_is_read_later(rig: Rig, server: FaultServer) -> None:
    """A file may be found before its first byte is there, and filled a moment later: a living daemon delivers it."""

    class Beaten(FileIO):
        def read(self, size: int | None = -1, /) -> bytes:
            data = super().read(size)
            if not file.stat().st_size:
                file.write_bytes(b"".join(SegmentFile("s").run("r1").seal().lines))
            return data

    rig.disk = replace(DISK, file=Beaten)
    file = rig.spool / "s.jsonl"

    def tell(engine: Engine) -> bool:
        if not file.exists() and not server.requests:
            file.touch()
            engine.inbox.put(lambda: engine.intake.hint(file))
        return bool(server.requests)

    rig.daemon(tell, limit=100.0)
    assert server.ids == [["r1"]]


def test_a_torn_tail_that_its_writer_takes_back_leaves_no_pending_record(rig: Rig, server: FaultServer) -> None:
    """A file that was counted with half a line, and ends shorter, is counted as it ended."""
    segment = SegmentFile("s").run("r1")
    file = segment.write(rig.spool)
    server.behaviour = always(Reply(503))
    with file.open("ab", buffering=0) as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        writer.write(b"x" * 2000)

        def tell(engine: Engine) -> bool:
            row = engine.settlement.ledger.segment("s")
            if row is not None and row.torn and server.behaviour is not ok:
                writer.truncate(row.size - row.torn)
                writer.write(segment.seal().lines[-1])
                server.behaviour = ok
            return not file.exists()

        rig.daemon(tell)
    assert [(row.finished, row.torn, row.counts.delivered, row.counts.pending) for row in rig.rows()] == [
        (True, 0, 1, 0)
    ]


def test_a_line_that_its_writer_replaces_between_two_reads_is_no_damage(rig: Rig, server: FaultServer) -> None:
    """A chunk may end in a line that its writer takes back; the line that is written there instead is delivered."""
    segment = SegmentFile("s").run("r1")
    file = segment.write(rig.spool)
    whole = len(file.read_bytes())
    reads = []

    class Chunked(FileIO):
        def read(self, size: int | None = -1, /) -> bytes:
            data = super().read(size)
            reads.append(data)
            if len(reads) == 2:  # the first one identified the file
                file.write_bytes(b"".join(segment.run("r2", response="a").seal().lines))
            return data[: whole + 150] if len(reads) <= 2 else data

    with file.open("ab") as writer:
        writer.write(SegmentFile("t").run("r3", response="b" * 400).lines[1][:300])
    rig.disk = replace(DISK, file=Chunked)
    rig.daemon(lambda _: not file.exists(), limit=100.0)
    assert server.ids == [["r1"], ["r2"]]
