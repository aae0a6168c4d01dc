"""Starting: import and first record, in a fresh process that finds modules compiled, as agents do."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial

from benchmarks.harness import Row, interleaved, ratios, row

_TIMED = "import time; began = time.perf_counter(); {}; print(time.perf_counter() - began)"
_OURS = _TIMED.format("import tcc_recorder; tcc_recorder.run().prompt('hello').end()")
_THEIRS = _TIMED.format("import contextcompany")


def rows(quick: bool) -> Iterator[Row]:
    """Let fresh interpreters time themselves."""
    with tempfile.TemporaryDirectory() as folder:
        measures = {"ours": partial(_seconds, _OURS, folder), "theirs": partial(_seconds, _THEIRS, folder)}
        if not quick:
            interleaved(1, measures)  # fills the page cache, and the interpreter's cache of compiled files
        found = interleaved(1 if quick else 15, measures)
    what, against = "import tcc_recorder and record a first run", "import contextcompany"
    yield row(against, [seconds * 1e3 for seconds in found["theirs"]], unit="ms")
    yield row(what, ratios(found["ours"], found["theirs"]), limit=against, at_most=0.35)


def _seconds(program: str, folder: str, _repetition: int) -> float:
    environment = {**os.environ, "TCC_SPOOL_DIR": folder}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # with it each start would compile our modules anew
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    return float(done.stdout)
