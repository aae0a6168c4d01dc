"""What every test of the uploader may ask for."""

import os
from pathlib import Path

import pytest

from faults import FaultServer
from uploader.rigging import rig, server
from uploader.shell import Shell

__all__ = ["rig", "server"]


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting or proxy of the machine reaches a test, and no test the user's own files."""
    for name in list(os.environ):
        if name.startswith(("TCC_", "XDG_")) or name.upper().endswith("_PROXY"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def shell(tmp_path: Path, server: FaultServer) -> Shell:
    """Give a shell whose settings aim at the server."""
    return Shell(tmp_path, server)
