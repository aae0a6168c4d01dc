"""What a long-lived recorder holds in memory."""

import gc
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.agent import record
from benchmarks.harness import Row, row, unmeasured
from benchmarks.standard_run import fresh_inputs

import tcc_recorder as tcc

_STATM = Path("/proc/self/statm")
_MIB = 1024 * 1024


def rows(quick: bool) -> Iterator[Row]:
    """Measure a fresh process after some runs and after a hundred times as many."""
    what = "memory of a recorder after 100,000 runs, beyond that after 1,000"
    if not _STATM.exists():
        yield unmeasured(what, "there is no /proc here")
        return
    repetitions, few, many = (1, 10, 1000) if quick else (5, 1000, 100_000)
    yield row(what, [_growth(few, many) / _MIB for _ in range(repetitions)], unit="MiB", at_most=1)


def _growth(few: int, many: int) -> int:
    """Return by how many bytes a process grows from ``few`` recorded runs to ``many``."""
    command = [sys.executable, "-m", "benchmarks.memory", str(few), str(many)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def _record_and_measure(few: int, many: int) -> None:
    found = []
    with tempfile.TemporaryDirectory() as spool:
        tcc.configure(spool_dir=spool)
        for count in range(1, many + 1):
            record(tcc, fresh_inputs(1, count)[0])
            if count in {few, many}:
                gc.collect()
                found.append(int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
            if count % 1000 == 0:
                for delivered in sorted(Path(spool).iterdir())[:-1]:  # as an uploader would
                    delivered.unlink()
    print(found[1] - found[0])


if __name__ == "__main__":
    _record_and_measure(int(sys.argv[1]), int(sys.argv[2]))
