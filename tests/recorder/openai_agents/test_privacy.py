from typing import Any

import pytest

import tcc_recorder as tcc
from support.agents_world import Script, agents, calls, drive
from tcc_recorder.testing import Captured

PASSWORD = "hunter2" * 2


def run_an_agent(captured: Captured) -> bytes:
    """Run an agent whose tool gets a secret and fails with it; return what was recorded."""

    @agents.function_tool(failure_error_function=None)
    def log_in(password: str) -> str:
        raise RuntimeError(f"refused: password={password}")

    agent: Any = agents.Agent(
        name="a", instructions="words", tools=[log_in], model=Script([calls("log_in", password=PASSWORD)])
    )
    with pytest.raises(Exception, match="hunter2"):
        drive("run", agent, "words")
    return b"".join(line.body for line in captured.lines)


def test_no_secret_of_a_tool_is_recorded(captured: Captured) -> None:
    """With ``secrets`` neither a tool's arguments nor its exception bring one to the disk."""
    tcc.configure(redact="secrets")
    written = run_an_agent(captured)
    assert b"log_in" in written
    assert PASSWORD.encode() not in written


def test_without_content_no_text_is_recorded(captured: Captured) -> None:
    """With ``content=False`` the run and the tool call are there, and their texts are not."""
    tcc.configure(content=False)
    written = run_an_agent(captured)
    assert b"log_in" in written
    assert b"words" not in written
    assert b'"args"' not in written
