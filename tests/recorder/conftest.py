"""A spool for each test, readers that verify every line, and programs that record."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from support.recorded import ReadSegment, forget_settings, read_segment, run_program
from tcc_recorder.limited_log import log
from tcc_schemas.lines import Line


@pytest.fixture
def read() -> Callable[[Path], list[ReadSegment]]:
    """Return a reader of all segments of a spool."""
    return lambda spool: [read_segment(path) for path in sorted(spool.glob("*.jsonl"))]


@pytest.fixture
def records(read: Callable[[Path], list[ReadSegment]]) -> Callable[[Path], list[Line]]:
    """Return a reader of all records of a spool."""
    return lambda spool: [line for segment in read(spool) for line in segment.records]


@pytest.fixture
def items(records: Callable[[Path], list[Line]]) -> Callable[[Path], list[dict[str, Any]]]:
    """Return a reader of all wire items of a spool, those of batches too."""

    def read_items(spool: Path) -> list[dict[str, Any]]:
        bodies = [orjson.loads(line.body) for line in records(spool)]
        return [item for body in bodies for item in body.get("items", [body])]

    return read_items


@pytest.fixture(autouse=True)
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give every test its own spool, and the default settings."""
    for name in [name for name in os.environ if name.startswith("TCC_")]:
        monkeypatch.delenv(name)
    path = tmp_path / "spool"
    monkeypatch.setenv("TCC_SPOOL_DIR", str(path))
    forget_settings()
    log.__init__()  # type: ignore[misc]  # every warning is logged for the first time
    yield path
    forget_settings()


@pytest.fixture
def reset() -> Callable[[], None]:
    """Return what a test calls to have its spool sealed."""
    return forget_settings


PRELUDE = "import os, sys, signal, threading, time\nimport tcc_recorder as tcc\n"


@pytest.fixture
def python(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a runner of programs: ``python(code, *arguments, status=0, **environment)``."""

    def run(code: str, *arguments: str, status: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        program = PRELUDE + textwrap.dedent(code)
        done = run_program(sys.executable, "-c", program, *arguments, env={**os.environ, **environment}, cwd=tmp_path)
        assert done.returncode == status, done.stderr
        return done

    return run
