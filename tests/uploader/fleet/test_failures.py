"""Whatever fails between an uploader and a shared ledger: nothing is lost, and twice is only what was under way."""

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from support import children, pg_proxy
from support.faults import FaultServer, Reply, Request, SegmentFile
from support.fleet import Fleet, ended
from support.postgres import NOBODY, program
from support.worlds import wait_until

RUNS = 300
UNDER_WAY = 48 + 100
"""The most that is sent again for one event: 48 records in flight, and what was answered since the last commit."""


@pytest.fixture
def spool(fleet: Fleet, server: FaultServer) -> None:
    """Fill the fleet's spool, and let the server take its time."""
    for number in range(3):
        segment = SegmentFile()
        for run in range(RUNS // 3):
            segment.run(f"s{number}-r{run}")
        segment.seal().write(fleet.spool)

    def slowly(_: Request) -> Reply:
        time.sleep(0.01)
        return Reply()

    server.behaviour = slowly


def _all_delivered(fleet: Fleet, most_twice: int) -> None:
    """Check that each run was received, and how many of them twice; and that the counts of all machines add up."""
    receipts = fleet.receipts()
    assert len(receipts) == RUNS
    assert sum(receipts.values()) - RUNS <= most_twice
    assert fleet.rows("SELECT sum(records), sum(delivered), bool_and(finished) FROM tcc.segment") == [
        (RUNS, RUNS, True)
    ]
    fleet.machine().run("verify")


def _has_begun(server: FaultServer) -> None:
    server.wait_for(lambda: len(server.requests) > RUNS // 10)


def _end_leases(fleet: Fleet) -> None:
    """Let time pass for the server alone: what is held is free."""
    fleet.rows("UPDATE tcc.worker SET until = statement_timestamp()")


@pytest.mark.usefixtures("spool")
def test_what_a_killed_worker_held_is_taken_by_another(fleet: Fleet, server: FaultServer) -> None:
    """Its claims end with its lease."""
    killed = fleet.machine().start("replay")
    _has_begun(server)
    children.kill(killed)
    _end_leases(fleet)
    fleet.machine().run("replay")
    _all_delivered(fleet, UNDER_WAY)


@pytest.mark.usefixtures("spool")
def test_a_worker_that_was_frozen_past_its_lease_ends_and_breaks_nothing(fleet: Fleet, server: FaultServer) -> None:
    """When it wakes it commits what it delivered, and sends nothing more; the counts stay those of the other one."""
    frozen = fleet.machine().start("replay")
    _has_begun(server)
    frozen.send_signal(signal.SIGSTOP)
    _end_leases(fleet)
    fleet.machine().run("replay")
    frozen.send_signal(signal.SIGCONT)
    assert ended([frozen]) == [75]
    _all_delivered(fleet, UNDER_WAY)


@pytest.mark.usefixtures("spool")
@pytest.mark.parametrize("where", ["before", "after"])
def test_a_connection_that_is_cut_at_a_commit_costs_nothing(fleet: Fleet, server: FaultServer, where: str) -> None:
    """Whether that commit happened or not, it is there once, and nothing is sent twice."""
    with pg_proxy.running(fleet.postgres.folder) as proxy:
        process = fleet.machine(f"postgresql://owner@/{fleet.database}?host={proxy.folder}").start("replay")
        for _ in range(2):
            proxy.cut = where  # type: ignore[assignment]
            wait_until(lambda: proxy.cut is None or process.poll() is not None, "a commit")
        assert ended([process]) == [0]
        assert proxy.cuts == 2
    _all_delivered(fleet, 0)


@pytest.mark.usefixtures("spool")
def test_connections_that_an_administrator_ends_cost_nothing(fleet: Fleet, server: FaultServer) -> None:
    """They are made again."""
    process = fleet.machine().start("replay")
    for part in (10, 5, 3):
        server.wait_for(lambda part=part: len(server.requests) > RUNS // part)
        fleet.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tcc-upload'"
            " AND datname = current_database()"
        )
    assert ended([process]) == [0]
    _all_delivered(fleet, 0)


@pytest.mark.usefixtures("spool")
def test_a_daemon_outlasts_its_database(fleet: Fleet, server: FaultServer) -> None:
    """While it is down nothing is sent; then it goes on, and what had been answered is not sent again."""
    with fleet.machine().daemon("--after", "keep") as daemon:
        _has_begun(server)
        fleet.postgres.stop("immediate")
        assert daemon.stdout is not None
        said = ""
        while "could not be" not in said and "can't be" not in said:
            said = daemon.stdout.readline()
        sent = len(server.requests)
        fleet.postgres.start()
        server.wait_for(lambda: len(fleet.receipts()) == RUNS)
        wait_until(
            lambda: fleet.rows("SELECT sum(delivered) FROM tcc.segment WHERE finished") == [(RUNS,)], "the last commit"
        )
    assert sent < RUNS
    _all_delivered(fleet, 0)


@pytest.mark.usefixtures("spool")
def test_it_works_through_pgbouncer_in_transaction_mode(fleet: Fleet) -> None:
    """Two workers share one connection to the database."""
    with _pgbouncer(fleet) as folder:
        url = f"postgresql://owner@/{fleet.database}?host={folder}&port=6432"
        assert ended([fleet.machine(url).start("replay") for _ in range(2)]) == [0, 0]
    _all_delivered(fleet, 0)


@contextmanager
def _pgbouncer(fleet: Fleet) -> Iterator[Path]:
    folder = fleet.postgres.new_folder()
    settings = folder / "pgbouncer.ini"
    settings.write_text(
        f"[databases]\n* = host={fleet.postgres.folder} pool_size=1\n"
        f"[pgbouncer]\nunix_socket_dir={folder}\nlisten_port=6432\nauth_type=trust\nauth_file={folder}/users\npool_mode=transaction\n"
    )
    (folder / "users").write_text('"owner" ""\n')
    command = [program("pgbouncer"), "-q", settings]
    children.start(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", **NOBODY)
    wait_until((folder / ".s.PGSQL.6432").exists, "PgBouncer")
    yield folder


@pytest.mark.usefixtures("spool")
def test_many_workers_share_few_connections(fleet: Fleet) -> None:
    """Who gets none waits for it."""
    fleet.rows("CREATE ROLE few LOGIN CONNECTION LIMIT 2")
    _grant(fleet, "few")
    url = fleet.postgres.url(fleet.database, "few")
    assert ended([fleet.machine(url).start("replay") for _ in range(5)]) == [0] * 5
    _all_delivered(fleet, 0)


def _grant(fleet: Fleet, role: str) -> None:
    fleet.rows(f"GRANT USAGE ON SCHEMA tcc TO {role}")
    fleet.rows(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA tcc TO {role}")


def test_a_worker_needs_no_right_to_create_anything_and_sends_nothing_if_it_may_only_read(
    fleet: Fleet, server: FaultServer
) -> None:
    """The grants that docs/fleet.md names are enough for every command; without them the exit code is 75."""
    SegmentFile().run("r1").run("bad").seal().write(fleet.spool)
    fleet.rows("CREATE ROLE worker LOGIN")
    machine = fleet.machine(fleet.postgres.url(fleet.database, "worker"))
    machine.run("replay", code=75)
    _grant(fleet, "worker")
    fleet.rows("ALTER ROLE worker SET default_transaction_read_only = on")
    machine.run("replay", code=75)
    machine.run("verify")
    assert not server.requests
    fleet.rows("ALTER ROLE worker SET default_transaction_read_only = off")
    server.behaviour = lambda request: Reply(422 if "bad" in request.ids else 200)
    machine.run("replay", code=65)
    machine.run("dead", "drop", "--all", "--yes")
    machine.run("verify")
    machine.run("prune", "--older-than", "0m", "--yes")
    machine.run("ledger", "status")


def test_a_foreign_transaction_that_idles_holds_up_nobody_and_is_told(fleet: Fleet, server: FaultServer) -> None:
    """It keeps old rows, so doctor and ledger status name it."""
    SegmentFile().run("r1").seal().write(fleet.spool)
    machine = fleet.machine()
    with psycopg.connect(fleet.postgres.url(fleet.database)) as idle:
        idle.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        idle.execute("SELECT count(*) FROM tcc.claim")
        machine.run("replay")
        assert float(machine.json("ledger", "status")["longest_transaction"]) > 0  # type: ignore[arg-type]
    assert server.ids == [["r1"]]
