"""Simulated histories: ``tests/simulation/run.py 12345`` repeats that of a seed, ``--seeds N`` runs N fresh ones."""

import argparse
import multiprocessing
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

_AT_ONCE = 250
"""Histories that one process runs, before a fresh one takes its place."""


def failures(first: int, seeds: int) -> list[str]:
    """Run the histories of some seeds; return what was broken in each that broke a promise."""
    from simulation.world import broken_in  # noqa: PLC0415 -- after the path was set

    return [told for seed in range(first, first + seeds) if (told := broken_in(seed))]


def main() -> int:
    """Run what was asked for; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seed", type=int, nargs="?", help="the seed of one history, or the first of several")
    parser.add_argument("--seeds", type=int, default=1, help="how many histories to run")
    parser.add_argument("--jobs", type=int, default=1, help="how many processes run them")
    options = parser.parse_args()
    first = random.SystemRandom().randrange(2**40) if options.seed is None else options.seed
    began, found = time.monotonic(), 0
    starts = range(first, first + options.seeds, _AT_ONCE)
    with multiprocessing.get_context("spawn").Pool(options.jobs, maxtasksperchild=1) as pool:
        sizes = [min(_AT_ONCE, first + options.seeds - start) for start in starts]
        for told in pool.imap_unordered(_unpacked, zip(starts, sizes, strict=True)):
            found += len(told)
            for each in told:
                print(each, flush=True)  # noqa: T201 -- a command
    print(f"{options.seeds} histories from seed {first}, {found} broken, {time.monotonic() - began:.0f} s")  # noqa: T201
    return bool(found)


def _unpacked(span: tuple[int, int]) -> list[str]:
    return failures(*span)


if __name__ == "__main__":
    sys.exit(main())
