"""``tcc-record run`` beside its program: signals, exit codes, and a gateway that is killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from support.children import start
from support.recorded import run_program
from support.tee import posts
from support.through_gateway import TCC_RECORD, TEE, environment, run_recorded
from support.worlds import PATIENCE, wait_until
from tcc_schemas.lines import Line, LineReader

LISTENER = """
import os, signal
def take(number, frame):
    os.write(1, signal.Signals(number).name.encode() + b"\\n")
    if number == signal.SIGTERM:
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)
for name in ("INT", "QUIT", "TERM", "HUP", "USR1", "USR2"):
    if signal.getsignal(getattr(signal, "SIG" + name)) is not signal.SIG_IGN:
        signal.signal(getattr(signal, "SIG" + name), take)
woken, wakes = os.pipe()
os.set_blocking(wakes, False)
signal.set_wakeup_fd(wakes)  # after signal.pause(), one that came just before it would wait for the next
os.write(1, b"ready\\n")
while True:
    os.read(woken, 64)
"""
"""Says which signals it gets, and ends by SIGTERM."""


def listener(folder: Path, *before: str) -> subprocess.Popen[str]:
    """Start the program above under a gateway, and wait until it listens."""
    command = [*before, TCC_RECORD, "run", sys.executable, "-c", LISTENER]
    process = start(command, env=environment(folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert told(process) == "ready"
    return process


def told(process: subprocess.Popen[str]) -> str:
    """Return the next line that the program printed."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.parametrize("code", [0, 255])
def test_the_exit_code_is_the_programs(code: int, tmp_path: Path) -> None:
    """Whatever it says, and nothing of ours is on standard output."""
    done = run_recorded(tmp_path, "sh", "-c", f"echo out; exit {code}")
    assert (done.returncode, done.stdout) == (code, "out\n")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGINT])
def test_the_end_is_by_the_same_signal(number: signal.Signals, tmp_path: Path) -> None:
    """A shell, a supervisor or CI sees how the program ended; and no core file is left where it ran."""
    program = f'ulimit -c 0; cd /; kill -{number.value} "$$"'
    shell = f"ulimit -c $(ulimit -H -c); exec {TCC_RECORD} run sh -c '{program}'"
    done = run_program("sh", "-c", shell, env=environment(tmp_path), cwd=tmp_path)
    assert done.returncode == -number
    assert not list(tmp_path.glob("core*"))


@pytest.mark.parametrize(("command", "code"), [("no-such-command", 127), ("/", 126), ("./plain", 126)])
def test_what_can_not_be_started_is_told_as_a_shell_does(command: str, code: int, tmp_path: Path) -> None:
    """127 if it is not there, 126 if it can't be executed, each with a sentence."""
    (tmp_path / "plain").write_text("")
    done = run_recorded(tmp_path, command)
    assert done.returncode == code
    assert f"{command} can't be started" in done.stderr


def test_where_there_can_be_no_gateway_nothing_is_started(tmp_path: Path) -> None:
    """Rather than run unrecorded, the program is not run, and the exit code is none of a program's."""
    done = run_recorded(tmp_path, "touch", "started", TCC_CONTENT="0")
    assert done.returncode == 125
    assert "nothing was started: TCC_CONTENT=0" in done.stderr
    assert not (tmp_path / "started").exists()


def test_its_options_are_its_own(tmp_path: Path) -> None:
    """What looks like an option of ours behind the command is the command's."""
    assert run_recorded(tmp_path, "echo", "--linger", "--help", "-x").stdout == "--linger --help -x\n"


def test_descriptors_that_were_handed_over_reach_the_program(tmp_path: Path) -> None:
    """A jobserver's or a shell's ``<(...)`` is there, as without us."""
    command = f"echo handed > there; exec 5< there; exec {TCC_RECORD} run cat /dev/fd/5"
    done = run_program("sh", "-c", command, env=environment(tmp_path), cwd=tmp_path)
    assert done.stdout == "handed\n"


def test_the_exit_code_holds_where_nobody_reads_standard_error(tmp_path: Path) -> None:
    """A closed pipe is no reason to tell another end than the program's."""
    reads, writes = os.pipe()
    os.close(reads)
    surroundings = environment(tmp_path, TCC_BASE_URL="http://127.0.0.1:9")  # of which a word would be said
    process = start([TCC_RECORD, "run", "sh", "-c", "exit 3"], env=surroundings, stderr=writes)
    os.close(writes)
    assert process.wait(PATIENCE) == 3


def test_signals_that_steer_a_process_are_sent_on(tmp_path: Path) -> None:
    """A supervisor's HUP, USR1, USR2 and TERM reach the program, once each, and TERM ends both."""
    process = listener(tmp_path)
    for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM):
        process.send_signal(number)
        assert told(process) == number.name
    printed, _ = process.communicate(timeout=PATIENCE)
    assert (printed, process.returncode) == ("", -signal.SIGTERM)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
def test_a_key_on_the_terminal_reaches_the_program_once(number: signal.Signals, tmp_path: Path) -> None:
    """Ctrl-C goes to the whole process group: the program gets it from there, not a second time from us."""
    process = listener(tmp_path)
    # a program of the same group, as a terminal would do it
    script = f"import os, signal; signal.signal({number}, signal.SIG_IGN); os.killpg({process.pid}, {number})"
    assert run_program(sys.executable, "-c", script).returncode == 0
    assert told(process) == number.name
    process.send_signal(number)  # to us alone
    process.send_signal(signal.SIGTERM)  # it is sent on, behind whatever was sent on before
    assert told(process) == "SIGTERM"
    process.communicate(timeout=PATIENCE)
    assert process.returncode == -signal.SIGTERM


HELD = """
import os, socket
from urllib.parse import urlsplit

address = urlsplit(os.environ["TCC_BASE_URL"])
connection = socket.create_connection((address.hostname, address.port))
parent_lives, never = os.pipe()
if os.fork():
    os._exit(4)
os.close(never)
os.read(parent_lives, 1)
print("ready", flush=True)
connection.recv(1)
"""
"""Ends, and leaves a child that keeps a connection open."""


def test_a_signal_cuts_the_linger_short(tmp_path: Path) -> None:
    """Who stops the recorder behind its program does not wait, and the exit code stays the program's."""
    command = [TCC_RECORD, "run", "--linger", "1000", sys.executable, "-c", HELD]
    process = start(command, env=environment(tmp_path), stdout=subprocess.PIPE, text=True)
    assert told(process) == "ready"
    # the first one may come a moment too early, and go to the program
    wait_until(lambda: process.send_signal(signal.SIGTERM) or process.poll() is not None, "the end")
    assert process.returncode == 4


def test_what_is_ignored_stays_ignored(tmp_path: Path) -> None:
    """Under nohup, and behind ``&`` in a script, a signal that we are to ignore is ignored by the program, too."""
    process = listener(tmp_path, "sh", "-c", 'trap "" HUP INT; exec "$@"', "sh")
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        process.send_signal(number)
    assert told(process) == "SIGTERM"
    process.communicate(timeout=PATIENCE)
    assert process.returncode == -signal.SIGTERM


SHELL = """
import os, signal, sys
reads, writes = os.pipe()
to_us = [(os.POSIX_SPAWN_DUP2, writes, 1)]
job = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, setpgroup=0, file_actions=to_us)
told = os.fdopen(reads)
assert told.readline() == "ready\\n"
os.killpg(job, signal.SIGTSTP)
_, status = os.waitpid(job, os.WUNTRACED)
print("stopped" if os.WIFSTOPPED(status) else "ended")
os.kill(job, signal.SIGCONT)  # the recorder alone, not the group
os.kill(job, signal.SIGUSR1)
print(told.readline().strip())
os.kill(job, signal.SIGTERM)
_, status = os.waitpid(job, 0)
print(os.waitstatus_to_exitcode(status))
"""
"""A shell with job control, and one job."""


def test_the_shell_sees_that_its_job_has_stopped(tmp_path: Path) -> None:
    """Ctrl-Z stops the program and us, one job; when we are continued, so is the program."""
    command = (TCC_RECORD, "run", sys.executable, "-c", LISTENER)
    done = run_program(sys.executable, "-c", SHELL, *command, env=environment(tmp_path))
    assert done.stdout.split() == ["stopped", "SIGUSR1", str(-signal.SIGTERM)], done.stderr


BUSY = """
import contextcompany, pathlib
for number in range(200):
    run = contextcompany.run()
    run.prompt("p").response("r" * 4000)
    run.end()
pathlib.Path("ended").touch()
"""


def test_a_killed_gateway_loses_nothing_that_it_answered_and_the_program_goes_on(tmp_path: Path) -> None:
    """After SIGKILL in the middle of the traffic, every post that was answered with success is in the spool."""
    command = [TCC_RECORD, "run", *TEE, tmp_path / "sent", sys.executable, "-c", BUSY]
    process = start(command, env=environment(tmp_path), cwd=tmp_path, stderr=subprocess.DEVNULL)
    wait_until(lambda: len(posts(tmp_path / "sent")) > 10, "some posts")
    process.kill()
    wait_until((tmp_path / "ended").exists, "the end of the program")
    sent = posts(tmp_path / "sent")
    [segment] = (tmp_path / "spool").iterdir()
    bodies = [line.body for line in LineReader().read(segment.read_bytes()) if isinstance(line, Line)]
    assert {post.body for post in sent} <= set(bodies)
    assert len(sent) < 200


def test_a_gateway_that_fails_costs_the_program_nothing(tmp_path: Path) -> None:
    """A fault of ours is logged, and the exit code is the program's."""
    (tmp_path / "sitecustomize.py").write_text(
        "def fail(*_):\n    raise RuntimeError('made to fail')\n"
        "import tcc_recorder.gateway.server as server\nserver.Gateway.wait_quiet = fail\n"
    )
    done = run_recorded(tmp_path, "sh", "-c", "exit 3", PYTHONPATH=str(tmp_path))
    assert done.returncode == 3
    assert "made to fail" in done.stderr
