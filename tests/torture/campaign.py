"""The long campaigns: ``python tests/torture/campaign.py --kills 10000`` runs them all and writes docs/reliability.md.

``--only kills`` (or ``flips``, ``copies``, ``burst``, ``hostile``, ``years``, ``fleet``; may be repeated) runs some of
them; the figures of the others are those of their last run, which lie in ``build/torture``, else what the page says of
them already.  With ``--only none`` the page is written anew.
"""

import argparse
import json
import platform
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FIGURES = ROOT / "build" / "torture"
PAGE = ROOT / "docs" / "reliability.md"

sys.path.insert(0, str(ROOT / "tests"))


def kills(options: argparse.Namespace, folder: Path) -> Any:
    """Kill recorders and uploaders beside servers that misbehave."""
    from torture.kills import run_kills  # noqa: PLC0415 -- a campaign needs only its own modules

    return run_kills(options.kills, folder, seed=options.seed, jobs=options.jobs)


def flips(options: argparse.Namespace, folder: Path) -> Any:
    """Cut a segment at every byte, and flip every bit of it."""
    from torture.damage import run_damage  # noqa: PLC0415 -- see kills

    return run_damage(folder, stride=options.stride)


def copies(options: argparse.Namespace, folder: Path) -> Any:
    """Copy spools while they are written."""
    from torture.copying import run_copies  # noqa: PLC0415 -- see kills

    return run_copies(options.copies, folder, seed=options.seed)


def burst(options: argparse.Namespace, folder: Path) -> Any:
    """Write thousands of segments at once under a running daemon."""
    from torture.bursts import burst as run_burst  # noqa: PLC0415 -- see kills

    return run_burst(folder, options.burst, seconds=600)


def hostile(_: argparse.Namespace, folder: Path) -> Any:
    """Give the commands small inputs that could cost much."""
    from torture.hostile import run_hostile  # noqa: PLC0415 -- see kills
    from torture.hostile_shapes import SHAPES  # noqa: PLC0415 -- see kills

    return run_hostile(folder, SHAPES)


def years(options: argparse.Namespace, folder: Path) -> Any:
    """Let a daemon live for simulated months."""
    from torture.years import run_years  # noqa: PLC0415 -- see kills

    return run_years(folder, options.days, seed=options.seed)


def fleet(options: argparse.Namespace, folder: Path) -> Any:
    """Let everything fail beside daemons that share a ledger."""
    from support.postgres import running  # noqa: PLC0415 -- see kills
    from torture.fleets import run_fleets  # noqa: PLC0415 -- see kills

    with running() as postgres:
        return run_fleets(options.events, folder, postgres, options.seed)


CAMPAIGNS: dict[str, Callable[[argparse.Namespace, Path], Any]] = {
    "kills": kills,
    "flips": flips,
    "copies": copies,
    "burst": burst,
    "hostile": hostile,
    "years": years,
    "fleet": fleet,
}

MUST_BE_ZERO = ("lost", "missing", "altered", "unexplained", "unreported", "denied", "left", "leaks", "grown")
"""And ``repeated`` where nothing is killed."""


def versions() -> str:
    """Return what the campaigns ran on."""
    from tcc_recorder import __version__  # noqa: PLC0415 -- see kills

    return (
        f"tcc-offline {__version__}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
        f"{platform.system()} {platform.release()}"
    )


def main() -> None:
    """Run the campaigns, keep their figures, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=10_000, help="processes to kill [10000]")
    parser.add_argument("--jobs", type=int, default=1, help="how many worlds of the kill campaign run at once [1]")
    parser.add_argument("--copies", type=int, default=3_000, help="copies of living spools to make [3000]")
    parser.add_argument("--burst", type=int, default=60_000, help="segments to write at once [60000]")
    parser.add_argument("--days", type=int, default=365, help="simulated days of a daemon's life [365]")
    parser.add_argument("--events", type=int, default=1_000, help="failures beside a shared ledger [1000]")
    parser.add_argument("--stride", type=int, default=1, help="flip every bit, or only every so many [1]")
    parser.add_argument("--seed", type=int, default=int(datetime.now(UTC).timestamp()), help="of everything random")
    parser.add_argument("--only", action="append", choices=[*CAMPAIGNS, "none"], help="run only this one; repeat")
    options = parser.parse_args()
    FIGURES.mkdir(parents=True, exist_ok=True)
    for name, campaign in CAMPAIGNS.items():
        if options.only and name not in options.only:
            continue
        folder = Path(tempfile.mkdtemp(prefix=f"torture-{name}-"))
        figures = vars(campaign(options, folder))
        about = {
            "command": f"tests/torture/campaign.py {' '.join(sys.argv[1:])}".strip(),
            "date": f"{datetime.now(UTC):%Y-%m-%d}",
            "versions": versions(),
            "seed": options.seed,
        }
        zeros = MUST_BE_ZERO if name == "kills" else (*MUST_BE_ZERO, "repeated")
        wrong = {member: number for member in zeros if (number := figures.get(member))}
        if wrong:
            sys.exit(f"{name} with seed {options.seed}: {wrong}\n{figures}")
        (FIGURES / f"{name}.json").write_text(json.dumps({**about, "figures": figures}, indent=1))
        shutil.rmtree(folder)
    from torture.reliability import page  # noqa: PLC0415 -- see kills

    found = {file.stem: json.loads(file.read_text()) for file in FIGURES.glob("*.json")}
    PAGE.write_text(page(ROOT, found, PAGE.read_text()))
    print(f"wrote {PAGE}")  # noqa: T201


if __name__ == "__main__":
    main()
