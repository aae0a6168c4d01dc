"""Measures processes that tests start with environments of their own: a plugin that ``make coverage`` loads."""

import os
import subprocess
from typing import Any, Final

import pytest

UNMEASURED: Final = (
    "test_recording_imports_nothing_heavy",
    "test_a_limit_on_the_ledger_s_size_ends_a_replay_with_75",
    "test_without_an_inotify_instance_left_the_daemon_polls",
    "test_what_one_user_records_another_delivers_and_removes",
    "test_a_daemon_that_may_not_read_loses_nothing_and_says_so",
)
"""Tests of processes that may import or write nothing more, or run as a user who may not write here."""
MEASURED = "COVERAGE_PROCESS_CONFIG"  # with it coverage's .pth file begins to measure when Python starts

_start = subprocess.Popen.__init__


def _start_measured(self: subprocess.Popen[Any], command: Any, *arguments: Any, **options: Any) -> None:
    if options.get("env") is not None:
        options["env"] = {**options["env"], MEASURED: os.environ[MEASURED]}
    _start(self, command, *arguments, **options)


subprocess.Popen.__init__ = _start_measured  # type: ignore[method-assign]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what can't be measured."""
    for item in items:
        if item.name.startswith(UNMEASURED):
            item.add_marker(pytest.mark.skip(reason="can't be measured"))
