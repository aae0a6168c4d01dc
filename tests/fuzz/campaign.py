"""Fuzz tests: short with every ``make test``, for ``TCC_FUZZ_SECONDS`` each in ``make torture``, or by a seed.

``make test`` tries the same examples each time: a change is not refused for a fault that was there before it.
"""

import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from hypothesis import HealthCheck, seed, settings

SECONDS: Final = float(os.environ.get("TCC_FUZZ_SECONDS", "0"))
"""Try fresh seeds for so long, in each test."""
SEED: Final = os.environ.get("TCC_FUZZ_SEED", "" if SECONDS else "1")
"""Try the examples of this seed alone."""


_CHECKS: Final = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def fuzz(examples: int) -> Callable[[Callable[..., None]], Callable[[], None]]:
    """Run a test made by ``hypothesis.given`` on some examples; on those of many fresh seeds in a campaign."""
    limits = settings(
        max_examples=examples,
        database=None,  # it would repeat the finds of another seed
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=_CHECKS,
    )

    def decorate(test: Callable[..., None]) -> Callable[[], None]:
        limited = limits(test)

        def run() -> None:
            ends = time.monotonic() + SECONDS
            while True:
                number = int(SEED) if SEED else random.SystemRandom().randrange(2**40)
                try:
                    seed(number)(limited)()
                except BaseException as error:
                    error.add_note(f"repeat: TCC_FUZZ_SEED={number} .venv/bin/pytest tests/fuzz -k {test.__name__}")
                    raise
                if SEED or time.monotonic() >= ends:
                    break

        run.__name__, run.__doc__, run.__module__ = test.__name__, test.__doc__, test.__module__
        return run

    return decorate


@contextmanager
def folder() -> Iterator[Path]:
    """Give one example a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="tcc-fuzz-") as path:
        yield Path(path)
