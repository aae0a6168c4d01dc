"""The units in deploy/, as they are, under a real systemd in namespaces of its own: ``make units``, as root."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from support import children
from support.worlds import PATIENCE, World, wait_until, world

__all__ = ["world"]

pytestmark = pytest.mark.skipif("os.environ.get('TCC_TEST_UNITS') is None", reason="make units runs it")
ROOT = Path(__file__).parents[2]
KEY = "key-of-this-world"
AS_AGENT = "setpriv --reuid agent --regid agent --init-groups env HOME=/home/agent XDG_RUNTIME_DIR=/run/user/agent"


@dataclass
class Machine:
    """Runs commands beside a systemd."""

    pid: int
    """Of its process 1, as it is called here."""

    def run(self, command: str) -> str:
        """Run a shell's command to its end, check that it succeeded, and return what it printed."""
        enter = ["nsenter", "-t", str(self.pid), "-m", "-p", "-u", "-i", "-C", "sh", "-ec", command]
        done = subprocess.run(enter, capture_output=True, text=True, check=False, timeout=PATIENCE)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    def show(self, name: str, manager: str = "systemctl", unit: str = "tcc-upload") -> str:
        """Return a property of a service."""
        return self.run(f"{manager} show -p {name} --value {unit}")

    def record(self, name: str, spool: str = "") -> None:
        """Record a run as an agent that is killed at once: its file has no seal."""
        program = f"import os, tcc_recorder; tcc_recorder.run('{name}').prompt('p').end(); os.kill(os.getpid(), 9)"
        self.run(f'{AS_AGENT} {spool} /opt/tcc/bin/python -c "{program}" || test $? = 137')


@pytest.fixture
def machine(world: World, tmp_path: Path) -> Iterator[Machine]:
    """Give a machine on which the system's unit is not started yet."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    group = Path(next(mount[1] for mount in mounts if mount[2] == "cgroup2"), f"tcc-units-{os.getpid()}")
    group.mkdir()
    (tmp_path / "machine").mkdir()
    script = 'echo $$ >"$0/cgroup.procs"; exec unshare --fork --kill-child -pmuiC --propagation private bash "$@"'
    arguments = [Path(__file__).with_name("machine.sh"), tmp_path / "machine", ROOT / "deploy" / "systemd"]
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = children.start(
            ["bash", "-c", script, group, *arguments, os.environ["TCC_TEST_UNITS"], world.url, KEY],
            stdout=output,
            stderr=output,
        )

    def first() -> int:
        """Return the pid of its process 1, once that is systemd."""
        assert process.poll() is None, log.read_text()
        below = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        with suppress(OSError):  # it ends now
            return next((int(pid) for pid in below if "systemd" in Path(f"/proc/{pid}/comm").read_text()), 0)
        return 0

    try:
        wait_until(first, "systemd")
        made = Machine(first())
        wait_until(lambda: _answers(made), "an answer of systemd")
        yield made
    finally:
        children.kill(process)
        wait_until(lambda: _removed(group), "the end of its processes")


def _answers(machine: Machine) -> bool:
    with suppress(AssertionError):
        return bool(machine.show("LoadState"))
    return False


def _removed(group: Path) -> bool:
    with suppress(OSError):
        for folder in sorted(group.rglob("*/"), reverse=True):
            folder.rmdir()
        group.rmdir()
    return not group.exists()


def test_the_system_s_unit_serves_agents_of_other_users(machine: Machine, world: World) -> None:
    """It starts, has its credential, delivers and removes what others recorded, reloads, and ends."""
    machine.run("mkdir /units/tcc-upload.service.d")
    faster = "[Service]\\nWatchdogSec=4\\nTimeoutAbortSec=1\\nRestartSec=1\\nExecStart=\\n"
    command = "ExecStart=/opt/tcc/bin/tcc-upload daemon --after delete"
    machine.run(f"printf '{faster}{command}\\n' >/units/tcc-upload.service.d/test.conf; systemctl daemon-reload")
    machine.run("systemctl start tcc-upload")
    pid = machine.show("MainPID")
    status = machine.run(f"cat /proc/{pid}/status")
    assert "Seccomp:\t2" in status
    assert "CapEff:\t0000000000000000" in status
    machine.record("r1", "TCC_SPOOL_DIR=/var/spool/tcc")
    wait_until(lambda: world.received({"r1"}), "the run")
    wait_until(lambda: not machine.run("ls /var/spool/tcc"), "its removal")
    wait_until(lambda: machine.show("StatusText").startswith("1 delivered"), "the status line")
    machine.run("systemctl reload tcc-upload")
    wait_until(lambda: machine.show("SubState") == "running", "the end of the reload")
    assert machine.show("MainPID") == pid
    machine.run(f"kill -STOP {pid}")
    wait_until(lambda: machine.show("NRestarts") == "1" and machine.show("SubState") == "running", "the watchdog")
    machine.run("systemctl stop tcc-upload")
    assert [machine.show(name) for name in ("Result", "ExecMainStatus")] == ["success", "0"]


POST = """
import json, urllib.request
url, run = "http://127.0.0.1:4319/v1/custom", {"type": "run", "run_id": "r1", "status_code": 0,
    "start_time": "2026-01-31T12:00:00Z", "end_time": "2026-01-31T12:00:02Z", "prompt": {"user_prompt": "p"}}
request = urllib.request.Request(url, json.dumps(run).encode(), {"Content-Type": "application/json"})
print(urllib.request.urlopen(request).status)
"""


def test_the_gateway_s_units_record_for_the_daemon(machine: Machine, world: World) -> None:
    """The socket starts it, it records without a network of its own, and the daemon of another user delivers that."""
    machine.run("systemctl start tcc-gateway.socket tcc-upload")
    assert machine.show("ActiveState", unit="tcc-gateway") == "inactive"
    (Path("/proc") / str(machine.pid) / "root" / "post.py").write_text(POST)
    assert machine.run("/opt/tcc/bin/python /post.py") == "200"
    assert machine.show("StatusText", unit="tcc-gateway") == "records what is posted to http://127.0.0.1:4319"
    wait_until(lambda: world.received({"r1"}), "the run")
    machine.run("systemctl stop tcc-gateway")
    assert machine.show("Result", unit="tcc-gateway") == "success"


def test_the_user_s_unit_takes_a_new_key(machine: Machine, world: World) -> None:
    """It starts with the user's own spool, and notices the file's new key."""
    manager = f"{AS_AGENT} systemctl --user"
    machine.run(
        "mkdir /sys/fs/cgroup/agent; chown -R agent /sys/fs/cgroup/agent; echo $$ >/sys/fs/cgroup/agent/cgroup.procs;"
        f"unset SYSTEMD_UNIT_PATH; {AS_AGENT} setsid /lib/systemd/systemd --user --unit=basic.target >/dev/null 2>&1 &"
    )
    wait_until(lambda: machine.run(f"{manager} is-active basic.target || true") == "active", "the user's manager")
    machine.run(f"{manager} start tcc-upload")
    machine.record("r1")
    wait_until(lambda: "1 of 1 destinations paused" in machine.show("StatusText", manager), "the wrong key's pause")
    machine.run(f"echo {KEY} >/home/agent/.config/tcc/api-key")
    wait_until(lambda: world.received({"r1"}), "the run")
    assert machine.show("NRestarts", manager) == "0"
    machine.run(f"{manager} stop tcc-upload")
