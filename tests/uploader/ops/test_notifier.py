"""When a service manager hears of life."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from tcc_uploader.delivery.events import Reloading, Stopping, Turn
from tcc_uploader.model.fate import Counts
from tcc_uploader.ops.notify import Notifier

if TYPE_CHECKING:
    from tcc_uploader.delivery.engine import Engine


@pytest.fixture
def channel(tmp_path: Path) -> Iterator[socket.socket]:
    """Give a socket on which everything that was said can be read without waiting."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind(str(tmp_path / "notify"))
        made.settimeout(0)
        yield made


def heard(channel: socket.socket, notifier: Notifier, now: float) -> list[str]:
    """Return what is told by an engine that takes a turn at this time, in seconds, and delivers nothing."""
    engine = SimpleNamespace(
        clock=SimpleNamespace(monotonic=lambda: now),
        backlog=SimpleNamespace(queues={}, waiting=0),
        settlement=SimpleNamespace(total=Counts()),
    )
    notifier(Turn(cast("Engine", engine)))
    try:
        return channel.recv(4096).decode().split("\n")
    except BlockingIOError:
        return []


def test_each_sign_of_life_is_a_turn_of_the_engine_twice_in_an_interval(channel: socket.socket) -> None:
    """An engine that takes no turn gives no sign: there is no other source; one that takes many gives few."""
    notifier = Notifier({"NOTIFY_SOCKET": channel.getsockname(), "WATCHDOG_USEC": "10000000"})
    assert {"READY=1", "WATCHDOG=1"} < set(heard(channel, notifier, 100.0))
    assert [heard(channel, notifier, at) for at in (101.0, 104.9, 105.0, 105.1, 180.0)] == [
        [],
        [],
        ["WATCHDOG=1"],
        [],
        ["WATCHDOG=1"],
    ]


@pytest.mark.parametrize("settings", [{}, {"WATCHDOG_USEC": "x"}, {"WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"}])
def test_a_watchdog_that_waits_for_nobody_or_for_another_hears_nothing(
    channel: socket.socket, settings: dict[str, str]
) -> None:
    """No interval, none that can be read, or another process's; being ready is told nevertheless."""
    notifier = Notifier({"NOTIFY_SOCKET": channel.getsockname()} | settings)
    assert heard(channel, notifier, 100.0)[:2] == ["READY=1", f"MAINPID={os.getpid()}"]
    assert heard(channel, notifier, 200.0) == []


def test_without_a_service_manager_nothing_is_sent(channel: socket.socket) -> None:
    """Most daemons run without one."""
    notifier = Notifier({"WATCHDOG_USEC": "1000"})
    notifier(Reloading("a signal"))
    notifier(Stopping())
    assert heard(channel, notifier, 100.0) == []
