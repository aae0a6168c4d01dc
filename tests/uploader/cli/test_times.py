"""A time without a zone: what an operator types is local time, what was recorded is UTC, in every command."""

from pathlib import Path

import orjson
import pytest

from support.faults import run_item
from support.shell import Shell

RECORDED = "2026-01-31T12:00:00"


@pytest.mark.parametrize(("typed", "runs"), [("2026-01-31T21:00", 1), ("2026-01-31T21:01", 0)])
def test_every_command_takes_the_same_runs(shell: Shell, tmp_path: Path, typed: str, runs: int) -> None:
    """In Tokyo, nine hours ahead, a run that was recorded at noon without a zone began at 21:00."""
    plain = tmp_path / "plain.jsonl"
    plain.write_bytes(orjson.dumps(run_item("r", start_time=RECORDED, end_time=RECORDED)) + b"\n")
    choice = (plain, "--since", typed)
    shell.run("runs", *choice, "--json", code=0 if runs else 66, TZ="Asia/Tokyo")
    shell.run("report", *choice, "-o", tmp_path / "report.html", TZ="Asia/Tokyo")
    assert f"report.html: {runs} run" in shell.printed
    told = shell.json("replay", *choice, code=0 if runs else 66, TZ="Asia/Tokyo")
    assert told["delivered"] == runs
