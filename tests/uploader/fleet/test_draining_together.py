"""Several daemons drain one bucket: each run arrives once, or what happened to a daemon explains it."""

import os
import signal
import subprocess
import time

from support.archive_samples import tar
from support.buckets import Bucket
from support.faults import FaultServer, Reply, Request, SegmentFile
from support.fleet import Fleet, Machine
from support.worlds import PATIENCE, wait_until

UNDER_WAY = 48 + 100
"""The most that is sent again for one kill: see ``test_failures``."""
DAEMON = "daemon", "--after", "delete", "--spool"


def _vanished(fleet: Fleet, process: subprocess.Popen[str]) -> None:
    """Kill a daemon, and let the time of its lease pass for the database."""
    os.killpg(process.pid, signal.SIGKILL)
    _end_lease(fleet, process)


def _end_lease(fleet: Fleet, process: subprocess.Popen[str]) -> None:
    process.wait(timeout=PATIENCE)
    fleet.rows(f"UPDATE tcc.worker SET until = statement_timestamp() WHERE name LIKE '%:{process.pid}'")  # noqa: S608 -- a number


def _machine(fleet: Fleet, bucket: Bucket) -> Machine:
    machine = fleet.machine()
    machine.environment |= bucket.environment()
    return machine


def _stop(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    begun = process.stdout.readline()  # after its first line it handles signals
    process.send_signal(signal.SIGTERM)
    printed, _ = process.communicate(timeout=PATIENCE)
    printed = begun + printed
    assert process.returncode == 0, printed
    assert "Traceback" not in printed
    return printed


def test_two_daemons_drain_a_bucket_while_one_is_killed(fleet: Fleet, bucket: Bucket, server: FaultServer) -> None:
    """Both work; the killed one is started again, and what it had in hand is delivered; the counts add up."""
    objects, runs = 30, 10
    for each in range(objects):
        segment = SegmentFile()
        for run in range(runs):
            segment.run(f"{each}-{run}")
        bucket.put(f"{each:02}.tar", tar({"a.jsonl": segment.seal().data}))

    def slowly(_: Request) -> Reply:
        time.sleep(0.01)
        return Reply()

    server.behaviour = slowly
    machines = [_machine(fleet, bucket) for _ in range(2)]
    daemons = [machine.start(*DAEMON, bucket.url, TCC_IN_FLIGHT="8") for machine in machines]
    server.wait_for(lambda: len(server.requests) > objects * runs // 4)
    _vanished(fleet, daemons[0])
    daemons[0] = machines[0].start(*DAEMON, bucket.url)
    wait_until(lambda: not bucket.names(), "an empty bucket")
    wait_until(lambda: fleet.rows("SELECT count(*) FROM tcc.object WHERE NOT finished") == [(0,)], "nothing in hand")
    printed = [_stop(daemon) for daemon in daemons]
    assert not any("by this worker alone" in text for text in printed)
    receipts = fleet.receipts()
    assert len(receipts) == objects * runs
    assert sum(receipts.values()) - len(receipts) <= UNDER_WAY
    total = objects * runs
    assert fleet.rows("SELECT sum(records), sum(delivered) FROM tcc.segment WHERE finished") == [(total, total)]
    assert fleet.rows("SELECT count(*) FROM tcc.object WHERE finished") == [(objects,)]


def test_an_object_that_kills_is_set_aside_and_named_and_all_others_arrive(
    fleet: Fleet, bucket: Bucket, server: FaultServer
) -> None:
    """After ``ledger retry`` it is tried again."""
    names = ["a", "b", "poison", "c"]
    for name in names:
        bucket.put(f"{name}.jsonl", SegmentFile().run(name).seal().data)
    running: list[subprocess.Popen[str]] = []
    is_deadly = True

    def kill(request: Request) -> Reply:
        if is_deadly and b"poison" in request.body:
            os.killpg(running[-1].pid, signal.SIGKILL)
        return Reply()

    server.behaviour = kill
    machine = _machine(fleet, bucket)
    while not fleet.rows("SELECT uri FROM tcc.object WHERE attempt > 5"):
        running.append(machine.start(*DAEMON, bucket.url))
        _end_lease(fleet, running[-1])
    running.append(machine.start(*DAEMON, bucket.url))
    wait_until(lambda: bucket.names() == ["poison.jsonl"], "all others")
    assert f"tcc-upload ledger retry {bucket.url}poison.jsonl" in machine.status_text()
    _stop(running[-1])
    is_deadly = False
    machine.run("ledger", "retry", f"{bucket.url}poison.jsonl")
    running.append(machine.start(*DAEMON, bucket.url))
    wait_until(lambda: not bucket.names(), "an empty bucket")
    _stop(running[-1])
    assert set(fleet.receipts()) == set(names)
    assert len(running) == 8
