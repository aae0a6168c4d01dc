import errno
import fcntl
import os
import shutil
import socket
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import tcc_recorder as tcc
from support.recorded import descriptor_of
from tcc_recorder.spool.system import SYSTEM
from tcc_recorder.spool.writer import SEGMENT_BYTES
from tcc_schemas.lines import Line

Records = Callable[[Path], list[Line]]
Read = Callable[[Path], list[Any]]
Python = Callable[..., subprocess.CompletedProcess[str]]


def record(name: str, size: int = 1) -> None:
    """Record a run with a prompt of ``size`` characters."""
    tcc.run(name).prompt("p" * size).end()


@pytest.fixture(params=["ENOSPC", "EIO", "short", "stuck"])
def failing_write(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bool]]:
    """Return a switch: while it holds True, writes of records fail, after half of the bytes reached the file."""
    switch = [False]

    def write(descriptor: int, line: bytes, real: Callable[..., int] = os.write) -> int:
        if not switch[0] or b'"kind":"segment"' in line:
            return real(descriptor, line)
        written = real(descriptor, line[: len(line) // 2])
        if request.param in {"short", "stuck"}:
            return written
        raise OSError(getattr(errno, request.param), "injected")

    def truncate(descriptor: int, size: int, real: Callable[..., None] = os.ftruncate) -> None:
        if request.param == "stuck":
            raise OSError(errno.EIO, "injected")
        real(descriptor, size)

    monkeypatch.setattr(SYSTEM, "write", write)
    monkeypatch.setattr(SYSTEM, "ftruncate", truncate)
    yield switch
    monkeypatch.undo()


def test_a_failed_write_costs_its_record_at_most(
    spool: Path, failing_write: list[bool], caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest
) -> None:
    """Records that fit before and after a disk's failure are whole; the failure is logged and counted, not raised."""
    record("before")
    failing_write[0] = True
    for number in range(5):
        record(f"failed {number}")
        assert tcc.submit_feedback("r", "thumbs_up") is False
    failing_write[0] = False
    record("after")
    tcc.configure()
    whole = [line for path in spool.iterdir() for line in path.read_bytes().split(b"\n") if line.endswith(b"}")]
    found = b"\n".join(whole)
    assert b'"id":"before"' in found
    assert b'"id":"after"' in found
    assert b'"id":"failed' not in found
    assert b'"refused":10' in found
    assert "TCC_SPOOL_DIR" in caplog.text
    if "stuck" not in request.node.name:
        assert len(list(spool.iterdir())) == 2, "a failing disk must not collect segments"


def test_a_file_size_limit_costs_no_record_that_fits(
    spool: Path, read: Read, python: Python, items: Callable[[Path], list[dict[str, Any]]]
) -> None:
    """Where a file may not grow on, another one is started; what fits in no file is refused, and the agent lives."""
    python(
        """
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        for number in range(40):
            tcc.run(str(number)).prompt("p" * 10_000).end()
        tcc.run("too large").prompt("p" * 200_000).end()
        tcc.run("last").prompt("p").end()
        """
    )
    assert sorted(item["run_id"] for item in items(spool)) == sorted([*map(str, range(40)), "last"])
    assert sum(one.seal["refused"] for one in read(spool) if one.seal) == 1


@pytest.mark.parametrize("blocked", ["under a file", "read-only", "anybody's", "no descriptors"])
def test_a_spool_that_cannot_be_written_never_raises(
    blocked: str, tmp_path: Path, python: Python, items: Callable[[Path], list[dict[str, Any]]]
) -> None:
    """Where the spool can't be made or written the agent goes on, is told once, and flush and feedback say False."""
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents[:2]:
        parent.chmod(0o755)
    place = tmp_path / "place"
    if blocked == "under a file":
        place.write_text("", encoding="utf-8")
        directory = place / "spool"
    else:
        place.mkdir()
        place.chmod({"anybody's": 0o777, "read-only": 0o555}.get(blocked, 0o755))
        directory = place
    code = """
        import resource
        if sys.argv[1] == "no descriptors":
            resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
        if sys.argv[1] == "read-only" and os.getuid() == 0:
            os.setuid(65534)
        for _ in range(3):
            with tcc.run() as run:
                run.prompt("p")
        print(run.feedback("thumbs_up"))
        """
    done = python(code, blocked, TCC_SPOOL_DIR=str(directory))
    assert done.stdout == "False\n"
    assert done.stderr.count("TCC_SPOOL_DIR") == 1
    assert not directory.is_dir() or not list(directory.iterdir())


def test_a_spool_that_is_removed_is_made_again(spool: Path, records: Records) -> None:
    """Rm -rf of the spool costs what it removed; the next record, whole, is in a new segment."""
    record("removed")
    shutil.rmtree(spool)
    record("first")
    record("second")
    assert [line.id for line in records(spool)] == ["first", "second"]
    assert stat.S_IMODE(spool.stat().st_mode) == 0o700


@pytest.mark.parametrize("size", [1, SEGMENT_BYTES - 1000])
def test_a_removed_file_is_noticed_even_after_the_write(
    spool: Path, records: Records, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """A segment that vanishes while it is written costs nothing of that record, not even of one that fills it."""
    record("a", size)

    def write(descriptor: int, line: bytes, real: Callable[..., int] = os.write) -> int:
        monkeypatch.setattr(SYSTEM, "write", real)
        for path in spool.iterdir():
            path.unlink()
        return real(descriptor, line)

    monkeypatch.setattr(SYSTEM, "write", write)
    record("b", 1000)
    assert [line.id for line in records(spool)] == ["b"]


@pytest.mark.parametrize("reused", [False, True])
def test_a_closed_descriptor_hurts_neither_the_record_nor_the_next_owner(
    spool: Path, records: Records, tmp_path: Path, *, reused: bool
) -> None:
    """After a daemonizer closed our descriptor, records go to a new segment, and not into what has the number now."""
    record("before")
    number = descriptor_of(*spool.iterdir())
    other = tmp_path / "agent's own"
    if reused:
        descriptor = os.open(other, os.O_RDWR | os.O_CREAT)
        os.dup2(descriptor, number)
    else:
        os.close(number)
    record("after")
    assert sorted(line.id for line in records(spool)) == ["after", "before"]
    if reused:
        tcc.configure()
        os.fstat(number)  # still the agent's
        os.close(number)
        os.close(descriptor)
        assert other.read_bytes() == b""


def test_nothing_is_sent_to_a_socket_that_took_our_number(spool: Path, records: Records) -> None:
    """A socket under our segment's old number gets no bytes of ours."""
    record("before")
    number = descriptor_of(*spool.iterdir())
    ours, theirs = socket.socketpair()
    os.dup2(ours.fileno(), number)
    record("after")
    os.close(number)
    ours.close()
    assert theirs.recv(1) == b""
    theirs.close()
    assert len(records(spool)) == 2


def test_a_file_that_somebody_locked_or_removed_is_given_up(
    spool: Path, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is faster than our lock may have the empty file: the record goes to another name."""
    times = iter(["locked", "removed"])

    def opened(path: str, flags: int, mode: int = 0o777, real: Callable[..., int] = os.open) -> int:
        descriptor = real(path, flags, mode)
        what = next(times, None)
        if what == "removed":
            Path(path).unlink()
        elif what == "locked":
            held.append(real(path, os.O_RDONLY))
            fcntl.flock(held[0], fcntl.LOCK_EX)
        return descriptor

    held: list[int] = []
    monkeypatch.setattr(SYSTEM, "open", opened)
    record("r")
    os.close(held[0])
    assert [[line.id for line in one.records] for one in read(spool)] == [["r"]]


@pytest.mark.parametrize("broken", [errno.ENOLCK, errno.EPERM, errno.EIO, errno.ENOTSUP])
@pytest.mark.parametrize("call", ["fcntl.flock", "os.fchmod"])
def test_a_file_system_without_locks_or_modes_is_written_all_the_same(
    spool: Path, records: Records, monkeypatch: pytest.MonkeyPatch, call: str, broken: int
) -> None:
    """Both are niceties: whatever a file system says to them is no reason to lose a record."""

    def refused(*_: object) -> None:
        raise OSError(broken, os.strerror(broken))

    monkeypatch.setattr(call, refused)
    record("r")
    assert [line.id for line in records(spool)] == ["r"]


def test_a_mode_that_is_refused_is_said_once(
    spool: Path, records: Records, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """CIFS and S3 mounts refuse chmod: who may read the files there, only an operator can see."""

    def refused(*_: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "fchmod", refused)
    for number in range(3):
        record(f"r{number}")
        tcc.configure()  # each record gets a segment of its own
    assert len(records(spool)) == 3
    assert [one.message for one in caplog.records if "see who may read it" in one.message] == [
        caplog.records[0].message
    ]


def test_no_empty_file_is_left_where_none_can_be_used(
    spool: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where every new file counts as locked by another process, records are refused, and no litter stays."""

    def locked(*_: object) -> None:
        raise BlockingIOError(errno.EWOULDBLOCK, os.strerror(errno.EWOULDBLOCK))

    monkeypatch.setattr(fcntl, "flock", locked)
    record("r")
    assert list(spool.iterdir()) == []
    assert "another process locks every new segment" in caplog.text


@pytest.mark.parametrize(
    ("directory_mode", "file_mode"), [(None, 0o600), (0o700, 0o600), (0o2770, 0o660), (0o2750, 0o600), (0o1777, 0o600)]
)
def test_modes_are_those_of_the_set_up(spool: Path, directory_mode: int | None, file_mode: int) -> None:
    """A new spool is private; a setgid, group-writable one gets files for its group, whatever the umask says."""
    if directory_mode is not None:
        spool.mkdir()
        spool.chmod(directory_mode)
    before = os.umask(0o027)
    try:
        record("r")
    finally:
        os.umask(before)
    (path,) = spool.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == file_mode
    assert stat.S_IMODE(spool.stat().st_mode) == (directory_mode or 0o700)


def test_segments_are_sealed_at_16_mib(spool: Path, read: Read) -> None:
    """A segment that reaches 16 MiB is sealed, and the next record starts another."""
    for number in range(18):
        record(str(number), 2**20)
    assert [len(one.records) for one in sorted(read(spool), key=lambda one: one.seal is None)] == [16, 2]


def test_a_seal_that_can_t_be_written_loses_no_run_and_the_log_says_so(
    spool: Path, read: Read, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The run before it is there, and the log speaks of the seal, not of a lost run."""
    record("r1")

    def write(descriptor: int, line: bytes, real: Callable[..., int] = os.write) -> int:
        if b'"kind":"seal"' in line:
            raise OSError(errno.ENOSPC, "injected")
        return real(descriptor, line)

    monkeypatch.setattr(SYSTEM, "write", write)
    tcc.configure()
    assert [line.id for one in read(spool) for line in one.records] == ["r1"]
    assert "can't be sealed (its records are kept)" in caplog.text
    assert "lost" not in caplog.text
