"""What every test of the uploader may ask for."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults import FaultServer
from uploader.rigging import Rig
from uploader.shell import Shell


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting or proxy of the machine reaches a test, and no test the user's own files."""
    for name in list(os.environ):
        if name.startswith(("TCC_", "XDG_")) or name.upper().endswith("_PROXY"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def server() -> Iterator[FaultServer]:
    """Give a server that accepts everything, until it is told otherwise."""
    with FaultServer() as running:
        yield running


@pytest.fixture
def rig(tmp_path: Path, server: FaultServer) -> Rig:
    """Give the engine's surroundings."""
    return Rig(tmp_path, server)


@pytest.fixture
def shell(tmp_path: Path, server: FaultServer) -> Shell:
    """Give a shell whose settings aim at the server."""
    return Shell(tmp_path, server)
