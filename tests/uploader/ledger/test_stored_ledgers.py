"""Ledgers as earlier versions left them: what they know still counts after an upgrade."""

import shutil
from pathlib import Path

import pytest

from support.faults import FaultServer
from support.shell import Shell

STORED = Path(__file__).with_name("stored")


@pytest.mark.parametrize(
    "state", sorted(path.parent for path in STORED.glob("*/ledger.sqlite3")), ids=lambda path: path.name
)
def test_what_an_earlier_version_delivered_is_not_sent_again(shell: Shell, server: FaultServer, state: Path) -> None:
    """Of three records one was delivered, one refused and one pending when that version stopped: one is sent."""
    shutil.copytree(state, shell.state)
    shell.run("replay", STORED / "segment.jsonl", code=65)
    assert server.ids == [["late"]]
    counts = shell.status()["counts"]
    assert (counts["delivered"], counts["dead"], counts["pending"]) == (2, 1, 0)
    shell.run("verify", STORED / "segment.jsonl")
