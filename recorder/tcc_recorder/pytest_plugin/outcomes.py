"""The outcome of a test, from the reports of its phases."""

from collections.abc import Sequence
from typing import NamedTuple

import pytest

_MESSAGE = 2000
"""Characters of a failure's message that are kept."""


class TestOutcome(NamedTuple):
    """``name`` is passed, failed, error, skipped, xfailed or xpassed; ``duration`` is in seconds."""

    name: str
    message: str
    duration: float

    @property
    def failed(self) -> bool:
        """Whether the test makes the session fail."""
        return self.name in {"failed", "error"}


def outcome_of(reports: Sequence[pytest.TestReport]) -> TestOutcome:
    """Return a test's outcome: its first failure, else the first report that is not ``passed``, else ``passed``."""
    named = [(_name(report), report) for report in reports]
    rank = ("failed", "error", "xfailed", "xpassed", "skipped", "passed")
    name, report = min(named, key=lambda pair: rank.index(pair[0]))
    return TestOutcome(name, _message(report)[:_MESSAGE], sum(each.duration for each in reports))


def _name(report: pytest.TestReport) -> str:
    if hasattr(report, "wasxfail"):
        return "xfailed" if report.skipped else "xpassed"
    if report.passed or report.skipped:
        return report.outcome
    return "failed" if report.when == "call" else "error"  # reports of retried phases have other outcomes


def _message(report: pytest.TestReport) -> str:
    reason = getattr(report, "wasxfail", "")
    if reason or report.longrepr is None:
        return reason
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2])
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message if crash else report.longrepr)
