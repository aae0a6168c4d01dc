"""What can't be read costs that detail: never the record, a step, a tool call, or the outcome."""

import pytest

import tcc_recorder.openai_agents as recording
from support.agents_world import Script, agents, drive
from support.spoiled_reads import WRONG, Read, run_everything, spoil
from tcc_recorder.openai_agents import model_request
from tcc_recorder.testing import Captured, capture

CONTENT = "trace_include_sensitive_data"
ELSEWHERE = {"output", "type"}
"""Members of a model's answer without which nobody can tell that it holds the call of a hosted tool or of a handoff."""
END_OF_STREAM = "run_loop_task"


def reads(monkeypatch: pytest.MonkeyPatch, api: str) -> list[Read]:
    """Return all that a normal run reads."""
    found: set[Read] = set()
    spoil(monkeypatch, found, None, WRONG["slow"])
    with capture():
        run_everything(api)
    return sorted(found)


@pytest.mark.parametrize(
    ("how", "api", "frames"),
    [
        *((how, "run", 4) for how in WRONG),
        *((how, "run_streamed", 4) for how in ("raises", "hostile", "text")),
        *((how, "run", 0) for how in ("raises", "hostile")),
    ],
)
def test_whatever_is_wrong_with_one_member(
    offline: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, how: str, api: str, frames: int
) -> None:
    """The run is recorded once, with its outcome, its answer, its steps and its tool calls.

    Without ``frames``, the SDK does not show what it sends to its model.
    """
    monkeypatch.setattr(model_request, "_MOST_FRAMES", frames)
    recording.install()
    found = reads(monkeypatch, api)
    assert len(found) > 60
    for read in found:
        spoil(monkeypatch, set(), read, WRONG[how])
        with capture() as captured:
            assert run_everything(api) == "Paid."
        check(captured, how, read)
    assert "SECRET" not in caplog.text


@pytest.mark.parametrize("api", ["run", "run_streamed"])
@pytest.mark.parametrize("how", ["raises", "hostile"])
def test_whatever_is_wrong_with_one_member_of_a_run_that_fails(
    offline: None, monkeypatch: pytest.MonkeyPatch, how: str, api: str
) -> None:
    """Run and step have failed, with the text of what was raised."""
    recording.install()
    for read in reads(monkeypatch, api):
        spoil(monkeypatch, set(), read, WRONG[how])
        agent = agents.Agent(name="a", model=Script(OSError("no route"), spans=True))
        with capture() as captured, pytest.raises(OSError, match="no route"):
            drive(api, agent)
        [run] = captured.runs
        if read[1] == END_OF_STREAM:
            continue
        expected = {"OSError: no route", "OSError"} if read[1] == CONTENT else {"OSError: no route"}
        assert (run["status_code"], run["status_message"] in expected) == (2, True), read
        assert [step["status_code"] for step in captured.steps] == [2], read


def check(captured: Captured, how: str, read: Read) -> None:
    """Compare a record with what it has to hold, in spite of the one member that was wrong."""
    name = read[1]
    if name == "tracing_disabled" and how in {"number", "object", "text"}:
        assert captured.lines == []  # what is no bool is true or not, as in the SDK: not to be recorded
        return
    assert len(captured.lines) == len(captured.runs) == 1, read
    [run] = captured.runs
    if name == END_OF_STREAM and how != "slow":
        assert run["status_message"] == "streamed: its end is unknown", read
        return
    assert (run["status_code"], run.get("status_message")) == (0, None), read
    assert [step["status_code"] for step in captured.steps] == [0, 0, 0], read
    statuses = [call["status_code"] for call in captured.tool_calls]
    assert statuses == [0, 0, 0] or (name in ELSEWHERE and set(statuses) <= {0, 1}), (read, captured.tool_calls)
    if name == CONTENT and how in {"raises", "none", "hostile"}:
        assert "prompt" not in run, read
        return
    assert run["prompt"]["user_prompt"] == "hello", read
    assert run.get("response") == "Paid." or name == "final_output", read
    assert [call["result"] for call in captured.tool_calls if call["tool_name"] == "add"] == ["3"] or name == "name"
