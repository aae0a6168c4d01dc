"""Where the uploader's threads run."""

import os
import threading
from pathlib import Path

import pytest

from support.faults import FaultServer, Reply, SegmentFile, hold
from support.shell import Shell
from support.worlds import wait_until


@pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) == 1, reason="needs several processors"
)
def test_all_threads_of_a_daemon_share_one_processor(tmp_path: Path) -> None:
    """While a request is under way all threads may run on one processor, and on the same: they wait for one lock."""
    release = threading.Event()
    with FaultServer(lambda _: hold(release, Reply())) as server:
        shell = Shell(tmp_path, server)
        shell.spool.mkdir()
        SegmentFile().run("r1").write(shell.spool)
        with shell.daemon() as daemon:
            wait_until(lambda: server.requests, "a request")
            threads = [int(task.name) for task in Path(f"/proc/{daemon.pid}/task").iterdir()]
            used = [os.sched_getaffinity(thread) for thread in threads]
            release.set()
        assert len(used) > 1
        assert all(processors == used[0] and len(processors) == 1 for processors in used)
