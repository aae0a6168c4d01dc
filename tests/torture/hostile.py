"""Measures what hostile input costs: processor time, memory and output, each at one, two and four times its size."""

import json
import os
import shutil
import subprocess
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from support.faults import KEY, FaultServer, SegmentFile

COSTED: Final = """
import atexit, json, os, resource, time
from tcc_uploader.delivery.engine import Engine
turn, step = [0.0], Engine._step
def timed(engine):
    begun = time.thread_time()
    step(engine)
    turn[0] = max(turn[0], time.thread_time() - begun)
Engine._step = timed
def tell():
    used = resource.getrusage(resource.RUSAGE_SELF)
    peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
    with open(os.environ["COSTS"], "w") as file:
        json.dump({"seconds": used.ru_utime + used.ru_stime, "peak": peak * 1024, "turn": turn[0]}, file)
atexit.register(tell)
from tcc_uploader.cli.main import run
run()
"""
"""The command, which tells at its end what it cost.  A turn lies between two looks into the inbox."""
SCALES: Final = (1, 2, 4)
_PATIENCE: Final = 600
_SHORT: Final = 1.0
"""Seconds that are not compared."""
_MEMORY: Final = 64 << 20
_LITTLE: Final = 1_000_000
"""Bytes of output that are few."""
_TURN: Final = 5.0


class Shape(NamedTuple):
    """A kind of hostile input: what it is, who makes it (in a folder, at a scale), and what is run with it.

    ``IN`` in a command stands for the path that was made, ``SPOOL`` for the spool with the good file.
    """

    title: str
    make: Callable[[Path, int], Path]
    commands: Sequence[Sequence[str]]
    line: int = 1 << 20
    """Bytes of its longest line that is admitted."""


class Cost(NamedTuple):
    """What some commands cost: processor seconds, the highest peak in bytes, bytes that they wrote, the longest turn.

    ``arrived`` is whether the run of a good file beside it was delivered.
    """

    seconds: float
    peak: int
    output: int
    turn: float
    arrived: bool


def cost_of(folder: Path, shape: Shape, scale: int) -> tuple[int, Cost]:
    """Return the input's size in bytes, and what its commands cost; at scale 0 there is the good file alone."""
    folder.mkdir(parents=True)
    good = SegmentFile("good").run("good").seal().write(folder / "spool", "zz-good.jsonl")
    path = shape.make(folder, scale) if scale else good
    costs: list[Mapping[str, Any]] = []
    with FaultServer() as server:
        places = {"IN": str(path), "SPOOL": str(folder / "spool")}
        output = sum(
            _run(folder, server.url, [places.get(word, word) for word in command], costs) for command in shape.commands
        )
        arrived = any("good" in ids for ids in server.ids)
    output += sum(file.stat().st_size for file in folder.glob("state/*/status.json"))
    return path.stat().st_size, Cost(
        sum(cost["seconds"] for cost in costs),
        max(cost["peak"] for cost in costs),
        output,
        max(cost["turn"] for cost in costs),
        arrived,
    )


def _run(folder: Path, url: str, command: Sequence[str], costs: list[Mapping[str, Any]]) -> int:
    """Run one command, add its costs, and return how many bytes it printed."""
    told = folder / "costs.json"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "COSTS": str(told),
        "TCC_SPOOL_DIR": str(folder / "spool"),
        "TCC_STATE_DIR": str(folder / "state"),
        "TCC_TARGET": "here",
        "TCC_API_KEY": KEY,
        "TCC_BASE_URL": url,
    }
    with (folder / "printed").open("wb") as printed:
        program = [sys.executable, "-c", COSTED, *command]
        subprocess.run(program, env=environment, stdout=printed, stderr=printed, timeout=_PATIENCE, check=False)
    costs.append(json.loads(told.read_bytes()))
    told.unlink()
    text = (folder / "printed").read_bytes()
    assert b"Traceback" not in text, text[-2000:]
    return len(text)


def run_hostile(folder: Path, shapes: Mapping[str, Shape]) -> Namespace:
    """Return what every shape costs above the empty run.  Raises AssertionError if that is more than it may."""
    found: dict[str, Any] = {}
    wrong: list[str] = []
    for name, shape in shapes.items():
        _, empty = cost_of(folder / name / "0", shape, 0)
        costs = []
        sizes = []
        for scale in SCALES:
            size, cost = cost_of(folder / name / str(scale), shape, scale)
            shutil.rmtree(folder / name / str(scale))
            sizes.append(size)
            peak = max(0, cost.peak - empty.peak)
            costs.append(cost._replace(seconds=max(0.0, cost.seconds - empty.seconds), peak=peak))
        wrong += [f"{name}: {fault}" for fault in faults_of(shape, costs)]
        found[name] = {"title": shape.title, "sizes": sizes, "costs": [cost._asdict() for cost in costs]}
    assert not wrong, "\n".join([*wrong, str(found)])
    return Namespace(shapes=found)


def faults_of(shape: Shape, costs: Sequence[Cost]) -> Iterator[str]:
    """Yield what of the costs at each scale is more than it may be."""
    _, double, fourfold = costs
    if fourfold.seconds > max(_SHORT, 2.8 * double.seconds):
        yield f"twice as much takes {fourfold.seconds / double.seconds:.1f} times as long"
    if (peak := max(cost.peak for cost in costs)) > _MEMORY + 5 * shape.line:
        yield f"it takes {peak:,} bytes of memory"
    if fourfold.output > max(_LITTLE, 1.2 * double.output):
        yield f"output grows: {double.output:,} bytes, then {fourfold.output:,}"
    if (turn := max(cost.turn for cost in costs)) > _TURN:
        yield f"a turn takes {turn:.1f} s"
    if not all(cost.arrived for cost in costs):
        yield "the good file did not arrive"
