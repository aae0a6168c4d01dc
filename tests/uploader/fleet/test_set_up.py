"""The settings of a shared ledger: set up once, with a password that is nowhere shown; without one nothing changes."""

import subprocess
import sys
from pathlib import Path

import pytest

from support.fleet import Fleet
from support.postgres import Postgres
from support.worlds import PATIENCE
from tcc_uploader.ledger_url import checked_ledger_url
from tcc_uploader.settings import load
from tcc_uploader.settings_file import SettingsError

SECRET = "correct-horse"  # noqa: S105 -- of a database that is gone after the test


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://db/tcc",
        "postgresql://tcc@db.example:5432/tcc?sslmode=verify-full",
        "postgresql://tcc@one:5432,two:5433/tcc?target_session_attrs=read-write",
        "postgresql://tcc@[::1]:5432/tcc",
        "postgresql:///tcc?host=/run/postgresql&passfile=/etc/tcc/pgpass",
        "postgres://%2Frun%2Fpostgresql/tcc",
        "postgresql://",
    ],
)
def test_a_url_without_a_password_is_taken_as_it_is(url: str) -> None:
    """In every form that PostgreSQL's library reads."""
    assert checked_ledger_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://tcc:{SECRET}@db/tcc",
        f"postgresql://:{SECRET}@db/tcc",
        f"postgresql://tcc:12/{SECRET}@db/tcc",
        f"postgresql://tcc:{SECRET}?x@db/tcc",
        f"postgresql://tcc:{SECRET}#x@db/tcc",
        f"postgresql://{'u' * 60}:{SECRET}@db/tcc",  # in linear time
        f"postgresql://{'h' * 60},{'h' * 60}#{SECRET}",
        f"postgresql://db/tcc?password={SECRET}",
        f"postgresql://db/tcc?p%61ssword={SECRET}",
        f"postgresql://db/tcc?sslmode=require&sslpassword={SECRET}",
        f"host=db password={SECRET}",
        f"mysql://tcc:{SECRET}@db/tcc",
    ],
)
def test_a_url_with_a_password_is_refused_without_being_told(url: str, tmp_path: Path) -> None:
    """In the environment and in the file: so no place that shows it can show a password."""
    file = tmp_path / "upload.toml"
    file.write_text(f'ledger = "{url}"')
    for environment, config in (({"TCC_LEDGER": url}, None), ({}, file)):
        with pytest.raises(SettingsError) as caught:
            load({"HOME": str(tmp_path), **environment}, config=config)
        assert SECRET not in str(caught.value)
        assert "PGPASSFILE" in str(caught.value)


def test_a_password_comes_from_the_environment_or_a_file_and_is_shown_nowhere(fleet: Fleet) -> None:
    """Whether it is right or wrong, in every output and file."""
    postgres = fleet.postgres
    fleet.rows(f"CREATE ROLE locked SUPERUSER LOGIN PASSWORD '{SECRET}'")
    machine = fleet.machine(postgres.url(fleet.database, "locked"))
    pgpass = machine.state.parent.parent / "pgpass"
    pgpass.write_text(f"*:*:*:locked:{SECRET}\n")
    pgpass.chmod(0o600)
    machine.run("replay", code=75, PGPASSWORD=f"wrong-{SECRET}")
    machine.run("replay", code=75)
    for passwords in ({"PGPASSWORD": SECRET}, {"PGPASSFILE": str(pgpass)}):
        machine.run("replay", **passwords)
        for command in (["status"], ["status", "--json"], ["config", "show"], ["ledger", "status"], ["verify"]):
            machine.run(*command, **passwords)
        machine.run("doctor", code=None, TCC_DEBUG="1", **passwords)
    files = "".join(data.decode(errors="replace") for data in machine.files().values())
    assert SECRET not in machine.printed + files
    assert "shared ledger: PostgreSQL" in machine.printed


def test_it_is_set_up_once_for_one_target(fleet: Fleet, postgres: Postgres) -> None:
    """A second time changes nothing; for another target it is refused."""
    fleet.rows(f"CREATE DATABASE {fleet.database}_new")
    machine = fleet.machine(postgres.url(f"{fleet.database}_new"))
    machine.run("status", code=77)
    assert "tcc-upload ledger init" in machine.printed
    assert "is set up" in machine.run("ledger", "init")
    assert "was there already" in machine.run("ledger", "init")
    machine.run("ledger", "init", code=77, TCC_TARGET="another")
    machine.run("status")


def test_an_object_that_was_set_aside_can_be_tried_again(fleet: Fleet) -> None:
    """``ledger status`` names it, and ends with 65; so does ``status``, with 77."""
    fleet.rows("INSERT INTO tcc.object (uri, etag, size, attempt) VALUES ('s3://b/poison', 'e', 1, 6)")
    machine = fleet.machine()
    assert "s3://b/poison" in machine.run("ledger", "status", code=65)
    assert "tcc-upload ledger retry s3://b/poison" in machine.run("status", code=77)
    machine.run("ledger", "retry", "s3://b/other", code=66)
    machine.run("ledger", "retry", "s3://b/poison")
    assert fleet.rows("SELECT attempt FROM tcc.object") == [(0,)]
    machine.run("ledger", "status")


def test_without_the_extra_one_line_says_what_to_install(tmp_path: Path) -> None:
    """And with the ledger in a file psycopg is not even looked for."""
    program = "import sys; sys.modules['psycopg'] = None; from tcc_uploader.cli.main import run; run()"
    environment = {"HOME": str(tmp_path), "TCC_SPOOL_DIR": str(tmp_path)}
    for more, code, said in (
        ({"TCC_LEDGER": "postgresql://db/tcc"}, 77, "pip install 'tcc-offline[postgres]'"),
        ({}, 0, ""),
    ):
        done = subprocess.run(
            [sys.executable, "-c", program, "replay"],
            env=environment | more,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        assert (done.returncode, done.stderr.count("\n")) == (code, 1), done.stderr
        assert said in done.stderr
