"""``--after "keep 24h"``: delivered segments stay for a day, and are never in a recorder's way."""

from dataclasses import replace

import pytest

from support.faults import FaultServer, Reply, SegmentFile, always
from support.rigging import Rig
from tcc_recorder.config import writer_config
from tcc_recorder.spool.writer import SpoolWriter
from tcc_schemas.lines import encode
from tcc_schemas.room import DEFAULT_MAX_BYTES, MIN_FREE, Room
from tcc_uploader.delivery.engine import Engine
from tcc_uploader.delivery.retention import MOST_BYTES, Retention
from tcc_uploader.files import DISK
from tcc_uploader.spool.scan import Seen

HOUR, DAY, MIB = 3600.0, 86_400.0, 1024 * 1024
PLENTY = 10 * DEFAULT_MAX_BYTES


def kept(*sizes: int, max_bytes: int = DEFAULT_MAX_BYTES, min_free: int = MIN_FREE) -> Retention:
    """Return a spool's kept files, named by the seconds at which each was finished."""
    retention = Retention(DAY)
    for since, size in enumerate(sizes):
        retention.keep(Seen(str(since), since, size), since, Room(max_bytes, min_free))
    return retention


@pytest.mark.parametrize(
    ("retention", "now", "in_spool", "free", "due"),
    [
        (kept(1, 1, 1), DAY - 1, 3, PLENTY, []),
        (kept(1, 1, 1), DAY + 1, 3, PLENTY, ["0", "1"]),
        (kept(1, 1, 1), -DAY, 3, PLENTY, []),
        (kept(MOST_BYTES // 2, MOST_BYTES // 2), 9, MOST_BYTES, PLENTY, []),
        (kept(MOST_BYTES // 2, MOST_BYTES // 2, 1), 9, MOST_BYTES, PLENTY, ["0"]),
        (kept(MIB // 8, MIB // 8, max_bytes=MIB), 9, MIB // 4, PLENTY, []),
        (kept(MIB // 8, MIB // 8, 1, max_bytes=MIB), 9, MIB // 4, PLENTY, ["0"]),
        (kept(9, 9, max_bytes=MIB), 9, MIB * 3 // 4, PLENTY, []),
        (kept(9, 9, max_bytes=MIB), 9, MIB * 3 // 4 + 1, PLENTY, ["0"]),
        (kept(9, 9), 9, DEFAULT_MAX_BYTES, PLENTY, ["0", "1"]),
        (kept(9, 9), 9, 18, MIN_FREE, []),
        (kept(9, 9), 9, 18, MIN_FREE - 1, ["0"]),
        (kept(9, 9, min_free=MIB), 9, 18, MIB, []),
        (kept(9, 9, min_free=MIB), 9, 18, MIB - 1, ["0"]),
    ],
)
def test_the_oldest_go_first_and_no_more_than_must(
    retention: Retention, now: float, in_spool: int, free: int, due: list[str]
) -> None:
    """After a day, over 256 MiB or a quarter of the budget, in a spool three quarters full, or on a full disk."""
    assert [seen.file for seen, _ in retention.take_due(now, in_spool, free)] == due


def test_the_least_budget_of_the_segments_counts_as_long_as_they_stay() -> None:
    """Two agents with different budgets share a spool: neither is hindered."""
    retention = kept(1, 1)
    assert retention.budget == DEFAULT_MAX_BYTES
    retention.keep(Seen("small", 0, 1), -1, Room(MIB))
    assert retention.budget == MIB
    assert [seen.file for seen, _ in retention.take_due(DAY - 1, 3, PLENTY)] == ["small"]
    assert (retention.budget, retention.bytes, len(retention)) == (DEFAULT_MAX_BYTES, 2, 2)


def names(rig: Rig) -> list[str]:
    """Return the names of the spool's files."""
    return sorted(path.name for path in rig.spool.iterdir())


def until(rig: Rig, seconds: float) -> Engine:
    """Let a daemon that keeps for a day run until so many seconds have passed on the simulated clock."""
    return rig.daemon(lambda _: rig.time.now >= 1_000 + seconds, keep_for=DAY, limit=2 * DAY)


def test_delivered_segments_stay_for_a_day_whatever_is_restarted(rig: Rig, server: FaultServer) -> None:
    """Sealed or left by a killed agent, alone in the spool or not; a restart neither sends nor delays anything."""
    SegmentFile("sealed").run("r1").seal().write(rig.spool)
    SegmentFile("open").run("r2").write(rig.spool)
    until(rig, HOUR)
    finished = {row.id: row.last_commit for row in rig.rows()}
    until(rig, 12 * HOUR)
    until(rig, 23 * HOUR)
    assert len(names(rig)) == 2
    assert {row.id: row.last_commit for row in rig.rows()} == finished
    until(rig, 24 * HOUR + 120)
    assert names(rig) == []
    assert sorted(server.ids) == [["r1"], ["r2"]]
    assert all(row.finished for row in rig.rows())


def test_a_segment_that_was_delivered_long_ago_goes_at_the_first_scan(rig: Rig, server: FaultServer) -> None:
    """What a replay delivered the day before yesterday is not kept for another day."""
    SegmentFile("s").run("r1").seal().write(rig.spool)
    rig.once()
    rig.time.now += 2 * DAY
    rig.daemon(lambda _: not names(rig), keep_for=DAY, limit=100.0)
    assert server.ids == [["r1"]]


def test_a_clock_that_was_set_back_keeps_nothing_that_must_go(rig: Rig, server: FaultServer) -> None:
    """With ``--after delete`` a file goes at once, also if its delivery seems to lie in the future."""
    SegmentFile("s").run("r1").seal().write(rig.spool)
    rig.once()
    rig.time.jump -= 30 * DAY
    rig.daemon(lambda _: not names(rig), keep_for=0.0, limit=100.0)
    assert server.ids == [["r1"]]


def test_pending_records_are_never_removed_with_their_age(rig: Rig, server: FaultServer) -> None:
    """Only what is delivered has a time to go."""
    SegmentFile("s").run("r1").run("r2").seal().write(rig.spool)
    server.behaviour = lambda request: Reply(503) if request.ids == ["r2"] else Reply()
    until(rig, 30 * HOUR)
    assert len(names(rig)) == 1
    server.behaviour = always(Reply())
    until(rig, 31 * HOUR)
    assert len(names(rig)) == 1
    assert server.ids.count(["r1"]) == 1


def test_a_kept_file_that_was_replaced_is_read_and_not_removed(rig: Rig, server: FaultServer) -> None:
    """Another file under the name of a kept one is somebody's new records."""
    path = SegmentFile("s").run("r1").seal().write(rig.spool)
    replaced = False

    def replace(_: Engine) -> bool:
        nonlocal replaced
        if not replaced and rig.time.now > 1_100:
            replaced = True
            SegmentFile("t").run("r2").seal().write(rig.spool).replace(path)
        return rig.time.now > 1_000 + DAY + HOUR

    rig.daemon(replace, keep_for=DAY, limit=2 * DAY)
    assert server.ids == [["r1"], ["r2"]]


def test_a_file_that_can_t_be_removed_now_is_removed_later(rig: Rig, server: FaultServer) -> None:
    """A disk that is read-only for a while leaves nothing behind."""
    SegmentFile("s").run("r1").seal().write(rig.spool)

    def refuse(path: str) -> None:
        if rig.time.now < 2_000:
            raise PermissionError(1, "not permitted", path)
        DISK.remove(path)

    rig.disk = replace(DISK, remove=refuse)
    rig.daemon(lambda _: not names(rig), keep_for=0.0, limit=2_000.0)
    assert rig.time.now >= 2_000
    assert server.ids == [["r1"]]


def test_kept_segments_make_room_for_pending_ones(rig: Rig, server: FaultServer) -> None:
    """While the server is away, the spool fills: over three quarters of the recorder's budget, delivered ones go."""
    config = writer_config({"spool_dir": str(rig.spool), "max_bytes": MIB}, {})
    writer = SpoolWriter(config)
    _record(writer, "r", 20)
    writer.close()

    def fill(_: Engine) -> bool:
        if rig.time.now > 1_060 and server.behaviour(server.requests[0]) == Reply():
            server.behaviour = always(Reply(503))
            later = SpoolWriter(config)
            _record(later, "p", 85)
            later.close()
        return rig.time.now > 1_200

    server.behaviour = always(Reply())
    rig.daemon(fill, keep_for=DAY)
    assert not any(b'"id":"r0"' in path.read_bytes() for path in rig.spool.iterdir())
    assert rig.counts().pending == 85


def test_delivered_segments_never_cause_a_refusal(
    rig: Rig, server: FaultServer, caplog: pytest.LogCaptureFixture
) -> None:
    """An agent with a budget of 1 MiB records for an hour, 57 MiB together: each record is taken and delivered."""
    writer = SpoolWriter(writer_config({"spool_dir": str(rig.spool), "max_bytes": MIB}, {}))
    recorded, most = 0, 0

    def record(_: Engine) -> bool:
        nonlocal recorded, most
        while recorded < min(rig.time.now - 1_000, HOUR):
            assert _record(writer, f"r{recorded}-", 2)
            recorded += 1
        most = max(most, sum(path.stat().st_size for path in rig.spool.iterdir()))
        return rig.time.now > 1_000 + HOUR + 120

    rig.daemon(record, keep_for=DAY)
    writer.close()
    assert "records are lost" not in caplog.text
    assert len(server.ids) == 2 * HOUR
    assert MIB // 4 < most < MIB


def _record(writer: SpoolWriter, name: str, number: int) -> bool:
    """Record runs of 8 KiB; return whether all were taken."""
    lines = []
    for ident in (f"{name}{count}" for count in range(number)):
        body = b'{"type":"run","run_id":"%s","response":"%s"}' % (ident.encode(), b"x" * 8_000)
        lines.append(encode("run", ident, body, at="2026-01-31T12:00:00.000Z", run_id=ident, path="/v1/custom"))
    return writer.record(lines)
