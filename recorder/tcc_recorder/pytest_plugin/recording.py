"""The hooks of a test session that is recorded.  Nothing that goes wrong in here reaches a test."""

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
from tcc_recorder.complaints import LOGGER
from tcc_recorder.defaults import scoped
from tcc_schemas import RunRecord

from .counting import Newcomers, Totals, total
from .outcomes import Outcome, outcome_of


class Recording(logging.Handler):
    """One session, in one process: it runs the tests, or is the controller of xdist workers that do."""

    def __init__(self, config: pytest.Config, directory: str) -> None:
        super().__init__(logging.WARNING)
        given = getattr(config, "workerinput", {})
        self._directory = directory
        self._session: str = given.get("tcc_session") or str(uuid4())
        self._worker: str | None = given.get("workerid")
        self._output: dict[str, Any] | None = getattr(config, "workeroutput", None)
        self._controls = self._worker is None and config.getoption("dist", "no") != "no"
        self._newcomers = Newcomers(Path(directory))
        self._problems: Counter[str] = Counter()
        self._attempts: Counter[str] = Counter()
        self._reports: list[pytest.TestReport] = []
        self._test = ExitStack()
        self._environment = pytest.MonkeyPatch()
        self._environment.setenv("TCC_SPOOL_DIR", directory)
        tcc_recorder.configure()  # what is recorded from now on goes there
        logging.getLogger(LOGGER).addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Remember what the recorder complains of."""
        self._problems[record.getMessage()] += 1

    @contextmanager
    def _harmless(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001 -- a recording problem never fails a test
            self._problems[f"{type(error).__name__}: {error}"] += 1

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Hand over to an xdist worker."""
        node.workerinput.update(tcc_spool=self._directory, tcc_session=self._session)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take over what an xdist worker had trouble with; a crashed one left nothing."""
        self._problems.update((getattr(node, "workeroutput", None) or {}).get("tcc_problems", {}))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Mark the runs that begin from now on as the test's; a test that is tried again comes by once more."""
        with self._harmless():
            self._leave()
            self._attempts[item.nodeid] += 1
            self._test.enter_context(_marked(self._marks(item.nodeid)))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Record a test's outcome as soon as it is known, so that a killed session leaves those before it."""
        with self._harmless():
            if self._controls:
                if report.when not in {"setup", "call", "teardown"}:  # the report of a worker's crash
                    self._record(report.nodeid, outcome_of([report]))
                return
            self._reports.append(report)
            if report.when == "teardown":
                outcome = outcome_of(self._reports)
                self._leave()
                self._record(report.nodeid, outcome)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """Leave the test that an interruption cut short; tell the controller."""
        with self._harmless():
            self._leave()
            if self._output is not None:
                self._output["tcc_problems"] = dict(self._problems)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what was recorded, and how to ship it."""
        lines = []
        with self._harmless():
            lines = self._summary()
        terminalreporter.section("tcc")
        for line in [*lines, *(f"problem: {problem}" for problem in self._problems)]:
            terminalreporter.line(line)

    def pytest_unconfigure(self) -> None:
        """Put everything back; what was recorded is sealed."""
        with self._harmless():
            self._leave()
            self._environment.undo()
            tcc_recorder.configure()
            logging.getLogger(LOGGER).removeHandler(self)

    def _leave(self) -> None:
        self._reports = []
        self._test.close()

    def _marks(self, nodeid: str) -> dict[str, str]:
        marks = {"test.nodeid": nodeid, "test.session": self._session}
        if self._worker:
            marks["test.worker"] = self._worker
        if attempt := self._attempts[nodeid]:
            marks["test.attempt"] = str(attempt)
        return marks

    def _record(self, nodeid: str, outcome: Outcome) -> None:
        marks = self._marks(nodeid)
        runs = self._newcomers.runs(lambda metadata: marks.items() <= metadata.items())
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
                    **marks,
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
        runs = self._newcomers.runs(lambda metadata: metadata.get("test.session") in {None, self._session})
        spool = f"spool: {self._directory}"
        if not runs:
            return [f"no agent run was recorded; {spool}"]
        outside = sum("test.nodeid" not in (run.metadata or {}) for run in runs.values())
        ship = f"ship it: tcc-upload replay {shlex.quote(self._directory)}"
        return [*_told(total(runs.values()), outside), spool, ship]


def _told(totals: Totals, outside: int) -> list[str]:
    beside = f", {outside} outside a test" if outside else ""
    uncached, cached, completion, cost = totals.sums.values()
    return [
        f"runs: {totals.runs} ({totals.failed} failed{beside})",
        f"tokens: {uncached:.0f} uncached, {cached:.0f} cached, {completion:.0f} completion",
        f"cost: {cost:.4f} USD",
    ]


@contextmanager
def _marked(marks: dict[str, str]) -> Iterator[None]:
    """Put metadata on the runs that begin, in this process and in those that it starts."""
    texts = ",".join(f"{name}={_escaped(text)}" for name, text in marks.items())
    with scoped(marks), pytest.MonkeyPatch.context() as environment:
        given = os.environ.get("TCC_METADATA")
        environment.setenv("TCC_METADATA", f"{given},{texts}" if given else texts)  # the later one wins
        yield


def _escaped(text: str) -> str:
    return re.sub(r"([\\,=])", r"\\\1", text.replace("\0", ""))
