"""Recorders and uploaders are killed, thousands of them, beside servers that misbehave; then the books are compared.

The campaign is cut into worlds, each with a spool, a state and a server of its own, or two servers.
"""

import shutil
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing import get_context
from pathlib import Path

from torture.acts import MODES
from torture.kill_world import KINDS, KillFigures, KillWorld, Kind


def run_world(
    folder: Path, seed: int, kind: Kind, recorder_kills: int, *, rounds: int = 1, modes: Sequence[str] = MODES
) -> KillFigures:
    """Run one world; its folder is removed, unless it failed: then it stays, to be looked at."""
    began = time.monotonic()
    figures = KillWorld(folder, seed, modes, kind).run(recorder_kills, rounds)
    shutil.rmtree(folder)
    figures.seconds = time.monotonic() - began
    return figures


def run_kills(kills: int, folder: Path, *, at_once: int = 250, seed: int = 1, jobs: int = 1) -> KillFigures:
    """Kill at least so many processes, all kinds together; ``jobs``: how many worlds run beside each other."""
    total, began, number = KillFigures(), time.monotonic(), 0
    running: dict[Future[KillFigures], str] = {}
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        while running or total.kills < kills:
            while total.kills < kills and len(running) < jobs:
                number += 1
                kind, place = KINDS[number % len(KINDS)], folder / f"world-{number}"
                world = pool.submit(run_world, place, seed + 7 * number, kind, min(at_once, kills - total.kills))
                running[world] = f"world {number}, {kind}"
            for done in wait(running, return_when=FIRST_COMPLETED).done:
                figures = done.result()
                total.add(figures)
                total.seconds = time.monotonic() - began
                said = (
                    f"{figures.kills} kills in {figures.seconds:.0f} s; {total.kills:,} kills in {total.seconds:,.0f} s"
                )
                print(f"{running.pop(done)}: {said}, {total.lost} lost", flush=True)  # noqa: T201
    return total
