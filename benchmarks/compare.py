"""Compare two checkouts by turns: ``python -m benchmarks.compare OTHER [--turns 15] [NAME …]``.

OTHER is another checkout whose ``make install`` was run.  Each figure is this checkout's time divided by the other's in
the same turn; the quartiles of these ratios are printed.  It is worse only if the lower quartile is above 1.05.
"""

import argparse
import os
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from benchmarks import servers, uploading
from benchmarks.reading import under_new_names
from benchmarks.uploading import record_runs, uploaded, write_small_runs

HERE = Path(__file__).parent.parent
_WORSE = 1.05
_WRONG_KEY, _OPERATOR_NEEDED = 401, 77
_RECORDING = """
import statistics, sys, tempfile
from functools import partial
from benchmarks.agent import record
from benchmarks.harness import seconds_of
from benchmarks.standard_run import fresh_inputs
import tcc_recorder as tcc
with tempfile.TemporaryDirectory() as folder:
    tcc.configure(spool_dir=folder, max_bytes=1 << 40)
    print(statistics.median(seconds_of(partial(record, tcc), fresh_inputs(1000, 0))))
    tcc.configure(spool_dir=folder)
"""

Measure = Callable[[Path], float]
"""Returns the seconds that a checkout takes."""


@contextmanager
def sending(folder: Path, *_: Path) -> Iterator[Measure]:
    """Replay 4,000 standard runs to a server that answers at once: processor time."""
    record_runs(folder / "spool", 4000)
    with servers.holding(0) as server:
        yield lambda checkout: _uploading(checkout, server.url, "replay", folder / "spool")


@contextmanager
def reading(folder: Path, *checkouts: Path) -> Iterator[Measure]:
    """Replay 20,000 standard runs that were delivered before, under new file names: processor time."""
    record_runs(folder / "spool", 20_000)
    renamed = under_new_names(folder / "spool", folder / "renamed")
    with servers.holding(0) as server:
        states = {checkout: folder / f"state-{number}" for number, checkout in enumerate(checkouts)}
        for checkout, state in states.items():
            _uploading(checkout, server.url, "replay", folder / "spool", state=state)
        yield lambda checkout: _uploading(checkout, server.url, "replay", renamed, state=states[checkout])


@contextmanager
def backlog(folder: Path, *_: Path) -> Iterator[Measure]:
    """Start with 100,000 records of 1 KB that a server refuses the key of: processor time."""
    write_small_runs(folder / "spool", 100, 1000)
    with servers.holding(0, _WRONG_KEY) as server:
        yield lambda checkout: _uploading(checkout, server.url, "replay", folder / "spool", code=_OPERATOR_NEEDED)


@contextmanager
def recording(*_: Path) -> Iterator[Measure]:
    """Record a standard run: the median of 1,000."""
    yield lambda checkout: float(
        subprocess.run(
            [checkout / ".venv/bin/python", "-c", _RECORDING], cwd=checkout, check=True, capture_output=True, text=True
        ).stdout
    )


def main() -> None:
    """Print a line per benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description=__doc__.splitlines()[0])
    parser.add_argument("other", type=Path)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--turns", type=int, default=15)
    options = parser.parse_args()
    other = options.other.resolve()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else each start compiles our modules anew
    for benchmark in (sending, reading, backlog, recording):
        if options.names and benchmark.__name__ not in options.names:
            continue
        with (
            tempfile.TemporaryDirectory() as folder,
            mock.patch.dict(os.environ, {"TCC_API_KEY": "benchmark"}),
            benchmark(Path(folder), HERE, other) as measure,
        ):
            measure(HERE), measure(other)
            # the order changes from turn to turn: who goes second finds warmer caches
            turns = [(HERE, other) if number % 2 else (other, HERE) for number in range(options.turns)]
            found = [{checkout: measure(checkout) for checkout in turn} for turn in turns]
        ratios = [seconds[HERE] / seconds[other] for seconds in found]
        quartiles = statistics.quantiles(ratios, n=4)
        verdict = "worse" if quartiles[0] > _WORSE else "not worse"
        text = " ".join(f"{ratio:.3f}" for ratio in quartiles)
        print(f"{benchmark.__name__:<10} quartiles {text} of {options.turns} turns: {verdict}", flush=True)


def _uploading(
    checkout: Path, url: str, command: str, spool: Path, *, state: Path | None = None, code: int = 0
) -> float:
    with (
        mock.patch.object(uploading, "PROGRAM", checkout / ".venv/bin/tcc-upload"),
        tempfile.TemporaryDirectory() as new,
    ):
        return uploaded(url, state or Path(new), command, spool, exits=(code,)).processor


if __name__ == "__main__":
    main()
