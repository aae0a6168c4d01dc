"""Thousands of tiny segments at once under a running daemon, of which a watcher's queue overflows."""

import os
from dataclasses import dataclass
from pathlib import Path

from support.faults import FaultServer, SegmentFile
from support.worlds import PATIENCE, wait_until
from torture.stations import Station

_DAEMON = "from tcc_uploader.cli.main import run; run()"
"""With its own scans, every 30 s: a scan of so many files takes a while."""


@dataclass
class Burst:
    """The figures of a burst."""

    segments: int
    lost: int
    repeated: int
    left: int
    """Files that are still there at the end."""


def burst(folder: Path, segments: int, seconds: float = PATIENCE) -> Burst:
    """Write so many segments as fast as can be, and wait until they have been delivered and removed."""
    with FaultServer() as server:
        station = Station(folder, server)
        station.spool.mkdir(parents=True)
        made = [SegmentFile().run(f"r{number}").seal().data for number in range(segments)]
        with station.daemon(_DAEMON):
            wait_until((station.state / "status.json").exists, "the daemon")
            for number, data in enumerate(made):
                handle = os.open(station.spool / f"{number:08}.jsonl", os.O_WRONLY | os.O_CREAT)
                os.write(handle, data)
                os.close(handle)
            wait_until(
                lambda: len(server.requests) >= segments,
                "every segment",
                seconds,
                progress=lambda: len(server.requests),
            )
            wait_until(
                lambda: not list(station.spool.iterdir()),
                "an empty spool",
                seconds,
                progress=lambda: len(list(station.spool.iterdir())),
            )
        verified = station.upload("verify")
        assert verified.returncode == 0, verified.stdout
        ids = [ident for received in server.ids for ident in received]
        left = len(list(station.spool.iterdir()))
    return Burst(segments, segments - len(set(ids)), len(ids) - len(set(ids)), left)
