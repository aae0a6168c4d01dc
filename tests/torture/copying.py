"""A spool is copied thousands of times, by tar and by shutil.copytree, while recorders write and seal in it.

What was recorded before a copy began is in the copy.  Copies that follow each other are replayed into one state.
"""

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.faults import FaultServer
from support.rigging import Rig
from support.worlds import wait_until
from tcc_schemas.lines import Line, LineReader

# tells, in a file of its own, of each run whose end() has returned
WRITER = """
import os, sys, time
import tcc_recorder as tcc
from tcc_recorder.spool import writer
writer.SEGMENT_BYTES = int(sys.argv[2])
told = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
while True:
    r = tcc.run().prompt("x" * 200)
    r.step().prompt("p").response("r").end()
    r.end()
    os.write(told, (r.run_id + "\\n").encode())
    time.sleep(0.01)
"""
TAR = shutil.which("tar") or "tar"
PER_WORLD = 50
REPLAYED = 25
"""Every so many copies, one is replayed."""
WRITERS = 2


@dataclass
class CopyFigures:
    """What a campaign came to."""

    by_tar: int = 0
    by_copytree: int = 0
    expected: int = 0
    """Records that had been recorded before a copy began, summed over the copies."""
    missing: int = 0
    torn: int = 0
    """Copies in which a segment ended in the middle of a line."""
    seals: int = 0
    replays: int = 0
    delivered: int = 0
    lost: int = 0
    repeated: int = 0

    def add(self, other: "CopyFigures") -> None:
        """Take the figures of another world in."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)


@contextmanager
def writers(folder: Path, spool: Path) -> Iterator[list[Path]]:
    """Let recorders write; give the files in which they tell what they have recorded."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "TCC_SPOOL_DIR": str(spool)}
    files = [folder / f"told-{number}" for number in range(WRITERS)]
    running = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(file), str(2_000 + 2_000 * number)], env=environment)
        for number, file in enumerate(files)
    ]
    try:
        wait_until(lambda: all(file.exists() and file.stat().st_size for file in files), "every writer")
        yield files
    finally:
        for process in running:
            process.kill()
            process.wait()


def told_in(files: list[Path]) -> set[str]:
    """Return the runs that were recorded up to now."""
    return {ident for file in files for ident in file.read_text().split("\n")[:-1]}


def copy(spool: Path, target: Path, *, by_tar: bool) -> None:
    """Copy a spool that may grow meanwhile."""
    if not by_tar:
        shutil.copytree(spool, target)
        return
    archive = target.with_suffix(".tar")
    packed = subprocess.run([TAR, "-C", spool, "-cf", archive, "."], capture_output=True, check=False)
    assert packed.returncode in (0, 1), packed.stderr  # 1: a file changed while it was read
    target.mkdir()
    subprocess.run([TAR, "-C", target, "-xf", archive], check=True)
    archive.unlink()


def runs_in(spool: Path, figures: CopyFigures) -> set[str]:
    """Return the runs whose records are whole in a spool."""
    found = set()
    torn = False
    for file in spool.iterdir():
        reader = LineReader()
        lines = [line for line in reader.read(file.read_bytes()) if isinstance(line, Line)]
        found |= {line.id for line in lines if line.kind == "run"}
        figures.seals += lines[-1:] != [] and lines[-1].kind == "seal"
        torn |= reader.tail > 0
    figures.torn += torn
    return found


def copy_often(copies: int, folder: Path, chance: random.Random) -> CopyFigures:
    """Copy a living spool so many times; replay some of the copies, and the spool itself at last."""
    figures = CopyFigures()
    with FaultServer() as server:
        rig = Rig(folder, server)
        with writers(folder, rig.spool) as files:
            for number in range(copies):
                target, by_tar = folder / "copy", chance.random() < 0.5
                told = told_in(files)
                copy(rig.spool, target, by_tar=by_tar)
                figures.by_tar += by_tar
                figures.by_copytree += not by_tar
                figures.expected += len(told)
                figures.missing += len(told - runs_in(target, figures))
                if number % REPLAYED == 0:
                    rig.once(spools=(target,), in_flight=8)
                    figures.replays += 1
                shutil.rmtree(target)
                time.sleep(chance.uniform(0.0, 0.01))  # not a wait for anything: the moment of the copy is what varies
        told = told_in(files)
        rig.once(in_flight=8)
        times = Counter(ident for ids in server.ids for ident in ids)
        figures.replays += 1
        figures.delivered = len(times)
        figures.lost = len(told - times.keys())
        figures.repeated = sum(times.values()) - len(times)
    return figures


def run_copies(copies: int, folder: Path, *, seed: int = 1) -> CopyFigures:
    """Copy living spools so many times, on the disk of ``folder`` and in memory by turns."""
    total, chance = CopyFigures(), random.Random(seed)  # noqa: S311 -- moments, no secrets
    number = 0
    while total.by_tar + total.by_copytree < copies:
        number += 1
        memory = Path("/dev/shm") if number % 2 and Path("/dev/shm").is_dir() else folder  # noqa: S108 -- our own folder
        place = Path(tempfile.mkdtemp(dir=memory))
        left = copies - total.by_tar - total.by_copytree
        try:
            total.add(copy_often(min(PER_WORLD, left), place, chance))
        finally:
            shutil.rmtree(place)
        print(f"copies, world {number}: {total}", flush=True)  # noqa: T201
    return total
