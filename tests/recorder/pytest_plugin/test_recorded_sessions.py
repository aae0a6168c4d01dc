"""Real pytest sessions, in processes of their own, with the plugin as it is installed."""

import os
from pathlib import Path
from typing import Any

import orjson
import pytest

from tcc_schemas.lines import Line, LineReader

pytest_plugins = ["pytester"]

AGENT = """
    import subprocess, sys
    import pytest
    import tcc_recorder as tcc

    def agent(status=0):
        run = tcc.run()
        run.prompt("hi")
        run.step().prompt("p").response("r").tokens(100, 20, 3).cost(0.25).end()
        run.error("broken") if status else run.response("ok").end()
"""


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("TCC_", "PYTEST_", "CI"))]:
        monkeypatch.delenv(name)


def session(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Run a session in a process of its own, which is killed before this test's own time is over."""
    return pytester.runpytest_subprocess(*arguments, timeout=100)


def _items(spool: Path) -> list[dict[str, Any]]:
    lines = [line for path in spool.glob("*.jsonl") for line in LineReader().read(path.read_bytes())]
    bodies = [orjson.loads(line.body) for line in lines if isinstance(line, Line) and line.is_record]
    return [item for body in bodies for item in body.get("items", [body]) if item["type"] == "run"]


def _outcomes(spool: Path) -> dict[str, dict[str, Any]]:
    return {
        run["prompt"]["user_prompt"].split("::", 1)[-1]: run
        for run in _items(spool)
        if "test.outcome" in run.get("metadata", {})
    }


def _runs(spool: Path) -> list[dict[str, Any]]:
    return [run for run in _items(spool) if "test.outcome" not in run.get("metadata", {})]


def test_nothing_happens_unasked(pytester: pytest.Pytester) -> None:
    """Without a setting, no spool, no section, and none of the recording's modules is loaded."""
    pytester.makepyfile("""
        import sys
        def test_a():
            assert "tcc_recorder.pytest_plugin" in sys.modules
            assert "tcc_recorder.pytest_plugin.recording" not in sys.modules and "pydantic" not in sys.modules
    """)
    result = session(pytester, "-p", "no:hypothesispytest", "-p", "no:logfire")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*= tcc =*")


@pytest.mark.parametrize("workers", [[], ["-n", "2"]])
def test_runs_carry_their_test(pytester: pytest.Pytester, workers: list[str]) -> None:
    """Runs of threads and subprocesses included name their test, and its outcome names them, also in workers."""
    pytester.makepyfile(
        AGENT
        + """
    import threading
    @pytest.mark.parametrize("x", ["a,b=c\\\\\\\\[1]"])
    def test_odd(x):
        agent()
        thread = threading.Thread(target=agent); thread.start(); thread.join()
        subprocess.run([sys.executable, "-c", "import tcc_recorder as t; t.run().prompt('p').end()"], check=True)
    def test_bad():
        agent(2)
        assert 1 == 2, "no good"
    """
    )
    result = session(pytester, "--tcc-spool", "sp", *workers)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        ["*= tcc =*", "runs: 4 (1 failed)", "tokens: 300 uncached, 60 cached, 9 completion", "cost: 0.7500 USD",
         f"spool: {pytester.path}/sp", "look at it: tcc-upload report *", "ship it: tcc-upload replay *"]
    )  # fmt: skip
    spool = pytester.path / "sp"
    outcomes = _outcomes(spool)
    assert {each["metadata"]["test.outcome"] for each in outcomes.values()} == {"passed", "failed"}
    assert "no good" in outcomes["test_bad"]["status_message"]
    assert outcomes["test_bad"]["status_code"] == 2
    assert len({each["session_id"] for each in outcomes.values()}) == 1
    for outcome in outcomes.values():
        metadata = outcome["metadata"]
        mine = [run for run in _runs(spool) if run["metadata"]["test.nodeid"] == metadata["test.nodeid"]]
        assert {run["run_id"] for run in mine} == set(metadata["test.run_ids"].split())
        assert all(("test.worker" in run["metadata"]) == bool(workers) for run in mine)


def test_every_outcome_has_its_name(pytester: pytest.Pytester) -> None:
    """Setup and teardown failures, skips, and expected failures are told apart, in unittest classes too."""
    pytester.makepyfile("""
        import pytest, unittest
        @pytest.fixture
        def before(): raise OSError("before")
        @pytest.fixture
        def after(): yield; raise OSError("after")
        def test_before(before): pass
        def test_after(after): pass
        def test_skip(): pytest.skip("later")
        @pytest.mark.xfail
        def test_xfail(): assert 0
        @pytest.mark.xfail
        def test_xpass(): pass
        @pytest.mark.xfail(strict=True)
        def test_strict(): pass
        class TestU(unittest.TestCase):
            def test_u(self): self.assertEqual(1, 2)
    """)
    pytester.makeini("[pytest]\ntcc_spool = sp\nfilterwarnings = error")
    session(pytester)
    found = {
        name: (run["response"], run["status_code"], run.get("status_message"))
        for name, run in _outcomes(pytester.path / "sp").items()
    }
    assert found.pop("TestU::test_u")[:2] == ("failed", 2)
    assert found.pop("test_strict")[:2] == ("failed", 2)
    assert found == {
        "test_before": ("error", 2, "OSError: before"),
        "test_after": ("error", 2, "OSError: after"),
        "test_skip": ("skipped", 0, "Skipped: later"),
        "test_xfail": ("xfailed", 0, "assert 0"),
        "test_xpass": ("xpassed", 0, None),
    }


def test_a_spool_that_cannot_be_made_fails_nothing(pytester: pytest.Pytester) -> None:
    """With a file in the spool's place, tests pass, the exit code is 0, and the summary says what went wrong."""
    pytester.makepyfile(AGENT + "\n    def test_a(): agent()\n")
    (pytester.path / "sp").write_text("a file")
    result = session(pytester, "--tcc-spool", "sp", "-W", "error")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*= tcc =*", "no agent run was recorded*", "problem: *"])


def test_a_crashed_worker_leaves_an_outcome(pytester: pytest.Pytester) -> None:
    """The test that killed its worker has an error as its outcome, and its run that had ended is counted."""
    pytester.makepyfile(AGENT + "\n    import os\n    def test_a():\n        agent()\n        os._exit(3)\n")
    result = session(pytester, "--tcc-spool", "sp", "-n", "1")
    result.stdout.fnmatch_lines(["runs: 1 *"])
    (outcome,) = _outcomes(pytester.path / "sp").values()
    assert outcome["response"] == "error"
    assert "crashed" in outcome["status_message"]
    assert outcome["metadata"]["test.runs"] == "1"


def test_what_was_there_before_is_not_counted(pytester: pytest.Pytester) -> None:
    """A second session in the same spool counts its own runs alone."""
    pytester.makepyfile(AGENT + "\n    def test_a(): agent()\n")
    for _ in range(2):
        result = session(pytester, "--tcc-spool", "sp")
        result.stdout.fnmatch_lines(["runs: 1 (0 failed)"])
    assert len(_runs(pytester.path / "sp")) == 2


def test_an_interrupted_session_keeps_what_it_had(pytester: pytest.Pytester) -> None:
    """After Ctrl-C the tests before have their outcomes, and the summary comes."""
    pytester.makepyfile(
        AGENT + "\n    def test_a(): agent()\n    def test_b():\n        agent()\n        raise KeyboardInterrupt\n"
    )
    result = session(pytester, "--tcc-spool", "sp")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["runs: 2 (0 failed)"])
    assert set(_outcomes(pytester.path / "sp")) == {"test_a"}
