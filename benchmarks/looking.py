"""Looking at runs: the newest of a large spool, and all of it."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from benchmarks.harness import Row, interleaved, ratios, row
from benchmarks.reading import read_and_sum
from benchmarks.uploading import Ran, record_runs, uploaded

_MIB = 1024 * 1024


def rows(quick: bool) -> Iterator[Row]:
    """List the newest runs of a small and of a large spool by turns; then all runs of the large one."""
    repetitions, few, many = (1, 100, 1000) if quick else (5, 1000, 100_000)
    with tempfile.TemporaryDirectory() as folder:
        small, large, state = Path(folder, "small"), Path(folder, "large"), Path(folder, "state")
        with mock.patch.dict(os.environ, {"TCC_API_KEY": "benchmark"}):
            record_runs(small, few)
            record_runs(large, many)
        taken: dict[str, list[Ran]] = {"small": [], "large": [], "all": []}

        def look(name: str, spool: Path, *options: str) -> float:
            taken[name].append(uploaded("http://127.0.0.1:9", state, "runs", spool, "--json", *options))
            return taken[name][-1].seconds

        found = interleaved(
            repetitions,
            {
                "limit": lambda _: read_and_sum(large),
                "small": lambda _: look("small", small, "-n", "20"),
                "large": lambda _: look("large", large, "-n", "20"),
                "all": lambda _: look("all", large),
            },
        )
    memory = {name: [ran.memory for ran in ran_each] for name, ran_each in taken.items()}
    newest, of_few = f"runs, the newest 20 of {many:,}", f"the newest 20 of {few:,}"
    yield row(f"{newest}: processor time", [ran.processor for ran in taken["large"]], unit="s", at_most=1)
    yield row(newest, ratios(found["large"], found["small"]), limit=of_few, at_most=2)
    yield row(f"{newest}: memory", ratios(memory["large"], memory["small"]), limit=of_few, at_most=1.2)
    yield row(
        f"runs --json, all {many:,}", ratios(found["all"], found["limit"]), limit="reading and crc of their bytes"
    )
    more = [(every - some) / _MIB for every, some in zip(memory["all"], memory["large"], strict=True)]
    yield row(f"runs --json, all {many:,}: memory beyond that for the newest 20", more, unit="MiB", at_most=4)
