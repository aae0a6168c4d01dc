"""``bundle -o s3://…``: a bundle is in the store whole or not at all, and only then is anything removed."""

import re
import signal
import threading
from pathlib import Path

import pytest

from support import children
from support.buckets import Bucket
from support.faults import FaultServer, SegmentFile
from support.faulty_store import Asked, Fault, FaultyStore
from support.shell import COMMAND, Shell
from support.worlds import PATIENCE, wait_until
from tcc_uploader.bundle.output import filled


@pytest.fixture
def spool(shell: Shell, bucket: Bucket) -> Path:
    """Give a spool with two segments, and an environment that names the store."""
    shell.environment |= bucket.environment()
    SegmentFile().run("a").seal().write(shell.spool)
    SegmentFile().run("b").seal().write(shell.spool)
    return shell.spool


def test_a_bundle_goes_to_a_store_and_back(shell: Shell, bucket: Bucket, spool: Path, server: FaultServer) -> None:
    """Host and time are filled in; what was read back is removed; elsewhere it is delivered."""
    shell.run("bundle", "-o", bucket.url + "{host}-{time}.tar.gz", "--remove")
    assert list(spool.iterdir()) == []
    (name,) = bucket.names()
    assert re.fullmatch(r"[\w.-]+-\d{8}t\d{6}z\.tar\.gz", name)
    shell.run("replay", bucket.url)
    assert sorted(ident for request in server.ids for ident in request) == ["a", "b"]


def test_no_object_is_replaced(shell: Shell, bucket: Bucket, spool: Path) -> None:
    """It may hold the only copy of its records."""
    bucket.put("x.tar.gz", b"theirs")
    shell.run("bundle", "-o", bucket.url + "x.tar.gz", "--remove", code=2)
    assert (bucket.get("x.tar.gz"), len(list(spool.iterdir()))) == (b"theirs", 2)


def test_an_object_that_comes_meanwhile_is_not_replaced(shell: Shell, bucket: Bucket, spool: Path) -> None:
    """Two looks found nothing, and then another host was faster: the store itself refuses the second one."""

    def fault(asked: Asked) -> None:
        if asked.method == "PUT":
            bucket.put("x.tar.gz", b"theirs")

    with FaultyStore(bucket.port, fault) as store:
        shell.environment |= bucket.environment(store.port)
        shell.run("bundle", "-o", bucket.url + "x.tar.gz", "--remove", code=75)
    assert (bucket.get("x.tar.gz"), len(list(spool.iterdir()))) == (b"theirs", 2)
    assert "an object of this name is there, and is not replaced" in shell.printed


def test_nothing_is_removed_unless_it_was_read_back(shell: Shell, bucket: Bucket, spool: Path) -> None:
    """A store that gives back other bytes than it got keeps them; the spool keeps its own."""

    def fault(asked: Asked) -> Fault | None:
        return Fault(meanwhile=lambda: bucket.put("x.tar.gz", b"other bytes")) if asked.method == "PUT" else None

    with FaultyStore(bucket.port, fault) as store:
        shell.environment |= bucket.environment(store.port)
        shell.run("bundle", "-o", bucket.url + "x.tar.gz", "--remove", code=75)
    assert len(list(spool.iterdir())) == 2
    assert "nothing was removed" in shell.printed


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_killed_midway_it_leaves_nothing_visible(
    shell: Shell, bucket: Bucket, spool: Path, end: signal.Signals
) -> None:
    """The object is made by one request: before its end there is nothing, neither here nor there."""
    asked, goes_on = threading.Event(), threading.Event()

    def fault(request: Asked) -> Fault | None:
        if request.method != "PUT":
            return None
        asked.set()
        goes_on.wait(PATIENCE)
        return Fault(503)

    with FaultyStore(bucket.port, fault) as store:
        environment = shell.environment | bucket.environment(store.port) | {"TMPDIR": str(spool.parent)}
        before = set(spool.parent.rglob("*"))
        process = children.start([COMMAND, "bundle", "-o", bucket.url + "x.tar.gz", "--remove"], env=environment)
        wait_until(asked.is_set, "the request")
        process.send_signal(end)
        try:
            process.wait(PATIENCE)
        finally:
            goes_on.set()
    assert process.returncode == (-9 if end is signal.SIGKILL else 75)
    assert bucket.names() == []
    assert {path for path in set(spool.parent.rglob("*")) - before if path.suffix != ".lock"} == set()


def test_only_known_placeholders_are_filled_in() -> None:
    """Another one is a mistake, not a name."""
    assert "{" not in filled("s3://fleet/{host}/{time}.tar.gz")
    with pytest.raises(ValueError, match="hots"):
        filled("s3://fleet/{hots}.tar.gz")


def test_what_goes_to_a_store_lies_on_the_disk(shell: Shell, bucket: Bucket, spool: Path) -> None:
    """Bundles are made of spools; objects are one already."""
    shell.run("bundle", "--spool", bucket.url, "-o", bucket.url + "x.tar.gz", code=2)
    assert "this command takes spools on the disk alone" in shell.printed
