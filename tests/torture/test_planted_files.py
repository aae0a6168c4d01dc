"""Devices, sockets and hostile names in a spool; nothing of them is opened for what it is."""

import os
import socket
import stat
from pathlib import Path

import pytest

from support.faults import FaultServer, SegmentFile
from support.worlds import wait_until
from torture.stations import Station


def test_devices_pipes_sockets_and_links_hold_nothing_up(
    tmp_path: Path, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real daemon delivers what lies beside them, leaves them where they are, and is not held up by an event."""
    station = Station(tmp_path, server)
    station.spool.mkdir()
    monkeypatch.chdir(tmp_path)  # a socket's path is short
    with station.daemon(), socket.socket(socket.AF_UNIX) as listening:
        wait_until((station.state / "status.json").exists, "the daemon")
        SegmentFile().run("r1").seal().write(station.spool)
        os.mkfifo(station.spool / "00-pipe.jsonl")
        listening.bind("spool/00-socket.jsonl")
        (station.spool / "00-folder.jsonl").mkdir()
        (station.spool / "00-loop.jsonl").symlink_to("00-loop.jsonl")
        (station.spool / "00-link.jsonl").symlink_to("/etc/passwd")
        SegmentFile().run("r2").seal().write(station.spool)
        wait_until(lambda: station.received == {"r1", "r2"}, "the runs")
        wait_until(lambda: len(list(station.spool.iterdir())) == 5, "the segments' removal")
    assert Path("/etc/passwd").exists()
    assert station.upload("verify").returncode == 0
    assert station.upload("replay").returncode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="needs the right to make devices")
def test_a_device_is_never_read(tmp_path: Path, server: FaultServer) -> None:
    """A device that gives bytes for ever, planted under a segment's name, is left alone."""
    station = Station(tmp_path, server)
    station.spool.mkdir()
    with station.daemon():
        wait_until((station.state / "status.json").exists, "the daemon")
        os.mknod(station.spool / "00-zero.jsonl", stat.S_IFCHR | 0o666, os.makedev(1, 5))
        SegmentFile().run("r1").seal().write(station.spool)
        wait_until(lambda: station.received == {"r1"}, "the run")
        wait_until(lambda: len(list(station.spool.iterdir())) == 1, "the segment's removal")
