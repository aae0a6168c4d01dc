"""A disk that is full, or fails: the uploader's state, the recorder's spool."""

import errno
import os
import resource
import shutil
import subprocess
from pathlib import Path

import orjson
import pytest

import tcc_recorder as tcc
from support.faults import KEY, FaultServer, Reply, Request, SegmentFile
from support.rigging import Rig
from support.worlds import PATIENCE, TCC_UPLOAD
from tcc_recorder import sink
from tcc_schemas.lines import Line, LineReader
from tcc_uploader import files
from tcc_uploader.delivery.engine import Engine


def runs(number: int) -> SegmentFile:
    """Return a sealed segment of so many runs, r0 first."""
    segment = SegmentFile()
    for index in range(number):
        segment.run(f"r{index}", prompt="p" * 200)
    return segment.seal()


def fill(disk: Path) -> Path:
    """Take every byte of a disk that is left."""
    ballast = disk / "ballast"
    with ballast.open("ab", buffering=0) as file:
        for size in (65536, 4096, 1):
            full = False
            while not full:
                try:
                    file.write(b"x" * size)
                except OSError:
                    full = True
    return ballast


class Flood:
    """Fills the disk at the fifth request; makes room again when the engine has been seen in trouble ten times."""

    def __init__(self, rig: Rig, disk: Path, records: int, refused: frozenset[str] = frozenset()) -> None:
        self.rig, self.disk, self.records, self.refused = rig, disk, records, refused
        self.ballast: Path | None = None
        self.requests: list[int] = []
        """How many requests had come, at each look at an engine in trouble."""
        rig.server.behaviour = self.answer

    def answer(self, request: Request) -> Reply:
        """Take a request, or refuse it."""
        if len(self.rig.server.requests) == 5:
            self.ballast = fill(self.disk)
        return Reply(400 if self.refused & set(request.ids) else 200)

    def until(self, engine: Engine) -> object:
        """Look at the engine; return whether everything has met its fate."""
        if engine.committer.trouble and self.ballast and self.ballast.exists():
            self.requests.append(len(self.rig.server.requests))
            if len(self.requests) == 10:
                assert list(self.rig.spool.iterdir()), "a segment was removed that the ledger knows nothing of"
                self.ballast.unlink()
        return (
            not engine.committer.trouble
            and engine.settlement.settled >= self.records
            and not list(self.rig.spool.iterdir())
        )


def test_a_full_disk_under_the_ledger_stops_sending_and_loses_nothing(
    rig: Rig, server: FaultServer, small_disk: Path
) -> None:
    """No room for the ledger's commit: nothing more is sent or removed; with room again, everything goes on."""
    rig.state = small_disk / "state"
    for index in range(40):
        SegmentFile().run(f"r{index}", prompt="p" * 200).seal().write(rig.spool, f"{index:02}.jsonl")
    flood = Flood(rig, small_disk, 40)
    rig.daemon(flood.until)
    assert len(flood.requests) == 10
    # one was under way when the first commit failed, and perhaps another before that was known
    assert flood.requests[-1] <= flood.requests[0] + 2, "it went on sending"
    assert sorted({ident for ids in server.ids for ident in ids}) == sorted(f"r{index}" for index in range(40))
    assert len(server.requests) <= 41
    assert rig.counts().delivered == rig.counts().records == 40


def test_a_full_disk_under_the_dead_letters_loses_none(rig: Rig, server: FaultServer, small_disk: Path) -> None:
    """A letter that can't be written is written later; until then its record is not dead, and its segment stays."""
    rig.state = small_disk / "state"
    poison = frozenset(f"r{index}" for index in range(3, 9))
    runs(12).write(rig.spool)
    flood = Flood(rig, small_disk, 12, poison)
    rig.daemon(flood.until)
    assert len(flood.requests) == 10
    assert {letter.record_id for letter in rig.letters()} == poison
    assert all(orjson.loads(letter.body_bytes)["prompt"] == "p" * 200 for letter in rig.letters())
    assert (rig.counts().delivered, rig.counts().dead, rig.counts().pending) == (6, 6, 0)


def test_a_limit_on_the_ledger_s_size_ends_a_replay_with_75(tmp_path: Path, server: FaultServer) -> None:
    """No room for the ledger to grow: the command says so and ends with 75; the next one, with room, does the rest."""
    segment = SegmentFile()
    for index in range(1500):
        segment.run(f"r{index}")
    segment.seal().write(tmp_path / "spool")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "TCC_API_KEY": KEY,
        "TCC_BASE_URL": server.url,
        "TCC_SPOOL_DIR": str(tmp_path / "spool"),
        "TCC_STATE_DIR": str(tmp_path / "state"),
    }

    def replay(limit: int) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [TCC_UPLOAD, "replay", "--timeout", "1", "--in-flight", "8"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        )

    done = replay(48 * 1024)
    assert done.returncode == 75, done.stderr
    assert "Traceback" not in done.stderr
    first = len(server.requests)
    assert 0 < first < 1500
    assert replay(resource.RLIM_INFINITY).returncode == 0
    assert {ident for ids in server.ids for ident in ids} == {f"r{index}" for index in range(1500)}
    assert len(server.requests) < 1500 + 300


def test_a_sync_that_fails_under_a_dead_letter_delays_it(
    rig: Rig, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EIO from fsync: the letter is not believed to be there, and is written again."""
    failures = [True] * 5

    def fsync(descriptor: int) -> None:
        if failures:
            failures.pop()
            raise OSError(errno.EIO, "injected")
        os.fsync(descriptor)

    monkeypatch.setattr(files, "_fsync", fsync)
    server.behaviour = lambda request: Reply(400 if request.ids == ["r1"] else 200)
    runs(3).write(rig.spool)
    rig.daemon(lambda engine: engine.settlement.total.dead and not engine.committer.trouble)
    assert not failures
    assert [letter.record_id for letter in rig.letters()] == ["r1"]
    assert (rig.counts().delivered, rig.counts().dead) == (2, 1)


def test_a_disk_that_is_full_when_a_segment_is_sealed_costs_the_seal_alone(
    rig: Rig, server: FaultServer, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No room for the seal: nothing is raised, every record is whole, and the segment is delivered and removed."""
    monkeypatch.setenv("TCC_SPOOL_MIN_FREE", "0")
    rig.spool = small_disk / "spool"
    tcc.configure(spool_dir=rig.spool)
    try:
        tcc.run("r0").prompt("p").end()
        path = next(iter(rig.spool.iterdir()))
        header, line = (len(part) for part in path.read_bytes().splitlines(keepends=True))
        room = 4096 - header - line  # the file shall end so close to a page's end that no seal fits behind it
        tcc.run("r1").prompt("p" * (room - line - 10)).end()
        fill(small_disk)
        assert 4096 - path.stat().st_size < 100
        before = path.read_bytes()
    finally:
        tcc.configure()
        sink._arguments.clear()
    assert path.read_bytes() == before
    reader = LineReader()
    assert [found.kind for found in reader.read(before) if isinstance(found, Line)] == ["segment", "run", "run"]
    assert reader.tail == 0
    rig.daemon(lambda engine: engine.settlement.total.delivered == 2 and not list(rig.spool.iterdir()))
    assert server.ids == [["r0"], ["r1"]]


def test_a_spool_that_became_read_only_hurts_no_agent_and_is_delivered(
    rig: Rig, server: FaultServer, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Remounted read-only: end() returns, the refusal is counted; the daemon delivers what is there, each once."""
    monkeypatch.setenv("TCC_SPOOL_MIN_FREE", "0")
    rig.spool = small_disk / "spool"
    tcc.configure(spool_dir=rig.spool)
    try:
        tcc.run("r0").prompt("p").end()
        tcc.configure()
        subprocess.run([shutil.which("mount") or "mount", "-o", "remount,ro", small_disk], check=True)
        tcc.run("r1").prompt("p").end()
    finally:
        tcc.configure()
        sink._arguments.clear()
    rounds: list[int] = []
    rig.daemon(lambda engine: rounds.append(engine.settlement.total.delivered) or rounds.count(1) > 100)
    assert server.ids == [["r0"]]
    assert len(list(rig.spool.iterdir())) == 1
