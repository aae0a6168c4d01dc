"""An environment in which nothing of the machine reaches a test."""

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting or proxy of the machine reaches a test, and no test the user's own files."""
    for name in list(os.environ):
        if name.startswith(("TCC_", "XDG_")) or name.upper().endswith("_PROXY"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
