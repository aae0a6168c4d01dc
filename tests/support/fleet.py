"""Several machines with one shared ledger, and processes on them."""

import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from support import children
from support.faults import FaultServer
from support.postgres import Postgres
from support.shell import COMMAND, Shell
from support.worlds import PATIENCE


class Machine(Shell):
    """A machine: a state directory of its own; the spool is the fleet's, as if it had been copied there."""

    def start(self, *arguments: str | Path, **environment: str) -> subprocess.Popen[str]:
        """Start a command beside the test."""
        return children.start(
            [COMMAND, *arguments],
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


class Fleet:
    """Machines, one server to which they deliver, and the database of their ledger."""

    def __init__(self, folder: Path, server: FaultServer, postgres: Postgres) -> None:
        self.folder = folder
        self.server = server
        self.postgres = postgres
        self.database = postgres.new_database()
        self.spool = folder / "spool"
        self.spool.mkdir()
        self._machines = 0

    def machine(self, url: str | None = None) -> Machine:
        """Return a new machine; ``url`` is that of the ledger, as this machine reaches it."""
        self._machines += 1
        folder = self.folder / f"machine{self._machines}"
        folder.mkdir()
        made = Machine(folder, self.server)
        made.spool = self.spool
        made.environment |= {"TCC_SPOOL_DIR": str(self.spool), "TCC_LEDGER": url or self.postgres.url(self.database)}
        return made

    def receipts(self) -> Counter[str]:
        """Return how many times each id was received."""
        return Counter(ident for ids in self.server.ids for ident in ids)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """Ask the ledger's database."""
        return self.postgres.run(query, self.database)


def ended(processes: Sequence[subprocess.Popen[str]]) -> list[int]:
    """Wait for the end of processes; return their exit codes."""
    for process in processes:
        printed, _ = process.communicate(timeout=PATIENCE)
        print(printed)  # noqa: T201 -- shown if the test fails
        assert "Traceback" not in printed
    return [process.returncode for process in processes]


@pytest.fixture
def fleet(tmp_path: Path, server: FaultServer, postgres: Postgres) -> Fleet:
    """Give a fleet without machines."""
    return Fleet(tmp_path, server, postgres)
