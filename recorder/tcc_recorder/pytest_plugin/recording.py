"""The hooks of a test session that is recorded.  An error in this module never fails a test."""

import logging
import os
import re
import shlex
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

import tcc_recorder
from tcc_recorder.defaults import scoped
from tcc_recorder.limited_log import LOGGER
from tcc_schemas import RunRecord

from .new_runs import NewRuns, Totals, total
from .outcomes import TestOutcome, outcome_of


class Recording(logging.Handler):
    """One session in one process, which runs the tests itself or controls xdist workers that run them."""

    def __init__(self, config: pytest.Config, directory: str) -> None:
        super().__init__(logging.WARNING)
        given = getattr(config, "workerinput", {})
        self._directory = directory
        self._session: str = given.get("tcc_session") or str(uuid4())
        self._worker: str | None = given.get("workerid")
        self._output: dict[str, Any] | None = getattr(config, "workeroutput", None)
        self._is_controller = self._worker is None and config.getoption("dist", "no") != "no"
        self._new_runs = NewRuns(Path(directory))
        self._problems: Counter[str] = Counter()
        self._attempts: Counter[str] = Counter()
        self._reports: list[pytest.TestReport] = []
        self._test = ExitStack()
        self._environment = pytest.MonkeyPatch()
        self._environment.setenv("TCC_SPOOL_DIR", directory)
        tcc_recorder.configure()  # reads the new TCC_SPOOL_DIR
        logging.getLogger(LOGGER).addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Collect the recorder's warnings."""
        self._problems[record.getMessage()] += 1

    @contextmanager
    def _errors_collected(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001 -- a recording problem never fails a test
            self._problems[f"{type(error).__name__}: {error}"] += 1

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Give an xdist worker the directory and the session."""
        node.workerinput.update(tcc_spool=self._directory, tcc_session=self._session)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Add the problems of an xdist worker; a crashed one reports none."""
        self._problems.update((getattr(node, "workeroutput", None) or {}).get("tcc_problems", {}))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Add the test's metadata to all runs that begin from now on; this is called again if the test is retried."""
        with self._errors_collected():
            self._end_test()
            self._attempts[item.nodeid] += 1
            self._test.enter_context(_metadata_added(self._test_metadata(item.nodeid)))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Record a test's outcome as soon as it is known: a session that is killed later has recorded it."""
        with self._errors_collected():
            if self._is_controller:
                if report.when not in {"setup", "call", "teardown"}:  # the report of a worker's crash
                    self._record(report.nodeid, outcome_of([report]))
                return
            self._reports.append(report)
            if report.when == "teardown":
                outcome = outcome_of(self._reports)
                self._end_test()
                self._record(report.nodeid, outcome)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """End a test that was interrupted; report the problems to the controller."""
        with self._errors_collected():
            self._end_test()
            if self._output is not None:
                self._output["tcc_problems"] = dict(self._problems)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print what was recorded, and how to look at it and ship it."""
        lines = []
        with self._errors_collected():
            lines = self._summary()
        terminalreporter.section("tcc")
        for line in [*lines, *(f"problem: {problem}" for problem in self._problems)]:
            terminalreporter.line(line)

    def pytest_unconfigure(self) -> None:
        """Restore everything; this also seals what was recorded."""
        with self._errors_collected():
            self._end_test()
            self._environment.undo()
            tcc_recorder.configure()
            logging.getLogger(LOGGER).removeHandler(self)

    def _end_test(self) -> None:
        self._reports = []
        self._test.close()

    def _test_metadata(self, nodeid: str) -> dict[str, str]:
        found = {"test.nodeid": nodeid, "test.session": self._session}
        if self._worker:
            found["test.worker"] = self._worker
        if attempt := self._attempts[nodeid]:
            found["test.attempt"] = str(attempt)
        return found

    def _record(self, nodeid: str, outcome: TestOutcome) -> None:
        own = self._test_metadata(nodeid)
        runs = self._new_runs.runs(lambda metadata: own.items() <= metadata.items())
        totals = total(runs.values())
        end = datetime.now(UTC)
        tcc_recorder.record(
            RunRecord(
                start_time=end - timedelta(seconds=outcome.duration),
                end_time=end,
                session_id=self._session,
                prompt={"user_prompt": nodeid},
                response=outcome.name,
                status_code=2 if outcome.failed else 0,
                status_message=outcome.message or None,
                metadata={
                    **own,
                    "test.outcome": outcome.name,
                    "test.duration": f"{outcome.duration:.6f}",
                    "test.runs": str(totals.runs),
                    "test.run_ids": " ".join(runs),
                    "test.failed_runs": str(totals.failed),
                    **{f"test.{name}": f"{value:g}" for name, value in totals.sums.items()},
                },
            )
        )

    def _summary(self) -> list[str]:
        runs = self._new_runs.runs(lambda metadata: metadata.get("test.session") in {None, self._session})
        spool = f"spool: {self._directory}"
        if not runs:
            return [f"no agent run was recorded; {spool}"]
        outside = sum("test.nodeid" not in (run.metadata or {}) for run in runs.values())
        directory = shlex.quote(self._directory)
        look = f"look at it: tcc-upload report {directory} --open"
        ship = f"ship it: tcc-upload replay {directory}"
        return [*_total_lines(total(runs.values()), outside), spool, look, ship]


def _total_lines(totals: Totals, outside: int) -> list[str]:
    outside_part = f", {outside} outside a test" if outside else ""
    uncached, cached, completion, cost = totals.sums.values()
    return [
        f"runs: {totals.runs} ({totals.failed} failed{outside_part})",
        f"tokens: {uncached:.0f} uncached, {cached:.0f} cached, {completion:.0f} completion",
        f"cost: {cost:.4f} USD",
    ]


@contextmanager
def _metadata_added(metadata: dict[str, str]) -> Iterator[None]:
    """Add metadata to the runs that begin, in this process and in the processes that it starts."""
    texts = ",".join(f"{name}={_escaped(text)}" for name, text in metadata.items())
    with scoped(metadata), pytest.MonkeyPatch.context() as environment:
        given = os.environ.get("TCC_METADATA")
        environment.setenv("TCC_METADATA", f"{given},{texts}" if given else texts)  # the later one wins
        yield


def _escaped(text: str) -> str:
    return re.sub(r"([\\,=])", r"\\\1", text.replace("\0", ""))
