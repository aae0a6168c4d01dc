"""A gateway for a test, and what it wrote."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.recorded import read_segment
from support.worlds import world
from tcc_recorder.gateway.options import Options
from tcc_recorder.gateway.server import Gateway
from tcc_schemas.lines import Line

__all__ = ["world"]

Written = Callable[[], list[Line]]


@pytest.fixture
def gateway(spool: Path) -> Iterator[Gateway]:
    """Give a gateway that runs, and writes to the test's spool."""
    with Gateway(Options(spool_dir=str(spool))) as running:
        yield running


@pytest.fixture
def written(spool: Path) -> Written:
    """Return a reader of all that is in the spool."""
    return lambda: [line for path in sorted(spool.glob("*.jsonl")) for line in read_segment(path).records]
