"""What the journal's tests share with others."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from end_to_end_world import world
from faults import FaultServer
from uploader.rigging import Rig

__all__ = ["world"]


@pytest.fixture
def server() -> Iterator[FaultServer]:
    """Give a server that accepts everything, until it is told otherwise."""
    with FaultServer() as running:
        yield running


@pytest.fixture
def rig(tmp_path: Path, server: FaultServer) -> Rig:
    """Give the engine's surroundings."""
    return Rig(tmp_path, server)
