import sys
import textwrap
from pathlib import Path
from typing import Any

import orjson
import pytest

import tcc_recorder.openai_agents as recording
from support.agents_world import Script, agents, drive
from support.recorded import run_program
from tcc_recorder.openai_agents.installation import registered_processors
from tcc_recorder.testing import Captured
from tcc_schemas.lines import Line, LineReader

TESTS = Path(__file__).parents[2]

PROGRAM = """
    {before}
    from support.agents_world import Script, agents
    {after}
    agents.Runner.run_sync(agents.Agent(name="a", model=Script("yes")), "hello")
"""


def program(code: str, tmp_path: Path, **environment: str) -> list[dict[str, Any]]:
    """Run a program of its own; return the runs that it recorded."""
    spool = tmp_path / "spool"
    environment |= {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(TESTS), "TCC_SPOOL_DIR": str(spool)}
    done = run_program(sys.executable, "-c", textwrap.dedent(code), env=environment)
    assert done.returncode == 0, done.stderr
    lines = [line for path in spool.glob("*.jsonl") for line in LineReader().read(path.read_bytes())]
    assert all(isinstance(line, Line) for line in lines)
    bodies = [orjson.loads(line.body) for line in lines if isinstance(line, Line) and line.is_record]
    return [item for body in bodies for item in body.get("items", [body]) if item["type"] == "run"]


def agent(*answers: Any, **options: Any) -> Any:
    """Return an agent with a scripted model."""
    return agents.Agent(name="helper", model=Script(*answers, spans=True), **options)


def test_importing_the_recorder_imports_nothing_of_the_sdk(tmp_path: Path) -> None:
    """Neither tcc_recorder nor this module does; uninstall() without install() does not either."""
    program(
        """
        import sys
        import tcc_recorder
        assert "tcc_recorder.openai_agents" not in sys.modules
        import tcc_recorder.openai_agents
        tcc_recorder.openai_agents.uninstall()
        assert tcc_recorder.openai_agents.failures() == 0
        assert not {"agents", "openai", "pydantic"} & set(sys.modules)
        """,
        tmp_path,
    )


@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize("environment", [{}, {"OPENAI_AGENTS_DISABLE_TRACING": "1"}], ids=["traced", "untraced"])
def test_one_line_before_or_after_the_sdk_is_imported(tmp_path: Path, where: str, environment: dict[str, str]) -> None:
    """A process that installs records; it needs no key, no network and no tracing."""
    line = "import tcc_recorder.openai_agents as t; t.install()"
    [run] = program(PROGRAM.format(**{"before": "", "after": "", where: line}), tmp_path, **environment)
    assert (run["prompt"]["user_prompt"], run["response"]) == ("hello", "yes")


def test_without_the_sdk_the_error_says_what_to_install(tmp_path: Path) -> None:
    """install() is the one call that may raise."""
    program(
        """
        import sys
        sys.modules["agents"] = None
        import tcc_recorder.openai_agents
        try:
            tcc_recorder.openai_agents.install()
        except ImportError as error:
            assert "pip install 'tcc-offline[openai-agents]'" in str(error), error
        else:
            raise SystemExit("no error")
        """,
        tmp_path,
    )


def test_a_run_that_is_under_way_when_the_process_exits(tmp_path: Path) -> None:
    """It is recorded as not ended, with the steps and tools that had ended."""
    [run] = program(
        """
        import asyncio, sys
        import tcc_recorder.openai_agents
        from support.agents_world import Script, agents
        agents.tracing.set_trace_processors([])  # the SDK's exporter starts a thread then, and so hangs
        tcc_recorder.openai_agents.install()

        async def main():
            async def stuck():
                loop.stop()
                return await asyncio.Future()
            result = agents.Runner.run_streamed(agents.Agent(name="a", model=Script(stuck)), "hello")
            kept.append(result)
            await asyncio.sleep(60)

        kept = []
        loop = asyncio.new_event_loop()
        task = loop.create_task(main())
        loop.run_forever()
        """,
        tmp_path,
    )
    assert run["status_code"] == 2
    assert run["status_message"].startswith("not ended: ")
    assert run["prompt"]["user_prompt"] == "hello"


def test_install_and_uninstall_are_idempotent(captured: Captured) -> None:
    """Any number of either is one; the SDK is left with what it had."""
    recording.uninstall()
    before = agents.run.get_default_agent_runner()
    for _ in range(3):
        recording.install()
    drive("run", agent("yes"))
    assert len(captured.lines) == 1
    for _ in range(3):
        recording.uninstall()
    assert agents.run.get_default_agent_runner() is before
    assert registered_processors() == ()
    drive("run", agent("yes"))
    assert len(captured.lines) == 1
    recording.install()
    drive("run", agent("yes"))
    assert len(captured.lines) == 2
