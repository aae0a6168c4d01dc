"""Run the benchmarks, all or the named ones, and write what they found: ``python -m benchmarks [--quick] [NAME …]``.

``--quick`` only shows that they work: it takes seconds, and writes nothing.
"""

import argparse
import importlib
import os
from pathlib import Path

from benchmarks import harness

NAMES = ("recording", "power", "redaction", "agents_view", "imports", "memory", "agents_sdk", "peers")
NAMES += (
    "gateway",
    "starting",
    "sending",
    "latency",
    "idle",
    "turns",
    "backlog",
    "ledger_size",
    "reading",
    "objects",
    "sharing",
    "looking",
    "report",
)
PAGE = Path(__file__).parent.parent / "docs" / "performance.md"


def main() -> None:
    """Run them one after the other, so that none disturbs another."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(NAMES)}; all without")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that they work; writes nothing")
    options = parser.parse_args()
    if unknown := set(options.names) - set(NAMES):
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else each start compiles our modules anew
    machine = harness.machine()
    print(machine)
    for name in options.names or NAMES:
        benchmark = importlib.import_module(f"benchmarks.{name}")
        title = benchmark.__doc__.splitlines()[0].rstrip(".")
        print(f"\n{title}", flush=True)
        rows = []
        for row in benchmark.rows(options.quick):
            rows.append(row)
            tried = options.quick and row.median is not None  # figures of tiny sizes meet or miss no goal
            print(f"  {harness.line(row._replace(goal='', holds=None) if tried else row)}", flush=True)
        if not options.quick:
            harness.write(name, title, rows, machine, PAGE)


if __name__ == "__main__":
    main()
