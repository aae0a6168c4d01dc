"""Bodies too large for the server, and records that aim where they should not."""

from support.faults import FaultServer, Reply, Request, SegmentFile, ids_of, run_item, step_item
from support.rigging import Rig
from tcc_uploader.delivery.engine import Engine

LIMIT = 1_000_000


def limited(request: Request) -> Reply:
    """Take bodies of a megabyte at most."""
    return Reply(413 if len(request.body) > LIMIT else 200)


def test_runs_of_many_children_get_through_a_limit_of_a_megabyte(rig: Rig, server: FaultServer) -> None:
    """A body over the limit goes item by item; every item arrives once, and what comes behind is not held up."""
    server.behaviour = limited
    segment = SegmentFile()
    for run in ("big", "bigger"):
        children = [step_item(run, f"{run}-{number}", prompt="p" * 30_000) for number in range(60)]
        segment.run(run, *children).run(f"after-{run}")
    segment.seal().write(rig.spool)
    outcome = rig.once()
    assert (outcome.counts.delivered, outcome.counts.dead) == (4, 0)
    taken = [ident for request in server.requests if len(request.body) <= LIMIT for ident in request.ids]
    expected = [name for run in ("big", "bigger") for name in (*(f"{run}-{n}" for n in range(60)), run, f"after-{run}")]
    assert sorted(taken) == sorted(expected)
    assert taken.index("big-59") < taken.index("big"), "the official order: children, then their run"


def test_one_child_over_the_limit_is_dead_alone(rig: Rig, server: FaultServer) -> None:
    """Of a run with one child that no request can hold, all but that child arrive; it is dead, and no other."""
    server.behaviour = limited
    children = [step_item("r1", f"s{number}", prompt="p" * (1_500_000 if number == 3 else 10)) for number in range(6)]
    SegmentFile().run("r1", *children).run("r2").seal().write(rig.spool)
    outcome = rig.once()
    assert (outcome.counts.delivered, outcome.counts.dead) == (1, 1)
    taken = {ident for request in server.requests if len(request.body) <= LIMIT for ident in request.ids}
    assert taken == {"r1", "r2", "s0", "s1", "s2", "s4", "s5"}
    (letter,) = rig.letters()
    assert b'"s3"' in letter.body_bytes
    assert b'"s2"' not in letter.body_bytes


def test_poison_among_many_under_load_costs_itself_alone(rig: Rig, server: FaultServer) -> None:
    """Every tenth run is refused for itself, sixteen at a time: those are dead, the others each arrive once."""
    poison = {f"r{number:03}" for number in range(0, 300, 10)}
    server.behaviour = lambda request: Reply(400 if poison & set(request.ids) else 200)
    for start in range(0, 300, 50):
        segment = SegmentFile()
        for number in range(start, start + 50):
            segment.run(f"r{number:03}")
        segment.seal().write(rig.spool)
    outcome = rig.once(in_flight=16)
    assert (outcome.counts.delivered, outcome.counts.dead) == (270, 30)
    assert {letter.record_id for letter in rig.letters()} == poison
    taken = [ids[0] for ids in server.ids if ids[0] not in poison]
    assert len(taken) == len(set(taken)) == 270


def test_a_record_that_aims_at_another_loopback_port_gets_no_key_there(rig: Rig, server: FaultServer) -> None:
    """With our own server on loopback, a record's URL of another port is another origin: it hears nothing at all."""
    with FaultServer() as other:
        segment = SegmentFile()
        for number, url in enumerate(
            (other.url, f"http://localhost:{other.port}", f"http://u:p@127.0.0.1:{other.port}")
        ):
            segment.record("run", f"aimed-{number}", run_item(f"aimed-{number}"), url=f"{url}/v1/custom")
        segment.run("r1").seal().write(rig.spool)
        started = rig.time.now

        def until(_: Engine) -> object:
            return rig.time.now > started + 2_000

        rig.daemon(until)
        assert other.connections == 0
    assert server.ids == [["r1"]]
    assert rig.counts().pending == 3
    assert ids_of(server.requests[0].json) == ["r1"]
