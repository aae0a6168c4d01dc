"""What fuzz tests share: an environment of their own."""

import pytest

from support.environment import bare_environment

__all__ = ["bare_environment"]


@pytest.fixture(autouse=True)
def target(bare_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the commands look at the state of the engine in the test."""
    monkeypatch.setenv("TCC_TARGET", "case")
