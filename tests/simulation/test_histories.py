"""Simulated histories: :mod:`simulation.world` says what may happen in one, and what must hold."""

import os
import random
import subprocess
import sys

import pytest

from simulation.world import broken_in, play

PARTS, EACH = 10, 50
"""500 fresh seeds in each run of the tests, in parts that may run beside each other."""


@pytest.mark.parametrize("part", range(PARTS))
def test_a_living_uploader_delivers_everything(part: int) -> None:
    """Whatever happened before: ten quiet rounds deliver everything once, and the next uploader has nothing to add."""
    first = random.SystemRandom().randrange(2**40)
    broken = [told for seed in range(first, first + EACH) if (told := broken_in(seed))]
    assert not broken, "\n".join(broken)


def test_a_seed_is_one_history() -> None:
    """The same seed leads to the same operations in the same order, also in another process with other hashes."""
    program = f"import sys; sys.path[:0] = {sys.path!r}; from simulation.world import play\n"
    program += "for seed in range(20): print(*play(seed).trace)"
    there = [
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": value},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for value in ("1", "2")
    ]
    assert there[0] == there[1] == "".join(f"{' '.join(play(seed).trace)}\n" for seed in range(20))
