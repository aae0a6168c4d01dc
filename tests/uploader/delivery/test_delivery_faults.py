"""Faults that reviews have found in the delivery, each held by a test."""

import threading
import time

import pytest

from support.faults import FaultServer, Reply, Request, SegmentFile, run_item, step_item
from support.rigging import Rig, refused_record
from tcc_schemas.lines import Line, LineReader
from tcc_uploader.dead.store import LetterFolder
from tcc_uploader.delivery.engine import Engine, Limits
from tcc_uploader.delivery.health import OPERATOR_PROBE, Health
from tcc_uploader.delivery.host import Host
from tcc_uploader.delivery.line_cache import LineCache
from tcc_uploader.ledger.sqlite import SqliteLedger
from tcc_uploader.model.letter import LetterRequest
from tcc_uploader.model.rows import Changes
from tcc_uploader.sources.given import Sources


def test_a_recovered_run_is_sent_whole_again_after_an_outage(rig: Rig, server: FaultServer) -> None:
    """Its bytes stand in no file: they are kept until it is settled, however often it is tried."""
    file = SegmentFile()
    for ident, item in (("open", run_item("open")), ("s1", step_item("open", "s1"))):
        file.record("journal", ident, item, run_id="open", path=None)
    file.write(rig.spool)
    server.behaviour = lambda _: Reply(503) if len(server.requests) < 3 else Reply()
    rig.once(is_gone=lambda _: True)
    assert server.ids == [["open", "s1"]] * 3
    assert len({request.body for request in server.requests}) == 1


def test_a_line_that_is_pinned_is_never_evicted() -> None:
    """Keeping it once more does not make it one that goes when it is taken."""
    cache = LineCache()
    line = LineReader().read(SegmentFile().run("r").data)[1]
    assert isinstance(line, Line)
    cache.pin(1, line)
    cache.keep(1, line)
    assert cache.take(1, line.number) is cache.take(1, line.number) is line


def test_no_key_is_committed_before_its_letter_is_written(
    rig: Rig, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever commits: of a run whose item was refused the ledger knows nothing before its letter is written."""
    ident = refused_record(rig, server)
    SegmentFile("b").run("r1", step_item("r1", "s1"), step_item("r1", "s2")).write(rig.spool)
    server.behaviour = lambda request: Reply(413) if len(request.ids) > 1 or request.ids == ["s1"] else Reply()
    sources = Sources([rig.spool])
    host = Host(clock=rig.time.clock)
    with rig.ledger() as ledger, Engine(rig.settings(), ledger, rig.folder, sources, host=host) as engine:
        commit = SqliteLedger.commit
        missing: list[str] = []

        def watched(self: SqliteLedger, changes: Changes) -> None:
            if changes.delivered and engine.settlement.unwritten_letters:
                missing.append("letter")
            commit(self, changes)

        monkeypatch.setattr(SqliteLedger, "commit", watched)
        dead_letter = engine.backlog.settlement.__class__.dead_letter

        def requested(*arguments: object) -> None:
            """At this very moment an operator asks for another letter, which is committed at once."""
            dead_letter(*arguments)  # type: ignore[arg-type]
            LetterFolder(rig.state).ask(LetterRequest(action="drop", letter=ident))
            engine._requeue.take_requests()

        monkeypatch.setattr(engine.backlog.settlement.__class__, "dead_letter", requested)
        engine.run_once(30)
    assert not missing
    assert [letter.record_id for letter in rig.letters()] == ["r1"]


def test_an_operator_s_pause_is_probed_every_five_minutes_whatever_a_probe_is_answered(
    rig: Rig, server: FaultServer
) -> None:
    """A wrong key, then an outage: one request at each probe, no storm of them."""
    file = SegmentFile()
    for number in range(50):
        file.run(f"r{number}")
    file.write(rig.spool)
    server.behaviour = lambda _: Reply(401) if len(server.requests) == 1 else Reply(503)
    began = rig.time.now
    rig.daemon(lambda _: rig.time.now > began + 3.5 * OPERATOR_PROBE)
    assert len(server.requests) == 4


def test_a_failed_probe_leaves_what_the_operator_has_to_do() -> None:
    """The next probe comes later; reason and remedy stay."""
    health = Health()
    health.needs_operator("HTTP 401", "mend the key", now=0, wall=0)
    health.failed("HTTP 503", None, now=OPERATOR_PROBE, wall=1, chance=0.5)
    assert health.pause is not None
    assert (health.pause.reason, health.pause.remedy) == ("HTTP 401", "mend the key")
    assert health.pause.next_probe == 2 * OPERATOR_PROBE


def test_the_last_answers_are_waited_for_without_spinning_and_committed_as_they_come(
    rig: Rig, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the end, with much unread, the loop sleeps until an answer comes; its commit does not wait for the last."""
    file = SegmentFile()
    for number in range(400):
        file.run(f"r{number}")
    file.write(rig.spool)
    release, stopped = threading.Event(), threading.Event()

    def slow(request: Request) -> Reply:
        if request.ids != ["r0"]:
            release.wait(60)
        return Reply()

    server.behaviour = slow
    commits = 0
    commit = SqliteLedger.commit

    def counted(self: SqliteLedger, changes: Changes) -> None:
        nonlocal commits
        commit(self, changes)
        commits += stopped.is_set()

    monkeypatch.setattr(SqliteLedger, "commit", counted)
    turns = 0
    listen = Engine._listen

    def watched(engine: Engine, until: float) -> None:
        nonlocal turns
        turns += 1
        if turns == 1:  # the drain has begun: half of the answers come now, the others later
            threading.Timer(0.5, release.set).start()
        listen(engine, until)

    sources, limits = Sources([rig.spool]), Limits(read_ahead=8)
    with (
        rig.ledger() as ledger,
        Engine(rig.settings(in_flight=4), ledger, rig.folder, sources, limits=limits) as engine,
    ):
        began = time.monotonic()
        threading.Thread(target=lambda: (_until(lambda: len(server.requests) >= 4), engine.stop())).start()
        drain = Engine._drain

        def ending(self: Engine) -> None:
            stopped.set()
            monkeypatch.setattr(Engine, "_listen", watched)
            drain(self)

        monkeypatch.setattr(Engine, "_drain", ending)
        engine.run_for_ever()
    assert commits >= 1
    assert turns <= 100, f"{turns} turns in {time.monotonic() - began:.1f} s"


def test_the_items_of_a_run_are_committed_while_others_of_it_are_sent(
    rig: Rig, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill on the way through a large run sends few of its items twice."""
    SegmentFile().run("r1", *(step_item("r1", f"s{number}") for number in range(12))).write(rig.spool)

    def behaviour(request: Request) -> Reply:
        rig.time.now += 0.1  # longer than a commit waits for more answers
        return Reply(413) if len(request.ids) > 1 else Reply()

    server.behaviour = behaviour
    commits: list[int] = []
    commit = SqliteLedger.commit

    def counted(self: SqliteLedger, changes: Changes) -> None:
        commits.append(len(changes.delivered))
        commit(self, changes)

    monkeypatch.setattr(SqliteLedger, "commit", counted)
    assert rig.once().counts.delivered == 1
    assert max(commits) <= 6
    assert sum(commits) == 14  # twelve steps, the run's own item, and the record


def test_a_record_that_can_t_be_read_again_is_logged_once_and_tried_less_often(
    rig: Rig, server: FaultServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A disk with errors does not fill the log, nor cost a read every two seconds for ever."""
    SegmentFile().run("r1").write(rig.spool)
    reads = 0

    def fail(*_: object) -> None:
        nonlocal reads
        reads += 1
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("tcc_uploader.delivery.backlog.reader.fetch", fail)
    monkeypatch.setattr(LineCache, "take", lambda *_: None)
    began = rig.time.now
    rig.daemon(lambda _: rig.time.now > began + 1000)
    assert caplog.text.count("can't read") == 1
    assert reads <= 12


def _until(condition: object) -> None:
    while not condition():  # type: ignore[operator]
        time.sleep(0.01)


def test_a_success_of_an_earlier_request_does_not_end_a_pause_that_the_server_asked_for() -> None:
    """Ten minutes are ten minutes; any other outage is over at the first success."""
    health = Health()
    health.failed("HTTP 429", 600, now=0, wall=0, chance=0.5)
    health.succeeded(now=1, wall=1)
    assert health.pause is not None
    assert health.pause.next_probe == 600
    health.succeeded(now=600, wall=600)
    assert health.pause is None
    health.failed("HTTP 503", None, now=601, wall=601, chance=0.5)
    health.succeeded(now=601, wall=601)
    assert health.pause is None


def test_the_items_of_a_run_wait_while_the_destination_is_paused(rig: Rig, server: FaultServer) -> None:
    """A Retry-After that another record got holds for the next item, too; then the run goes on where it was."""
    SegmentFile().run("r1", *(step_item("r1", f"s{number}") for number in range(4))).write(rig.spool)
    times: dict[str, float] = {}

    def behaviour(request: Request) -> Reply:
        times[request.ids[-1]] = rig.time.now
        if request.ids == ["s1"] and rig.engine is not None:
            (queue,) = rig.engine.backlog.queues.values()
            queue.health.failed("HTTP 429", 600, now=rig.time.now, wall=rig.time.now, chance=0.5)
        return Reply(413) if len(request.ids) > 1 else Reply()

    server.behaviour = behaviour
    rig.daemon(lambda engine: engine.settlement.total.delivered == 1)
    assert server.ids[1:] == [["s0"], ["s1"], ["s2"], ["s3"], ["r1"]]
    assert times["s2"] - times["s1"] >= 600


def test_a_segment_whose_last_record_is_dead_is_finished_with_the_same_commit(rig: Rig, server: FaultServer) -> None:
    """Once its letter is written nothing more is expected of it, though the uploader ends right then."""
    SegmentFile().run("r1").run("r2").seal().write(rig.spool)
    server.behaviour = lambda request: Reply(422) if request.ids == ["r2"] else Reply()
    assert rig.once().counts.dead == 1
    (row,) = rig.rows()
    assert row.finished
