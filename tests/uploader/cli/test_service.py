"""The daemon as a service: what systemd hears, and keys in files that change.  Real processes, a real socket."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from support.faults import KEY, FaultServer, Reply
from support.rigging import SegmentFile
from support.shell import Shell
from support.worlds import PATIENCE, wait_until
from tcc_schemas.endpoints import key_hint

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="needs sockets with names")


@dataclass
class Manager:
    """Listens where systemd does."""

    channel: socket.socket
    address: str
    """As ``NOTIFY_SOCKET`` names it."""
    heard: list[str] = field(default_factory=list)

    def hears(self, word: str) -> dict[str, str]:
        """Wait for a message with this word; return its members.  Those before it are passed over."""
        while True:
            said = self.channel.recv(4096).decode()
            self.heard.append(said)
            if word in said.split("\n"):
                return dict(line.split("=", 1) for line in said.split("\n"))


@pytest.fixture
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    """Give a service manager that listens."""
    abstract = getattr(request, "param", "a file") == "an abstract name"
    name = f"\0tcc-test-{os.getpid()}-{time.monotonic_ns()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        try:
            channel.bind(name)
        except OSError:
            pytest.skip("only Linux has abstract names")
        channel.settimeout(PATIENCE)
        yield Manager(channel, name.replace("\0", "@"))


@pytest.mark.parametrize("manager", ["a file", "an abstract name"], indirect=True)
def test_a_service_manager_hears_the_daemon_s_whole_life(shell: Shell, manager: Manager) -> None:
    """READY with its pid when it watches, signs of life, RELOADING with a time and READY again, STOPPING at the end."""
    SegmentFile().run("r1").seal().write(shell.spool)
    with shell.daemon(NOTIFY_SOCKET=manager.address, WATCHDOG_USEC="200000") as process:
        assert manager.hears("READY=1")["MAINPID"] == str(process.pid)
        for _ in range(3):
            manager.hears("WATCHDOG=1")
        before = time.monotonic_ns() // 1000
        process.send_signal(signal.SIGHUP)
        told = int(manager.hears("RELOADING=1")["MONOTONIC_USEC"])
        assert before <= told <= time.monotonic_ns() // 1000
        manager.hears("READY=1")
    manager.hears("STOPPING=1")


def test_the_status_line_tells_what_is_delivered_and_what_waits(
    shell: Shell, server: FaultServer, manager: Manager
) -> None:
    """``systemctl status`` shows numbers and paused destinations, and no key."""
    server.behaviour = lambda request: Reply(401)
    SegmentFile().run("r1").run("r2").seal().write(shell.spool)
    with shell.daemon(NOTIFY_SOCKET=manager.address):
        status = ""
        while "1 of 1 destinations paused" not in status:
            status = next((line for line in manager.channel.recv(4096).decode().split("\n") if "STATUS=" in line), "")
        assert status.startswith("STATUS=0 delivered since it began, 2 waiting")


@pytest.mark.parametrize("address", ["/no/such/socket", "@" + "x" * 300])
def test_a_manager_that_cannot_be_reached_is_told_of_and_stops_nothing(
    shell: Shell, server: FaultServer, address: str
) -> None:
    """Delivery goes on; the log says what is wrong."""
    SegmentFile().run("r1").seal().write(shell.spool)
    with shell.daemon(NOTIFY_SOCKET=address):
        server.wait_for(lambda: bool(server.requests))
        wait_until(lambda: not list(shell.spool.iterdir()), "the delivery")
    assert "can't tell the service manager READY=1 (NOTIFY_SOCKET)" in shell.printed


@pytest.mark.parametrize("change", ["written in place", "another target of a link"])
def test_a_changed_key_file_is_used_without_a_signal(
    shell: Shell, server: FaultServer, tmp_path: Path, change: str
) -> None:
    """Whichever way it changes, the daemon reads it within seconds; no key is ever shown."""
    revoked = "tcc_revoked_0123456789"
    folder = tmp_path / "keys"
    folder.mkdir()
    for name, key in (("old", revoked), ("new", KEY)):
        (folder / name).write_text(key)
    named = folder / "key"
    named.symlink_to("old") if change.startswith("another") else named.write_text(revoked)
    server.behaviour = lambda request: Reply(200 if request.key == KEY else 401)
    del shell.environment["TCC_API_KEY"]
    SegmentFile().run("r1").seal().write(shell.spool)
    with shell.daemon(TCC_API_KEY_FILE=str(named)):
        server.wait_for(lambda: bool(server.requests))
        if change == "written in place":
            named.write_text(KEY)
        else:
            link = folder / "link"
            link.symlink_to("new")
            link.replace(named)  # as Kubernetes does
        wait_until(lambda: not list(shell.spool.iterdir()), "the delivery")
        shell.status_text(TCC_API_KEY_FILE=str(named))
    assert [server.requests[0].key, server.requests[-1].key] == [revoked, KEY]
    assert "the key file has changed" in shell.printed
    for secret in (revoked, KEY):
        assert secret not in shell.printed
        assert not [path for path, content in shell.files().items() if secret.encode() in content]


def test_a_key_file_that_goes_changes_nothing_and_counts_when_it_is_back(
    shell: Shell, server: FaultServer, tmp_path: Path
) -> None:
    """A file that can't be read is told, once; the keys stay; what comes later is used."""
    file = tmp_path / "key"
    file.write_text("tcc_first_0123456789")
    del shell.environment["TCC_API_KEY"]
    shell.spool.mkdir()
    with shell.daemon(TCC_API_KEY_FILE=str(file)) as process:
        file.unlink()
        assert process.stdout is not None
        for word in ("has changed", "stay as they were"):
            wait_until(lambda word=word: word in process.stdout.readline(), word)  # type: ignore[misc]
        SegmentFile().run("r1").seal().write(shell.spool)
        server.wait_for(lambda: bool(server.requests))
        file.write_text(KEY)
        wait_until(lambda: "has changed" in process.stdout.readline(), "the new key")  # type: ignore[union-attr]
        SegmentFile().run("r2").seal().write(shell.spool)
        server.wait_for(lambda: KEY in {request.key for request in server.requests})
    assert server.requests[0].key == "tcc_first_0123456789"


def test_systemd_s_credential_is_a_key_file(shell: Shell, server: FaultServer, tmp_path: Path) -> None:
    """``tcc-api-key`` in ``CREDENTIALS_DIRECTORY``, unless a file is named; ``config show`` tells which one it is."""
    (tmp_path / "tcc-api-key").write_text(KEY)
    other = tmp_path / "other"
    other.write_text("tcc_other_0123456789")
    del shell.environment["TCC_API_KEY"]
    SegmentFile().run("r1").seal().write(shell.spool)
    shell.run("replay", CREDENTIALS_DIRECTORY=str(tmp_path))
    assert [request.key for request in server.requests] == [KEY]
    shown = shell.run("config", "show", CREDENTIALS_DIRECTORY=str(tmp_path))
    assert f"{key_hint(KEY)}  (the file {tmp_path / 'tcc-api-key'})" in shown
    named = shell.run("config", "show", CREDENTIALS_DIRECTORY=str(tmp_path), TCC_API_KEY_FILE=str(other))
    assert f"{key_hint(other.read_text())}  (the file {other})" in named
    assert "none  (default)" in shell.run("config", "show", CREDENTIALS_DIRECTORY=str(other.parent / "nothing"))
