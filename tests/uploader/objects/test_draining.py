"""``daemon --spool s3://…``: every object is delivered, and deleted only when all that it holds is settled."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from support.archive_samples import tar
from support.buckets import SECRET, Bucket
from support.faults import FaultServer, Reply, SegmentFile, always
from support.faulty_store import Asked, Fault, FaultyStore
from support.rigging import Rig
from support.shell import Shell
from support.worlds import wait_until
from tcc_uploader.delivery import line_cache
from tcc_uploader.delivery.engine import Engine
from tcc_uploader.sources.object_queue import SoleWorker
from tcc_uploader.sources.object_source import ObjectSource
from tcc_uploader.sources.s3 import S3

Drain = Callable[..., Engine]


@pytest.fixture
def drain(rig: Rig, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Drain:
    """Give a function that drains the bucket until something is true, then stops as a daemon does."""

    def run(until: Callable[[Engine], object], *, deletes: bool = True, port: int | None = None) -> Engine:
        for name, value in bucket.environment(port).items():
            monkeypatch.setenv(name, value)
        store = S3(bucket.url)
        source = ObjectSource(bucket.url, store, SoleWorker(rig.time.clock), drains=True, deletes=deletes)
        engine = rig.daemon(until, removes=deletes, archives=[source], spools=(), limit=1e7)  # a store takes real time
        source.close()
        return engine

    return run


def sent(server: FaultServer) -> list[str]:
    """Return the ids of what the server got, in order."""
    return sorted(ident for request in server.ids for ident in request)


def listings(store: FaultyStore) -> int:
    """Return how often the bucket was listed."""
    return sum("list-type" in each.path for each in store.asked)


def test_what_is_settled_is_deleted(drain: Drain, bucket: Bucket, server: FaultServer) -> None:
    """A bundle, a sealed segment, and one that nobody will seal: an object can't grow."""
    bucket.put("a.tar", tar({f"{n}.jsonl": SegmentFile().run(f"a{n}").seal().data for n in range(3)}))
    bucket.put("b.jsonl", SegmentFile().run("b").seal().data)
    bucket.put("c.jsonl", SegmentFile().run("c").data)
    drain(lambda _: not bucket.names())
    assert sent(server) == ["a0", "a1", "a2", "b", "c"]


def test_by_default_objects_are_kept_and_read_once(drain: Drain, bucket: Bucket, server: FaultServer) -> None:
    """Each pass lists them, and reads what is new; another etag is another object."""
    bucket.put("a.jsonl", SegmentFile().run("a").seal().data)
    put: list[str] = []

    def until(_: Engine) -> bool:
        for before, name in (("a", "b"), ("b", "c")):
            if before in sent(server) and name not in put:
                put.append(name)
                bucket.put("b.jsonl", SegmentFile().run(name).seal().data)
        return "c" in sent(server) and listings(store) > 4

    with FaultyStore(bucket.port, lambda _: None) as store:
        drain(until, deletes=False, port=store.port)
    assert sent(server) == ["a", "b", "c"]
    assert sum(each.method == "GET" and "a.jsonl" in each.path for each in store.asked) == 1
    assert bucket.names() == ["a.jsonl", "b.jsonl"]


@pytest.mark.parametrize("deletes", [True, False])
def test_what_is_damaged_or_undecided_stays(
    drain: Drain, bucket: Bucket, server: FaultServer, caplog: pytest.LogCaptureFixture, *, deletes: bool
) -> None:
    """Evidence is kept, and so is a run whose end nobody has seen; it is named; what is good in it is delivered."""
    open_run = {"type": "run", "run_id": "open", "start_time": "2026-01-31T12:00:00Z"}
    bucket.put("broken.tar.gz", b"\x1f\x8b\x08" + bytes(100))
    bucket.put("damaged.jsonl", SegmentFile().run("a").raw(b"x\n").seal().data)
    bucket.put("good.jsonl", SegmentFile().run("b").seal().data)
    bucket.put("unended.jsonl", SegmentFile().run("c").record("journal", "open", open_run, path=None).data)
    kept = ["broken.tar.gz", "damaged.jsonl", "unended.jsonl"]
    with FaultyStore(bucket.port, lambda _: None) as store:
        engine = drain(lambda _: len(sent(server)) == 3 and listings(store) > 4, deletes=deletes, port=store.port)
    assert sent(server) == ["a", "b", "c"]
    assert bucket.names() == (kept if deletes else sorted([*kept, "good.jsonl"]))
    for name in kept:
        assert sum(f"kept: {bucket.url}{name}" in record.getMessage() for record in caplog.records) == 1
    assert engine.intake.live == []


def test_nothing_is_deleted_before_it_is_delivered(drain: Drain, bucket: Bucket, server: FaultServer) -> None:
    """While the server is down objects stay; when it is up again they are delivered, and go."""
    for number in range(5):
        bucket.put(f"{number}.jsonl", SegmentFile().run(f"run-{number}").seal().data)
    server.behaviour = always(Reply(503))

    def until(engine: Engine) -> bool:
        if engine.intake.scans >= 3 and server.behaviour is not accept:
            assert len(bucket.names()) == 5
            server.behaviour = accept
        return not bucket.names()

    accept = always(Reply())
    drain(until)
    assert set(sent(server)) == {f"run-{number}" for number in range(5)}


def test_an_operator_s_pause_holds_up_no_other_object(
    drain: Drain, bucket: Bucket, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a key is refused, what does not fit into memory is given back; with a right key all of it arrives."""
    monkeypatch.setattr(line_cache, "_PINNED_BYTES", 20_000)
    segments = {f"{number:02}.jsonl": SegmentFile().run(f"run-{number}").seal().data for number in range(30)}
    bucket.put("00.jsonl", segments.pop("00.jsonl"))
    server.behaviour = always(Reply(401))
    read: set[int] = set()

    def until(engine: Engine) -> bool:
        read.add(engine.backlog.waiting + len(engine.in_flight))
        paused = any(queue.health.pause is not None for queue in engine.backlog.queues.values())
        while segments and paused:  # only what is read from then on is given back
            bucket.put(*segments.popitem())
            before.append(listings(store))
        if before and listings(store) > before[-1] + 2 and server.behaviour is not accept:
            assert len(bucket.names()) == 30
            assert max(read) < 20
            server.behaviour = accept
        return not bucket.names()

    before: list[int] = []
    accept = always(Reply())
    with FaultyStore(bucket.port, lambda _: None) as store:
        engine = drain(until, port=store.port)
    assert set(sent(server)) == {f"run-{number}" for number in range(30)}
    assert engine.intake.counts.delivered == engine.intake.counts.records == 30


def test_what_could_not_be_read_on_is_read_again(drain: Drain, bucket: Bucket, server: FaultServer) -> None:
    """Later, from its beginning; what was delivered of it is not sent again, and its records count once."""
    text = "".join(f"{number:08}" for number in range(150_000))
    data = SegmentFile().run("a", prompt={"user_prompt": text}).run("b", prompt={"user_prompt": text}).seal().data
    bucket.put("a.jsonl", data)
    works = False

    def fault(asked: Asked) -> Fault | None:
        if works or "a.jsonl" not in asked.path:
            return None
        return Fault(503) if asked.before else Fault(cut_at=2_000_000)

    def until(_: Engine) -> bool:
        nonlocal works
        works = works or listings(store) > 1  # another pass: the first one has given up
        return not bucket.names()

    with FaultyStore(bucket.port, fault) as store:
        engine = drain(until, port=store.port)
    assert sent(server) == ["a", "b"]
    assert engine.intake.counts.records == engine.intake.counts.delivered + engine.intake.counts.duplicate


def test_a_store_that_is_down_is_asked_again(
    drain: Drain, bucket: Bucket, server: FaultServer, caplog: pytest.LogCaptureFixture
) -> None:
    """An outage of the store ends nothing; it is told once."""
    bucket.put("a.jsonl", SegmentFile().run("a").seal().data)
    works = False

    def fault(_: Asked) -> Fault | None:
        return None if works else Fault(403)

    def until(_: Engine) -> bool:
        nonlocal works
        works = works or listings(store) > 3
        return not bucket.names()

    with FaultyStore(bucket.port, fault) as store:
        drain(until, port=store.port)
    assert sent(server) == ["a"]
    assert sum("can't list" in record.getMessage() for record in caplog.records) == 1


def test_an_object_that_is_another_one_now_is_not_deleted(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was read; what has its name now was not."""
    bucket.put("a.jsonl", b"1")
    for name, value in bucket.environment().items():
        monkeypatch.setenv(name, value)
    store = S3(bucket.url)
    ((first,),) = list(store.pages())
    bucket.put("a.jsonl", b"2")
    store.delete(first)
    assert bucket.get("a.jsonl") == b"2"
    ((second,),) = list(store.pages())
    store.delete(second)
    assert bucket.names() == []


def test_the_command_drains_a_bucket(shell: Shell, bucket: Bucket, server: FaultServer, tmp_path: Path) -> None:
    """It says that it works alone; no secret is in what it prints or in its state."""
    bucket.put("a.jsonl", SegmentFile().run("a").seal().data)
    shell.environment |= bucket.environment() | {"TCC_DEBUG": "1"}
    with shell.daemon("--spool", bucket.url, end=signal.SIGTERM):
        wait_until(lambda: not bucket.names(), "the object to be deleted")
    assert sent(server) == ["a"]
    assert f"{bucket.url} is read by this worker alone" in shell.printed
    shell.status_text()
    shell.run("doctor", code=None)
    shell.run("config", "show", "--spool", bucket.url)
    shell.run("replay", bucket.url, code=77, AWS_SECRET_ACCESS_KEY=SECRET[::-1])
    assert bucket.url in shell.printed
    for secret in (SECRET, SECRET[::-1]):
        assert secret not in shell.printed
        assert not [path for path, data in shell.files().items() if secret.encode() in data]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--after", "keep 24h"], "objects are kept or deleted"),
        (["--spool", "s3://"], "s3://BUCKET/PREFIX"),
    ],
)
def test_what_can_t_be_meant_is_a_usage_error(shell: Shell, arguments: list[str], said: str) -> None:
    """It is said at once, before any store is asked."""
    shell.run("daemon", "--spool", "s3://bucket/", *arguments, code=2)
    assert said in shell.printed


def test_recorders_need_a_folder(shell: Shell) -> None:
    """A variable that agents read, too, must not name a bucket: they would make a folder called ``s3:``."""
    shell.run("status", code=2, TCC_SPOOL_DIR="s3://bucket/x")
    assert "a recorder needs a folder" in shell.printed


def test_what_waits_in_a_bucket_is_pending_and_not_gone(shell: Shell, bucket: Bucket, server: FaultServer) -> None:
    """``status`` and ``verify`` ask no store, and call nothing missing for that."""
    bucket.put("a.jsonl", SegmentFile().run("a").seal().data)
    shell.environment |= bucket.environment()
    server.behaviour = always(Reply(503))
    shell.run("replay", bucket.url, "--timeout", "0", code=75)
    status = shell.json("status", "--max-age", "9999w")
    assert (status["counts"]["pending"], status["not_in_sight"], status["findings"]) == (1, 0, [])
    shell.run("verify")
