"""Spools to upload, and ``tcc-upload`` as a process of its own."""

import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import orjson
from benchmarks.agent import record
from benchmarks.standard_run import fresh_inputs

import tcc_recorder as tcc
from tcc_schemas.lines import Line, LineReader, crc_of, encode
from tcc_schemas.tally import Tally

PROGRAM = Path(sys.executable).with_name("tcc-upload")
_AT = "2026-01-31T12:00:00.000Z"
_PEAK = re.compile(r"VmHWM:\s+(\d+) kB")
_LOOK = 0.02
"""Seconds between looks at a process: how much its time may be told too long."""


class Ran(NamedTuple):
    """What a process took: ``began`` on the monotonic clock; times in seconds, ``memory`` in bytes at its peak."""

    began: float
    seconds: float
    processor: float
    memory: int


def uploaded(url: str, state: Path, *arguments: str | Path, exits: tuple[int, ...] = (0,)) -> Ran:
    """Run ``tcc-upload`` with these arguments to its end.  Raises RuntimeError if it ends with another exit code."""
    began = time.monotonic()
    with tempfile.TemporaryFile() as said:
        process = _start(url, state, arguments, said.fileno())
        memory = 0
        while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
            # the kernel's own maximum would count the memory of the process that started it, too
            peak = _PEAK.search(Path(f"/proc/{process.pid}/status").read_text(encoding="ascii"))
            memory = int(peak[1]) * 1024 if peak else memory
            time.sleep(_LOOK)
        seconds = time.monotonic() - began
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in exits:
            said.seek(0)
            text = said.read().decode()[-2000:]
            raise RuntimeError(f"tcc-upload {arguments[0]} ended with {process.returncode}: {text}")
    return Ran(began, seconds, usage.ru_utime + usage.ru_stime, memory)


@contextlib.contextmanager
def daemon(url: str, state: Path, spool: Path, *arguments: str) -> Iterator[int]:
    """Give the process id of a daemon on a spool."""
    process = _start(url, state, ("daemon", "--spool", spool, "--after", "delete", *arguments), subprocess.DEVNULL)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def record_runs(spool: Path, runs: int, first: int = 0) -> None:
    """Record standard runs with the recorder, from fresh strings, into sealed segments."""
    tcc.configure(spool_dir=str(spool), max_bytes=1 << 40)
    for start in range(first, first + runs, 500):
        for x in fresh_inputs(min(500, first + runs - start), start):
            record(tcc, x)
    tcc.configure(spool_dir=str(spool))  # seals what is open


def write_small_runs(spool: Path, segments: int, records: int) -> None:
    """Write so many sealed segments of so many runs of 1 KB each, faster than a recorder would."""
    spool.mkdir(exist_ok=True)
    for number in range(segments):
        ident = str(uuid.uuid4())
        data = b"".join(_segment(ident, records))
        Path(spool, f"20260131t{number:06d}z-{ident[-12:]}.jsonl").write_bytes(data)


def bodies(spool: Path) -> list[bytes]:
    """Return the request body of every record of a spool."""
    found = (line for file in sorted(spool.glob("*.jsonl")) for line in LineReader().read(file.read_bytes()))
    return [line.body for line in found if isinstance(line, Line) and line.is_record]


def _segment(ident: str, records: int) -> Iterator[bytes]:
    tally = Tally()
    header = {
        "segment_id": ident,
        "host": "benchmark",
        "boot_id": "",
        "pid": 1,
        "process": ident,
        "sequence": 1,
        "sdk_version": "0",
        "durability": "process",
    }
    first = encode("segment", ident, orjson.dumps(header), at=_AT)
    for line in (first, *_runs(records)):
        tally.add(crc_of(line), is_record=line is not first)
        yield line
    yield encode("seal", ident, b'{"records":%d,"refused":0,"crcs":"%b"}' % (records, tally.crcs.encode()), at=_AT)


def _runs(records: int) -> Iterable[bytes]:
    for _ in range(records):
        run_id = str(uuid.uuid4())
        prompt = {"user_prompt": os.urandom(400).hex()}
        item = {"type": "run", "run_id": run_id, "start_time": _AT, "end_time": _AT, "status_code": 0, "prompt": prompt}
        yield encode("run", run_id, orjson.dumps(item), at=_AT, run_id=run_id, path="/v1/custom")


def _start(url: str, state: Path, arguments: tuple[str | Path, ...], errors: int) -> "subprocess.Popen[bytes]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TCC_")}
    environment |= {"TCC_API_KEY": "benchmark", "TCC_BASE_URL": url}
    command = [PROGRAM, *arguments, "--state-dir", state]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=errors)
