"""Recorders and daemons that are killed at any moment lose nothing that was recorded."""

import os
import random
import signal
import time
from collections.abc import Iterable

from support.worlds import PATIENCE, World, stop, wait_until

# prints each run's id once its prompt() has returned; threads and a forked child record too
AGENT = """
import os, sys, threading, time
import tcc_recorder as tcc

def work(name):
    while True:
        r = tcc.run().prompt("x" * 500)
        os.write(1, (r.run_id + "\\n").encode())
        r.step().prompt("p").response("r").end()
        r.tool_call("t").args({"by": name}).end()
        r.response("done").end()
        time.sleep(0.002)

tcc.configure(journal=True)
tcc.run().prompt("before the fork").end()
name = "parent" if os.fork() else "child"
threading.Thread(target=work, args=("thread of " + name,), daemon=True).start()
work(name)
"""

FINITE_AGENT = """
import sys
import tcc_recorder as tcc
for _ in range(int(sys.argv[1])):
    r = tcc.run().prompt("p").response("r")
    r.end()
    print(r.run_id, flush=True)
"""


WAITING_AGENT = """
import signal
import tcc_recorder as tcc
r = tcc.run().prompt("p")
r.end()
print(r.run_id, flush=True)
signal.pause()
"""


def killed_agent(world: World, chance: random.Random) -> set[str]:
    """Let an agent record for a moment, kill it and its child, and return the runs that had got their prompt."""
    agent = world.agent(AGENT)
    assert agent.stdout is not None
    first = agent.stdout.readline()
    time.sleep(chance.uniform(0.0, 0.05))  # not a wait for anything: the moment of the kill is what varies
    os.killpg(agent.pid, signal.SIGKILL)
    rest = agent.communicate(timeout=PATIENCE)[0]
    # a line that was cut short by the kill tells of no call that returned to the agent
    return {line for line in (first + rest).split("\n")[:-1] if len(line) == 36}


def check_receipts(world: World, recorded: Iterable[str], most: int) -> None:
    """Every recorded run arrived, none too often, and always with the same bytes."""
    receipts = world.receipts()
    missing = [run_id for run_id in recorded if ("run", run_id) not in receipts]
    assert not missing
    assert all(len(digests) == 1 for digests in receipts.values())
    assert max(sum(digests.values()) for digests in receipts.values()) <= most


def test_killed_recorders_and_daemons_lose_no_run(world: World) -> None:
    """Every run that had called prompt() arrives, ended or recovered; after k daemon kills at most k + 1 times."""
    chance = random.Random(7)  # noqa: S311 -- moments, no secrets
    recorded: set[str] = set()
    kills = 0
    daemon = world.daemon()
    for _ in range(8):
        recorded |= killed_agent(world, chance)
        if chance.random() < 0.7:
            stop(daemon, signal.SIGKILL)
            kills += 1
            daemon = world.daemon()
    assert kills
    wait_until(lambda: world.received(recorded), "every recorded run")
    assert stop(daemon) == 0
    assert world.upload("replay").returncode in (0, 65)  # torn tails of killed agents are damage
    check_receipts(world, recorded, kills + 1)


def test_graceful_restarts_send_nothing_twice(world: World) -> None:
    """A daemon that is stopped by a signal in the midst of its work has committed what it sent."""
    agent = world.agent(FINITE_AGENT, "1500")
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM, signal.SIGINT):
        daemon = world.daemon()
        before = len(world.receipts())
        wait_until(lambda before=before: len(world.receipts()) > before, "some progress")
        assert stop(daemon, number) == 0
    recorded = set(agent.communicate(timeout=PATIENCE)[0].split())
    assert world.upload("replay").returncode == 0
    assert len(recorded) == 1500
    check_receipts(world, recorded, 1)


def test_a_record_is_on_its_way_while_its_segment_is_open(world: World) -> None:
    """The daemon ships a run as it ends, from a segment that its recorder still holds, and removes it after the end."""
    daemon = world.daemon()
    agent = world.agent(WAITING_AGENT)
    assert agent.stdout is not None
    run_id = agent.stdout.readline().strip()
    wait_until(lambda: world.received({run_id}), "the run")
    assert agent.poll() is None
    assert len(list(world.spool.iterdir())) == 1
    stop(agent, signal.SIGINT)
    wait_until(lambda: not list(world.spool.iterdir()), "an empty spool")
    assert stop(daemon) == 0
    check_receipts(world, [run_id], 1)
