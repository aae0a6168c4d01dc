"""Measures processes that tests start with environments of their own: a plugin that ``make coverage`` loads."""

import os
import subprocess
from typing import Any

MEASURED = "COVERAGE_PROCESS_CONFIG"  # with it coverage's .pth file begins to measure when Python starts

_start = subprocess.Popen.__init__


def _start_measured(self: subprocess.Popen[Any], command: Any, *arguments: Any, **options: Any) -> None:
    if options.get("env") is not None:
        options["env"] = {**options["env"], MEASURED: os.environ[MEASURED]}
    _start(self, command, *arguments, **options)


subprocess.Popen.__init__ = _start_measured  # type: ignore[method-assign]
