"""Every run that ends in a real host is recorded, once: ``make hosts`` installs these hosts and runs these tests."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import orjson
import pytest

from support.children import start
from support.recorded import read_segment, run_program

pytestmark = pytest.mark.skipif("os.environ.get('TCC_TEST_HOSTS') is None", reason="make hosts runs it")

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
PATIENCE = 60.0
"""Seconds in which a host must have started, answered, or ended."""


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """Return where the hosts' processes record."""
    return tmp_path / "spool"


@pytest.fixture
def environment(spool: Path) -> dict[str, str]:
    """Return the environment of a host."""
    return os.environ | {"TCC_SPOOL_DIR": str(spool), "PYTHONPATH": str(HERE), "TCC_CI": "0"}


def recorded(spool: Path) -> Counter[str]:
    """Return the ids of all runs, steps and tool calls.  Every segment is whole.

    Not all have a seal: some hosts end their workers without exit handlers.
    """
    segments = [read_segment(path) for path in spool.iterdir()]
    bodies = [orjson.loads(line.body) for segment in segments for line in segment.records]
    items = [item for body in bodies for item in body.get("items", [body])]
    return Counter(item.get("step_id") or item.get("tool_call_id") or item["run_id"] for item in items)


def whole(*names: str) -> Counter[str]:
    """Return what is recorded of runs with these ids."""
    return Counter(f"{part}{name}" for name in names for part in ("", "step of ", "tool call of "))


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until something holds."""
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def pid_that_answered(port: int, query: str) -> str:
    """Make a request; return the pid of the worker that took it, empty if nobody did."""
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/?{query}", timeout=PATIENCE) as answer:
        return str(answer.read().decode())
    return ""


MERCY = ("--worker-reload-mercy", "5")  # a worker that loads its application when it is told to end does not hear it
UWSGI = ("uwsgi", "--http-socket", "127.0.0.1:{port}", "--module", "programs:application", "--master", "--die-on-term")
GUNICORN = ("gunicorn", "--bind", "127.0.0.1:{port}", "programs:application", "--workers", "3")
LOADED = "while the application was loaded"
SERVERS = {
    "uwsgi, prefork": (*UWSGI, "--processes", "3"),
    "uwsgi, prefork with threads": (*UWSGI, "--processes", "2", "--enable-threads", "--threads", "4"),
    "uwsgi, lazy": (*UWSGI, "--processes", "3", "--lazy-apps", *MERCY),
    "gunicorn": GUNICORN,
    "gunicorn, preload": (*GUNICORN, "--preload"),
    "gunicorn, preload with threads": (*GUNICORN, "--preload", "--threads", "4"),
    "gunicorn, preload with gevent": (*GUNICORN, "--preload", "--worker-class", "gevent"),
}


@pytest.mark.parametrize("server", SERVERS)
def test_a_web_server_with_workers(server: str, spool: Path, environment: dict[str, str]) -> None:
    """What its workers record, and what was recorded while the application was loaded, is there when it has stopped."""
    port = free_port()
    name, *arguments = (part.format(port=port) for part in SERVERS[server])
    host = start([BIN / name, *arguments], env=environment | {"TCC_TEST_HOST": name}, stderr=subprocess.DEVNULL)
    wait_until(lambda: bool(pid_that_answered(port, "first")))
    names: list[str] = []
    workers: set[str] = set()
    enough, until = 1 if "gevent" in server else 2, time.monotonic() + PATIENCE  # a worker may need long to begin
    while len(names) < 60 or (len(workers) < enough and time.monotonic() < until):
        names.append(f"request{len(names)}")
        workers.add(pid_that_answered(port, names[-1]))
    assert "" not in workers
    host.send_signal(signal.SIGTERM)
    host.wait(PATIENCE)
    found = recorded(spool)
    assert len(workers) >= enough
    times = 1 if "preload" in server or "prefork" in server else found[LOADED]
    assert times >= 1
    assert found == whole("first", *names, *([LOADED] * times))


def test_celery_prefork(tmp_path: Path, spool: Path, environment: dict[str, str]) -> None:
    """Tasks of its pool, whose processes are replaced after three tasks each, are recorded."""
    (tmp_path / "queue").mkdir()
    environment |= {"TCC_TEST_HOST": "celery", "TCC_TEST_QUEUE": str(tmp_path / "queue")}
    names = [f"task {number}" for number in range(20)]
    sender = "import programs, sys\nfor name in sys.argv[1:]: programs.record_later.delay(name)"
    sent = run_program(sys.executable, "-c", sender, *names, env=environment | {"TCC_SPOOL_DIR": str(tmp_path / "x")})
    assert sent.returncode == 0, sent.stderr
    worker = ("worker", "--pool", "prefork", "--concurrency", "2", "--loglevel", "warning", "--without-mingle")
    host = start([BIN / "celery", "--app", "programs:queue", *worker], env=environment, cwd=tmp_path)
    wait_until(lambda: sum(path.read_bytes().count(b'"kind":"run"') for path in spool.glob("*")) > len(names))
    host.send_signal(signal.SIGTERM)
    host.wait(PATIENCE)
    assert recorded(spool) == whole("while the tasks were loaded", *names)


@pytest.mark.parametrize(
    ("host", "names"),
    [
        (
            "workers",
            ["parent", *(f"{how} {number}" for how in ("fork", "spawn", "forkserver") for number in range(12))],
        ),
        ("gevent", [f"{how} {number}" for how in ("green", "native", "patched") for number in range(20)]),
        ("eventlet", [f"{how} {number}" for how in ("green", "native", "patched") for number in range(20)]),
    ],
)
def test_a_program_with_workers_of_its_own(
    host: str, names: list[str], spool: Path, environment: dict[str, str]
) -> None:
    """Processes of multiprocessing, and green and native threads with durability power: all end, none hangs."""
    done = run_program(sys.executable, HERE / "programs.py", host, env=environment)
    assert done.returncode == 0, done.stderr
    assert recorded(spool) == whole(*names)


def test_uvloop(spool: Path, environment: dict[str, str]) -> None:
    """Another event loop changes nothing."""
    done = run_program(sys.executable, HERE / "programs.py", "uvloop", env=environment)
    assert done.returncode == 0, done.stderr
    tasks = Counter(f"task {number}" for number in range(20))
    assert recorded(spool) == tasks + whole(*(f"thread {number}" for number in range(20)))


def test_a_jupyter_kernel(spool: Path, environment: dict[str, str]) -> None:
    """A cell that ends a run, one that fails inside of a run, and the end of the kernel."""
    from jupyter_client.manager import start_new_kernel  # noqa: PLC0415 -- only the hosts' environment has it

    manager, client = start_new_kernel(kernel_name="python3", env=environment)
    try:
        for code in (
            "import programs; programs.record('first')",
            "import tcc_recorder as tcc\nwith tcc.run('failed').prompt('p'): 1 / 0",
            "open_run = tcc.run('open').prompt('p')",
        ):
            client.execute_interactive(code, timeout=PATIENCE, output_hook=lambda _: None)
    finally:
        client.stop_channels()
        manager.shutdown_kernel()
    assert recorded(spool) == whole("first") + Counter(["failed", "open"])
