"""Agent and daemon are different users that share a group and a setgid spool."""

import os
import signal
from pathlib import Path

import pytest

from support.faults import FaultServer
from support.worlds import wait_until
from torture.stations import BECOME, DAEMON, Station

AGENT = f"""
import signal
{BECOME}
os.umask(0o077)
import tcc_recorder as tcc
for name in sys.argv[1:]:
    tcc.run(name).prompt("p").end()
os.kill(os.getpid(), signal.SIGKILL) if "killed" in sys.argv else None
"""
AS_AGENT, AS_DAEMON, AS_STRANGER = "54001 54001 54000", "54002 54002 54000", "54003 54003"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs the right to become other users")


@pytest.fixture
def station(open_folder: Path, server: FaultServer) -> Station:
    """Give a spool as docs/record.md sets it up, and a state of the daemon's own."""
    made = Station(open_folder, server)
    made.spool.mkdir()
    os.chown(made.spool, 0, 54000)
    made.spool.chmod(0o2770)
    for folder in (made.state.parent, made.state):
        folder.mkdir(mode=0o700)
        os.chown(folder, 54002, 54002)
    return made


def test_what_one_user_records_another_delivers_and_removes(station: Station) -> None:
    """Sealed or left by a killed agent: with that set-up the daemon reads the segments, and removes them."""
    with station.daemon(BECOME + DAEMON, BECOME=AS_DAEMON):
        station.run(AGENT, "r1", "r2", BECOME=AS_AGENT)
        station.run(AGENT, "r3", "killed", BECOME=AS_AGENT, code=-signal.SIGKILL)
        wait_until(lambda: station.received == {"r1", "r2", "r3", "killed"}, "every run")
        wait_until(lambda: not list(station.spool.iterdir()), "an empty spool")
    assert len(station.server.requests) == 4


def test_a_daemon_that_may_not_read_loses_nothing_and_says_so(station: Station) -> None:
    """A daemon outside the group delivers nothing and goes on; one inside it then delivers everything."""
    station.run(AGENT, "r1", BECOME=AS_AGENT)
    for folder in (station.state.parent, station.state):
        os.chown(folder, 54003, 54003)
    with station.daemon(BECOME + DAEMON, BECOME=AS_STRANGER):
        wait_until(lambda: "can't read" in station.log.read_text(), "a word about the spool")
    assert not station.server.requests
    for path in (station.state.parent, station.state, *station.state.iterdir()):
        os.chown(path, 54002, 54002)
    with station.daemon(BECOME + DAEMON, BECOME=AS_DAEMON):
        wait_until(lambda: station.received == {"r1"}, "the run")


def test_an_agent_that_may_not_write_is_not_hurt(station: Station) -> None:
    """An agent outside the group goes on: its runs are refused, and nothing is raised."""
    station.run(AGENT, "r1", BECOME=AS_STRANGER)
    assert not list(station.spool.iterdir())
    assert "Permission denied" in station.log.read_text()
