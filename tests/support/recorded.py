"""Reads and verifies recorded segments, and runs programs that record."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import orjson

import tcc_recorder as tcc
from support.children import kill, start
from tcc_recorder import sink
from tcc_recorder.defaults import defaults
from tcc_recorder.redact import policy
from tcc_schemas.lines import Line, LineReader
from tcc_schemas.tally import Tally


class ReadSegment(NamedTuple):
    """A verified segment: its path, header body, records, and seal body (None: not sealed)."""

    path: Path
    header: dict[str, Any]
    records: list[Line]
    seal: dict[str, Any] | None


def read_segment(path: Path) -> ReadSegment:
    """Read a segment; fail if a line is damaged, or if the seal does not match."""
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


def forget_settings() -> None:
    """Seal and close this process's spool, and reset all settings; the next record opens a new spool."""
    sink._arguments.clear()
    tcc.configure()
    policy.reset()
    defaults.configure({})


def descriptor_of(path: Path) -> int:
    """Return this process's descriptor of the open file ``path``."""
    wanted = path.stat()
    for name in os.listdir("/dev/fd"):  # noqa: PTH208 -- names, not paths
        with suppress(OSError):  # the descriptor of the listing itself
            if os.path.samestat(os.fstat(int(name)), wanted):
                return int(name)
    raise AssertionError(f"{path} is not open")


@contextmanager
def started(*command: str | Path, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Start a program; when the block ends, kill the program and its children, and wait for it."""
    process = start(command, text=True, **options)
    try:
        yield process
    finally:
        kill(process)


def run_program(*command: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a program to its end (at most 100 s) and capture its output; no process stays, even if the test fails."""
    with started(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options) as process:
        stdout, stderr = process.communicate(timeout=100)
    return subprocess.CompletedProcess(command, process.returncode, stdout, stderr)
