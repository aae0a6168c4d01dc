"""Several uploaders share one ledger: each record is sent by one of them, and the counts are those of all."""

import tarfile
import threading
import time
from pathlib import Path

import pytest

from support.faults import KEY, FaultServer, Reply, Request, SegmentFile
from support.fleet import Fleet, ended
from support.worlds import PATIENCE, wait_until
from tcc_schemas.endpoints import key_hint
from tcc_uploader.inspect.pending import find_pending
from tcc_uploader.ledger.postgres.store import PostgresLedger
from tcc_uploader.model.letter import LetterRequest, letter_id


def _segments(fleet: Fleet, number: int = 4, runs: int = 50) -> None:
    for each in range(number):
        segment = SegmentFile()
        for run in range(runs):
            segment.run(f"s{each}-r{run}")
        segment.seal().write(fleet.spool)


def _slowly(_: Request) -> Reply:
    time.sleep(0.005)
    return Reply()


def test_two_replays_of_one_spool_at_once_send_each_record_once(fleet: Fleet, server: FaultServer) -> None:
    """Both end with everything delivered, the counts add up, and a fresh machine has nothing left to send."""
    _segments(fleet)
    server.behaviour = _slowly
    machines = [fleet.machine() for _ in range(2)]
    assert ended([machine.start("replay") for machine in machines]) == [0, 0]
    receipts = fleet.receipts()
    assert len(receipts) == 200
    assert set(receipts.values()) == {1}
    assert fleet.rows("SELECT count(*) FROM tcc.delivered") == [(200,)]
    assert fleet.rows("SELECT count(*) FROM tcc.claim") == [(0,)]
    fresh = fleet.machine()
    fresh.run("replay")
    assert fleet.receipts() == receipts
    fresh.run("verify")
    assert fresh.status()["counts"]["delivered"] == 200
    assert fleet.rows("SELECT sum(records), sum(delivered), bool_and(finished) FROM tcc.segment") == [(200, 200, True)]


def test_two_daemons_on_copies_of_a_spool_send_each_record_once_and_empty_both(
    fleet: Fleet, server: FaultServer, tmp_path: Path
) -> None:
    """Whoever counts a segment removes its copy, and the other one finds it finished and removes its own."""
    _segments(fleet, 2, 20)
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in fleet.spool.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    server.behaviour = _slowly
    one, other = fleet.machine(), fleet.machine()
    with one.daemon(), other.daemon(TCC_SPOOL_DIR=str(copy)):
        server.wait_for(lambda: not list(copy.iterdir()) and not list(fleet.spool.iterdir()))
    assert set(fleet.receipts().values()) == {1}
    assert len(fleet.receipts()) == 40


def test_two_people_replay_overlapping_bundles(fleet: Fleet, server: FaultServer) -> None:
    """What both bundles hold is sent once."""
    _segments(fleet, 3, 30)
    files = sorted(fleet.spool.iterdir())
    bundles = []
    for name, members in (("a", files[:2]), ("b", files[1:])):
        bundles.append(fleet.folder / f"{name}.tar")
        with tarfile.open(bundles[-1], "w") as archive:
            for member in members:
                archive.add(member, member.name)
    server.behaviour = _slowly
    assert ended([fleet.machine().start("replay", bundle) for bundle in bundles]) == [0, 0]
    assert set(fleet.receipts().values()) == {1}
    assert len(fleet.receipts()) == 90


def test_a_dead_letter_is_seen_and_sent_again_from_another_machine(fleet: Fleet, server: FaultServer) -> None:
    """Letters and requests live where the ledger lives: the machine that made one may be gone."""
    SegmentFile().run("good").run("bad").run("worse").seal().write(fleet.spool)
    server.behaviour = lambda request: Reply(422 if {"bad", "worse"} & set(request.ids) else 200)
    fleet.machine().run("replay", code=65)
    operator = fleet.machine()
    assert "bad" in operator.run("dead", "list")
    ids = {letter["record_id"]: letter["id"] for letter in operator.json_list("dead", "list")}
    assert '"type"' in operator.run("dead", "show", ids["bad"])
    server.behaviour = lambda _: Reply()
    operator.run("dead", "requeue", ids["bad"])
    fleet.machine().run("dead", "drop", ids["worse"], "--yes")
    assert operator.run("dead", "list") == "no dead letters\n"
    assert fleet.receipts()["bad"] == 2
    counts = operator.status()["counts"]
    assert (counts["delivered"], counts["dead"], counts["dropped"]) == (2, 0, 1)
    fleet.machine().run("verify")
    fleet.machine().run("replay")
    assert fleet.receipts()["bad"] == 2
    assert fleet.rows("SELECT count(*) FROM tcc.letter WHERE body IS NOT NULL") == [(0,)]


@pytest.mark.parametrize("hint", [None, key_hint(KEY)], ids=["no-hint", "hint"])
def test_a_letter_is_sent_again_with_its_own_key_alone(fleet: Fleet, server: FaultServer, hint: str | None) -> None:
    """An uploader with other keys neither takes the request nor sends the letter, and its own work goes well."""
    SegmentFile().run("good", key_hint=hint).run("bad", key_hint=hint).seal().write(fleet.spool)
    server.behaviour = lambda request: Reply(422 if "bad" in request.ids else 200)
    owner, stranger = fleet.machine(), fleet.machine()
    owner.run("replay", code=65)
    server.behaviour = lambda _: Reply(503)
    owner.run("dead", "requeue", "--all", "--timeout", "0", code=75)  # its letter is requeued, and not sent
    server.behaviour = lambda _: Reply()
    sent = len(server.requests)
    mine = fleet.folder / "mine"
    mine.mkdir()
    SegmentFile().run("mine").seal().write(mine)
    stranger.environment |= {"TCC_API_KEY": "another-team-key-123456", "TCC_SPOOL_DIR": str(mine)}
    stranger.run("replay")
    assert server.ids[sent:] == [["mine"]]
    fleet.rows("UPDATE tcc.letter SET fate = 'dead'")
    with PostgresLedger.reading(fleet.postgres.url(fleet.database), "here") as ledger:
        (ident,) = ledger.letter_store.ids()
        ledger.letter_store.ask(LetterRequest(action="requeue", letter=ident))
    stranger.run("replay")
    assert server.ids[sent:] == [["mine"]]
    owner.run("replay")
    assert server.ids[sent:] == [["mine"], ["bad"]]


def test_a_pending_run_is_dropped_for_all(fleet: Fleet, server: FaultServer) -> None:
    """An operator drops it on one machine, and no other sends it."""
    SegmentFile().run("secret").run("other").seal().write(fleet.spool)
    fleet.machine().run("drop", "secret", "--yes")
    fleet.machine().run("replay")
    assert server.ids == [["other"]]
    fleet.machine().run("verify")


def test_what_another_uploader_is_sending_is_not_said_to_be_dropped(fleet: Fleet, server: FaultServer) -> None:
    """The command ends with 75, and the answer decides."""
    SegmentFile().run("secret").seal().write(fleet.spool)
    answered = threading.Event()

    def answer(_: Request) -> Reply:
        answered.wait(PATIENCE)
        return Reply()

    server.behaviour = answer
    sender, operator = fleet.machine(), fleet.machine()
    sending = sender.start("replay")
    wait_until(lambda: fleet.rows("SELECT count(*) FROM tcc.claim") == [(1,)], "the claim")
    operator.run("drop", "secret", "--yes", code=75)
    answered.set()
    assert ended([sending]) == [0]
    assert "another uploader is sending" in operator.printed
    assert "dropped for" not in operator.printed
    assert fleet.rows("SELECT delivered, dropped FROM tcc.segment") == [(1, 0)]


def test_what_waits_on_another_machine_is_not_missing_here(fleet: Fleet, server: FaultServer) -> None:
    """While its uploader is alive it is pending; after that it is not in sight, but nothing is broken."""
    server.behaviour = lambda _: Reply(503)
    SegmentFile().run("r1").run("r2").seal().write(fleet.spool)
    one, other = fleet.machine(), fleet.machine()
    empty = str(fleet.folder / "empty")
    Path(empty).mkdir()
    with one.daemon():
        wait_until(lambda: fleet.rows("SELECT records FROM tcc.segment") == [(2,)], "the first commit")
        other.run("verify", TCC_SPOOL_DIR=empty)
        status = other.json("status", TCC_SPOOL_DIR=empty)
    assert (status["counts"]["pending"], status["not_in_sight"]) == (2, 0)  # type: ignore[index]
    fleet.spool.rename(fleet.spool.with_name("disk of one"))
    fleet.spool.mkdir()
    other.run("verify", code=65)
    assert "missing" not in other.printed


def test_who_drops_a_record_does_not_keep_others_from_counting_its_file(fleet: Fleet, server: FaultServer) -> None:
    """A daemon without this file carries the drop out; the uploader that has the file counts and removes it."""
    SegmentFile().run("secret").run("other").seal().write(fleet.spool)
    one, other = fleet.machine(), fleet.machine()
    empty = fleet.folder / "empty"
    empty.mkdir()
    with PostgresLedger.reading(fleet.postgres.url(fleet.database), "here") as ledger:
        ((line, record),) = find_pending([fleet.spool], ledger, {"secret"}).records
        ident = letter_id(record.segment, record.line, record.digest, line.key)
        ledger.letter_store.ask(LetterRequest(action="drop", letter=ident, pending=record))
    with other.daemon(TCC_SPOOL_DIR=str(empty)):
        wait_until(lambda: fleet.rows("SELECT count(*) FROM tcc.request") == [(0,)], "the drop")
        one.run("replay", "--remove")
    assert server.ids == [["other"]]
    assert not list(fleet.spool.iterdir())
    assert fleet.rows("SELECT records, dropped, delivered, finished FROM tcc.segment") == [(2, 1, 1, True)]


def test_a_pending_run_whose_file_was_read_before_is_dropped_for_all(fleet: Fleet, server: FaultServer) -> None:
    """Its segment has a row with counts, which is adjusted."""
    SegmentFile().run("secret").run("other").seal().write(fleet.spool)
    server.behaviour = lambda _: Reply(503)
    fleet.machine().run("replay", "--timeout", "0", code=75)
    assert fleet.rows("SELECT records, dropped FROM tcc.segment") == [(2, 0)]
    fleet.machine().run("drop", "secret", "--yes")
    assert fleet.rows("SELECT records, dropped FROM tcc.segment") == [(2, 1)]


def test_what_was_settled_long_ago_is_pruned(fleet: Fleet) -> None:
    """Keys, segments and answered letters go; what then turns up is sent again, as the command says."""
    SegmentFile().run("r1").seal().write(fleet.spool)
    machine = fleet.machine()
    machine.run("replay", "--remove")
    fleet.rows("UPDATE tcc.segment SET last_commit = last_commit - 100")
    machine.run("prune", "--older-than", "1m", "--yes")
    assert fleet.rows("SELECT (SELECT count(*) FROM tcc.delivered), (SELECT count(*) FROM tcc.segment)") == [(0, 0)]


def test_pruning_removes_no_file_by_what_another_machine_knows_of_its_own(fleet: Fleet, server: FaultServer) -> None:
    """Two machines may have files of one path and size; and the row of a file that lies here stays."""
    name = "20260131t120000z-0000000000000001.jsonl"
    SegmentFile().run("r1").seal().write(fleet.spool, name)
    fleet.machine().run("replay")
    (fleet.spool / name).unlink()
    SegmentFile().run("r2").seal().write(fleet.spool, name)
    fleet.rows("UPDATE tcc.segment SET last_commit = last_commit - 100")
    other = fleet.machine()
    other.run("prune", "--older-than", "1m", "--yes")
    assert fleet.rows("SELECT count(*) FROM tcc.segment") == [(1,)]
    other.run("replay")
    assert server.ids == [["r1"], ["r2"]]


@pytest.mark.parametrize("arguments", [["replay"], ["daemon"], ["status"], ["verify"], ["dead", "list"], ["doctor"]])
def test_without_the_ledger_nothing_is_sent(fleet: Fleet, server: FaultServer, arguments: list[str]) -> None:
    """It ends with 75 (`status`: 77) and one line that names the ledger; another target's ledger is 77."""
    SegmentFile().run("r1").seal().write(fleet.spool)
    machine = fleet.machine("postgresql://tcc@127.0.0.1:1/tcc")
    machine.run(*arguments, code=77 if "status" in arguments else 75)
    assert machine.printed.count("postgresql://tcc@127.0.0.1:1/tcc") == 1
    fleet.machine().run(*arguments, code=77, TCC_TARGET="another")
    assert not server.ids


def test_the_metrics_of_a_daemon_tell_the_shared_ledger_s_size(fleet: Fleet, tmp_path: Path) -> None:
    """Its keys and its bytes, as far as this daemon knows them."""
    _segments(fleet, 1, 5)
    told = tmp_path / "tcc.prom"

    def value(name: str) -> float:
        lines = told.read_text().splitlines() if told.exists() else []
        return max((float(line.split()[-1]) for line in lines if line.startswith(f"{name}{{")), default=0.0)

    machine = fleet.machine()
    with machine.daemon("--metrics-textfile", str(told)):
        wait_until(lambda: value("tcc_upload_ledger_keys") == 5, "the keys")
        wait_until(lambda: value("tcc_upload_ledger_bytes") > 50_000, "the tables' size")
