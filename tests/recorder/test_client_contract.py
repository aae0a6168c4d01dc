import inspect
from collections.abc import Callable
from typing import Any

import contextcompany
import pytest
from contextcompany.run import Run as TheirRun
from contextcompany.step import Step as TheirStep
from contextcompany.tool_call import ToolCall as TheirToolCall

import tcc_recorder as tcc

FUNCTIONS = ["run", "step", "tool_call", "submit_feedback", "get_api_key", "get_url"]
METHODS = [
    (ours, theirs, name)
    for ours, theirs in ((tcc.Run, TheirRun), (tcc.Step, TheirStep), (tcc.ToolCall, TheirToolCall))
    for name in vars(theirs)
    if not name.startswith("_") and name != "run_id"
]


def shape(function: Callable[..., Any]) -> list[tuple[str, Any, Any]]:
    """Return names, kinds and defaults of the parameters."""
    return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_take_what_the_official_client_takes(name: str) -> None:
    """Names, order, kinds and defaults of the functions' parameters are the official client's."""
    assert shape(getattr(tcc, name)) == shape(getattr(contextcompany, name))


@pytest.mark.parametrize(("ours", "theirs", "name"), METHODS)
def test_methods_take_what_the_official_client_takes(ours: Any, theirs: Any, name: str) -> None:
    """Names, order, kinds and defaults of the methods' parameters are the official client's."""
    assert shape(getattr(ours, name)) == shape(getattr(theirs, name))


MISUSES: dict[str, Callable[[Any], Any]] = {
    "run without prompt": lambda c: c.run().end(),
    "run ended twice": lambda c: [run := c.run().prompt("p"), run.end(), run.end()],
    "run ended and failed": lambda c: [run := c.run().prompt("p"), run.end(), run.error("x")],
    "run failed twice": lambda c: [run := c.run(), run.error(), run.error()],
    "step without prompt": lambda c: c.step("r").response("x").end(),
    "step without response": lambda c: c.run().step().prompt("x").end(),
    "step ended twice": lambda c: [step := c.step("r").prompt("p").response("r"), step.end(), step.end()],
    "step failed twice": lambda c: [step := c.step("r"), step.error(), step.error()],
    "tool call without name": lambda c: c.run().tool_call().end(),
    "tool call with its name taken back": lambda c: c.run().tool_call("x").name(None).end(),
    "tool call ended twice": lambda c: [call := c.tool_call("r", tool_name="t"), call.end(), call.end()],
    "tool call failed twice": lambda c: [call := c.tool_call("r"), call.error(), call.error()],
    "empty feedback": lambda c: c.submit_feedback("r"),
    "empty feedback text": lambda c: c.submit_feedback("r", text=""),
    "long feedback": lambda c: c.submit_feedback("r", text="x" * 2001),
    "long feedback of a run": lambda c: c.run().feedback("thumbs_up", "x" * 2001),
    "no key": lambda c: c.get_api_key(),
    "unsafe base URL": lambda c: c.get_url("/v1/custom"),
}


def outcome(misuse: Callable[[Any], Any], client: Any) -> tuple[type[BaseException], str]:
    """Return type and message of what ``misuse`` raises."""
    with pytest.raises((ValueError, RuntimeError)) as caught:
        misuse(client)
    return caught.type, str(caught.value)


@pytest.mark.parametrize("misuse", MISUSES.values(), ids=MISUSES.keys())
def test_misuse_raises_what_the_official_client_raises(
    misuse: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Misuse raises the official client's exceptions, with its messages."""
    monkeypatch.setenv("TCC_BASE_URL", "https://evil.example/x/")
    assert outcome(misuse, tcc) == outcome(misuse, contextcompany)


def test_an_item_may_be_mended_and_ended_after_a_contract_error() -> None:
    """A refused end() does not end anything."""
    run = tcc.run()
    with pytest.raises(ValueError, match="prompt is required"):
        run.end()
    run.prompt(None)  # type: ignore[arg-type]  # counts as set
    run.end()


def test_urls_follow_key_and_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """get_url and get_api_key answer like the official client."""
    for key in ("dev_x", "x", None):
        assert tcc.get_url("/v1/custom", key) == contextcompany.get_url("/v1/custom", key)
    monkeypatch.setenv("TCC_API_KEY", "dev_env")
    assert tcc.get_api_key() == "dev_env"
    assert tcc.get_url("/p") == contextcompany.get_url("/p") == "https://dev.thecontext.company/p"
    monkeypatch.setenv("TCC_BASE_URL", "http://LOCALHOST:8080/base/")
    assert tcc.get_url("/p") == contextcompany.get_url("/p") == "http://localhost:8080/base/p"
