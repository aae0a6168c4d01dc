"""A spool of the test's own, a reader that trusts nothing, and programs to record in."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest

from tcc_recorder import privacy, sink
from tcc_recorder.complaints import complaints
from tcc_recorder.defaults import defaults
from tcc_schemas.lines import Line, LineReader
from tcc_schemas.tally import Tally


class ReadSegment(NamedTuple):
    """A segment of which every line was verified: header body, records, seal body (None if it is not sealed)."""

    path: Path
    header: dict[str, Any]
    records: list[Line]
    seal: dict[str, Any] | None


def read_segment(path: Path) -> ReadSegment:
    """Read and verify a segment; a seal must tell the truth."""
    reader = LineReader()
    lines = reader.read(path.read_bytes())
    assert reader.tail == 0, "the segment has a torn tail"
    verified = [line for line in lines if isinstance(line, Line)]
    assert verified == lines, "the segment is damaged"
    header, rest = verified[0], verified[1:]
    assert header.kind == "segment"
    seal = None
    if rest and rest[-1].kind == "seal":
        seal = orjson.loads(rest.pop().body)
        tally = Tally()
        for line in (header, *rest):
            tally.add(line.crc, is_record=line.is_record)
        assert (seal["records"], seal["crcs"]) == (tally.records, tally.crcs)
    assert all(line.is_record for line in rest)
    return ReadSegment(path, orjson.loads(header.body), rest, seal)


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
    """Give every test its own spool, and forget every setting behind it."""
    for name in [name for name in os.environ if name.startswith("TCC_")]:
        monkeypatch.delenv(name)
    defaults.configure({})
    privacy.reset()
    path = tmp_path / "spool"
    monkeypatch.setenv("TCC_SPOOL_DIR", str(path))
    complaints.__init__()  # type: ignore[misc]  # every test complains for the first time
    yield path
    forget_spool()


def forget_spool() -> None:
    """Close the process's spool, and let the next record make one anew."""
    spool = sink._spools.pop("current", None)
    if spool is not None:
        spool.close()
    sink._arguments.clear()
    privacy.reset()
    defaults.configure({})


@pytest.fixture
def reset() -> Callable[[], None]:
    """Return what a test calls to have its spool sealed."""
    return forget_spool


PRELUDE = "import os, sys, signal, threading, time\nimport tcc_recorder as tcc\n"


@pytest.fixture
def python(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a runner of programs: ``python(code, *arguments, status=0, **environment)``."""

    def run(code: str, *arguments: str, status: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-c", PRELUDE + textwrap.dedent(code), *arguments],
            capture_output=True,
            text=True,
            env={**os.environ, **environment},
            cwd=tmp_path,
            timeout=60,
            check=False,
        )
        assert done.returncode == status, done.stderr
        return done

    return run
