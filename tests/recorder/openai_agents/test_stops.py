"""A run that is stopped, and the tool call that was under way then, say by what."""

import asyncio
import sys
import textwrap
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import pytest

from support.agents_world import APIS, VERSION, Script, adrive, agents, by_name, calls, drive
from support.recorded import read_segment, run_program
from tcc_recorder.testing import Captured

TESTS = Path(__file__).parents[2]
PROGRAM = """
    import asyncio, sys
    import tcc_recorder.openai_agents
    from support.agents_world import Script, agents, calls, drive

    agents.tracing.set_trace_processors([])  # the SDK's exporter starts a thread then, and so hangs
    agents.tracing.set_tracing_disabled({untraced})
    tcc_recorder.openai_agents.install()

    @agents.function_tool
    def add(a: int, b: int) -> int:
        "Add two numbers."
        return a + b

    @agents.function_tool
    {kind} leave() -> str:
        "Leave."
        {how}

    model = Script([calls("add", "call-0", a=1, b=2)], [calls("leave")], "never", spans=True)
    drive("{api}", agents.Agent(name="a", model=model, tools=[add, leave]))
"""


def stopped(tmp_path: Path, **parts: Any) -> tuple[int, dict[str, list[dict[str, Any]]]]:
    """Run a program of which a tool stops it; return its exit code, and what it recorded, by type."""
    spool = tmp_path / "spool"
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(TESTS), "TCC_SPOOL_DIR": str(spool)}
    done = run_program(sys.executable, "-c", textwrap.dedent(PROGRAM.format(**parts)), env=environment)
    found: dict[str, list[dict[str, Any]]] = {"run": [], "step": [], "tool_call": []}
    for path in spool.glob("*.jsonl"):
        for line in read_segment(path).records:
            body = orjson.loads(line.body)
            for item in body.get("items", [body]):
                found[item["type"]].append(item)
    return done.returncode, found


@pytest.mark.parametrize(
    ("how", "kind", "words"),
    [
        ("sys.exit(3)", "def", "cancelled by SystemExit: 3"),
        ("sys.exit(3)", "async def", "cancelled by SystemExit: 3"),
        ("raise KeyboardInterrupt", "async def", "cancelled by KeyboardInterrupt"),
    ],
)
@pytest.mark.parametrize("api", APIS)
def test_a_tool_that_ends_the_program(tmp_path: Path, api: str, how: str, kind: str, words: str) -> None:
    """Run and tool call are partial and say why; what had ended before is recorded as it was."""
    code, found = stopped(tmp_path, untraced=kind == "def", api=api, how=how, kind=kind)
    assert code != 0
    [run] = found["run"]
    # some older versions end the run before its tool, so that nobody can tell any more what stopped it
    said = {words} if VERSION >= (0, 24) else {words, "cancelled"}
    assert (run["status_code"], run["status_message"] in said) == (1, True)
    assert [step["status_code"] for step in found["step"]] == [0, 0]
    calls = {call["tool_name"]: call for call in found["tool_call"]}
    assert (calls["add"]["status_code"], calls["add"]["result"]) == (0, "3")
    assert (calls["leave"]["status_code"], calls["leave"]["status_message"]) == (1, run["status_message"])


@pytest.mark.parametrize("api", ["run", "run_streamed"])
def test_a_tool_that_is_under_way_when_its_run_is_cancelled(captured: Captured, tracing: str, api: str) -> None:
    """It is no success, though the end of its span shows no error."""

    async def main() -> None:
        begun = asyncio.Event()

        @agents.function_tool
        async def stuck() -> str:
            """Wait."""
            begun.set()
            return str(await asyncio.Future())

        task = asyncio.ensure_future(
            adrive(api, agents.Agent(name="a", model=Script([calls("stuck")], spans=True), tools=[stuck]))
        )
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    [run] = captured.runs
    assert (run["status_code"], run["status_message"]) == (1, "cancelled")
    [call] = captured.tool_calls
    assert (call["status_code"], call["status_message"]) == (1, "cancelled")


@pytest.mark.parametrize("api", APIS)
def test_a_tool_that_cancels_itself(captured: Captured, tracing: str, api: str) -> None:
    """The run goes on, or ends, as the SDK has it; the tool call did not succeed."""

    @agents.function_tool
    async def gives_up() -> str:
        """Give up."""
        raise asyncio.CancelledError

    agent = agents.Agent(name="a", model=Script([calls("gives_up")], "went on", spans=True), tools=[gives_up])
    with suppress(asyncio.CancelledError):
        drive(api, agent)
    [run] = captured.runs
    assert (run["status_code"], run.get("status_message"), run.get("response")) in {
        (0, None, "went on"),
        (1, "cancelled", None),  # before 0.14
    }
    assert by_name(captured)["gives_up"]["status_code"] != 0
