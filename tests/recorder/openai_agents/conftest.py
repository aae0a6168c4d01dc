"""Recording is on for a test, and what it records is kept in memory."""

import os
from collections.abc import Iterator
from importlib.util import find_spec

import pytest

import tcc_recorder.openai_agents as recording
from tcc_recorder.openai_agents.guard import guard
from tcc_recorder.testing import Captured, capture


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let nothing out of the process, and nothing of one test into the next."""
    for name in os.environ:
        if name.startswith("OPENAI_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-nobody")
    if find_spec("agents") is None:
        yield
        return
    from agents.run import get_default_agent_runner, set_default_agent_runner  # noqa: PLC0415 -- if it is there
    from agents.tracing import set_trace_processors, set_tracing_disabled  # noqa: PLC0415 -- see above

    runner = get_default_agent_runner()
    set_trace_processors([])
    yield
    recording.uninstall()
    set_default_agent_runner(runner)
    set_tracing_disabled(False)


@pytest.fixture
def captured(offline: None) -> Iterator[Captured]:
    """Record runs into memory; nothing may go wrong with it unseen."""
    before = guard.failures
    recording.install()
    with capture() as kept:
        yield kept
    assert guard.failures == before


@pytest.fixture(params=["traced", "untraced"])
def tracing(request: pytest.FixtureRequest, offline: None) -> str:
    """Switch the SDK's tracing off in the second of two runs of a test: recording must not need it."""
    if request.param == "untraced":
        from agents.tracing import set_tracing_disabled  # noqa: PLC0415 -- if it is there

        set_tracing_disabled(True)
    return str(request.param)
