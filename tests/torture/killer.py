"""Forks recorders and kills each at a random moment: ``python killer.py KILLS PAUSE SEED``.

What ``end()`` had returned for is printed, a ``kind:id`` each, as soon as its recorder is dead; at last ``kills:N``.
Half of the recorders keep a journal: of these it is what ``prompt()``, or a child's ``end()``, had returned for.
The recorders write to ``TCC_SPOOL_DIR``.  They are forked from this process, which has imported everything and recorded
nothing, so that a kill costs milliseconds.
"""

import os
import random
import select
import signal
import sys
import threading
import time
from contextlib import suppress
from uuid import uuid4

import tcc_recorder as tcc
from tcc_recorder.spool import writer

LIFE = 0.012
"""Seconds, at most."""
LARGE = 100_000
"""Characters of a few prompts: more than buffers on the way take, so that a kill may meet a body half sent."""


def say(pipe: int, *keys: str) -> None:
    """Tell what is recorded, in one write."""
    os.write(pipe, "".join(f"{key}\n" for key in keys).encode())


def record_one(pipe: int, chance: random.Random, *, journal: bool) -> None:
    """Record a run with two children, a late step and feedback; tell of each when it can't be lost any more."""
    step, call, late = (str(uuid4()) for _ in range(3))
    run = tcc.run().prompt("x" * (chance.randrange(1500) if chance.random() < 0.97 else LARGE))
    if journal:
        say(pipe, f"run:{run.run_id}")
    run.step(step).prompt("p").response("r").end()
    if journal:
        say(pipe, f"step:{step}")
    run.tool_call("t", call).args({"pid": os.getpid()}).end()
    open_step = run.step(late).prompt("late")
    run.response("done").end()
    say(pipe, f"run:{run.run_id}", f"step:{step}", f"tool_call:{call}")
    if chance.random() < 0.3:
        open_step.response("at last").end()
        say(pipe, f"step:{late}")
    if chance.random() < 0.3 and run.feedback(score="thumbs_up"):
        say(pipe, f"feedback:{run.run_id}")


def record_until_killed(pipe: int, seed: int) -> None:
    """Record: alone, in threads, or beside a forked child; in small segments or in one; synced or not."""
    chance = random.Random(seed)  # noqa: S311 -- moments, no secrets
    writer.SEGMENT_BYTES = chance.choice((2_000, 16 * 1024 * 1024))  # type: ignore[misc]
    if chance.random() < 0.1:
        tcc.configure(durability="power")
    journal = chance.random() < 0.5
    if journal:
        tcc.configure(journal=True)
    style = chance.choice(("alone", "alone", "threads", "fork"))

    def work(seed: int) -> None:
        own = random.Random(seed)  # noqa: S311 -- see above
        while True:
            record_one(pipe, own, journal=journal)
            time.sleep(own.uniform(0.0, 0.002))

    if style == "threads":
        for number in range(2):
            threading.Thread(target=work, args=(seed + number,), daemon=True).start()
    elif style == "fork":
        record_one(pipe, chance, journal=journal)
        os.fork()
    work(seed + os.getpid())


def kill_one(seed: int, life: float, *, early: bool) -> bytes:
    """Start a recorder, kill it and what it forked, and return what it told.

    It lives for ``life`` seconds from its start, if the kill is to be ``early``, or else from its first record.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        os.close(reading)
        try:
            record_until_killed(writing, seed)
        finally:
            os._exit(1)
    os.close(writing)
    with suppress(PermissionError):  # it did so itself
        os.setpgid(child, child)
    if not early:
        select.select([reading], [], [], 5.0)
    time.sleep(life)
    os.killpg(child, signal.SIGKILL)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    status = os.waitpid(child, 0)[1]
    if not os.WIFSIGNALED(status):
        raise RuntimeError(f"the recorder ended by itself: {status}")
    return told[: told.rfind(b"\n") + 1]


def main() -> None:
    """Kill so many recorders."""
    kills, pause, seed = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    chance = random.Random(seed)  # noqa: S311 -- moments, no secrets
    for _ in range(kills):
        sys.stdout.buffer.write(
            kill_one(chance.getrandbits(32), chance.uniform(0.0, LIFE), early=chance.random() < 0.5)
        )
        sys.stdout.buffer.flush()
        time.sleep(chance.uniform(0.0, 2 * pause))
    sys.stdout.buffer.write(f"kills:{kills}\n".encode())


if __name__ == "__main__":
    main()
