"""contextcompany as it is, sending to ``TCC_BASE_URL``."""

from collections.abc import Callable
from functools import partial

import contextcompany
from benchmarks import agent


def recorder(_folder: str) -> Callable[[agent.Input], object]:
    """Return what sends one run."""
    return partial(agent.record, contextcompany)
