"""A real PostgreSQL for tests, on a Unix socket in a temporary directory, and databases in it.

It must be there where ``TCC_TEST_POSTGRES`` is set, as in CI; elsewhere tests that need it are skipped without it.
It refuses to run as root, so root starts it as ``nobody``.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

from support.worlds import PATIENCE
from tcc_uploader.ledger.postgres import schema
from tcc_uploader.ledger.postgres.connection import Connection

NEEDED = "TCC_TEST_POSTGRES"
NOBODY: dict[str, Any] = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
"""How to start what refuses to run as root."""
_FAST = ("fsync=off", "full_page_writes=off", "shared_buffers=16MB", "max_wal_senders=0")
"""A killed process loses nothing by this, and no test switches off the machine."""


def program(name: str) -> str:
    """Return the path of one of PostgreSQL's programs, or PgBouncer's: Debian's are not on the PATH."""
    debian = [*sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True), Path("/usr/sbin", name)]
    there = shutil.which(name) or next((str(path) for path in debian if path.exists()), None)
    if there is None and os.environ.get(NEEDED):
        pytest.fail(f"{NEEDED} is set, and {name} is not installed: apt-get install postgresql pgbouncer")
    if there is None:
        pytest.skip(
            f"{name} is not installed: nothing is tested with a shared ledger (apt-get install postgresql pgbouncer)"
        )
    return there


class Postgres:
    """A server; ``folder`` has its data, its socket and its log."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self._data = folder / "data"
        self._numbers = count(1)
        self._options = *_FAST, *options
        if NOBODY:
            shutil.chown(folder, NOBODY["user"], NOBODY["group"])
        how = "--no-sync", "--username=owner", "--auth=trust", "--encoding=UTF8", "--locale=C"
        self._run("initdb", *how, "-D", self._data)
        access = self._data / "pg_hba.conf"
        access.write_text(f"local all locked scram-sha-256\n{access.read_text()}")
        self.start()
        self._created = False

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        settings = " ".join(("-c listen_addresses=", f"-k {self.folder}", *(f"-c {each}" for each in self._options)))
        self._run("pg_ctl", "start", "-w", "-D", self._data, "-l", self.folder / "log", "-o", settings)

    def stop(self, mode: str = "fast") -> None:
        """Stop the server; with ``immediate`` as in a crash."""
        self._run("pg_ctl", "stop", "-w", "-m", mode, "-D", self._data)

    def _run(self, name: str, *arguments: str | Path) -> None:
        # its output goes nowhere: a server that it starts would keep a pipe open
        subprocess.run(
            [program(name), *arguments], check=True, stdout=subprocess.DEVNULL, cwd="/", timeout=PATIENCE, **NOBODY
        )

    def url(self, database: str = "postgres", user: str = "owner") -> str:
        """Return the URL of a database."""
        return f"postgresql://{user}@/{database}?host={self.folder}"

    def run(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run a statement as the owner; return its rows."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def new_folder(self) -> Path:
        """Make a folder that a process which is not root can use."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        if NOBODY:
            shutil.chown(folder, NOBODY["user"], NOBODY["group"])
        return folder

    def new_database(self) -> str:
        """Make a database with a ledger for the target ``here``; return its name."""
        if not self._created:
            self.run("CREATE DATABASE ledger")
            connection = Connection(self.url("ledger"))
            schema.create(connection, "here")
            connection.close()
            self._created = True
        name = f"t{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE ledger")
        return name


@contextmanager
def running(*options: str) -> Iterator[Postgres]:
    """Run a server in the block."""
    program("initdb")
    with tempfile.TemporaryDirectory(prefix="tcc-pg-") as folder:
        server = Postgres(Path(folder), *options)
        try:
            yield server
        finally:
            server.stop("immediate")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Give a server for all tests of this process."""
    with running() as server:
        yield server


@pytest.fixture
def database(postgres: Postgres) -> str:
    """Give the name of a new database."""
    return postgres.new_database()
