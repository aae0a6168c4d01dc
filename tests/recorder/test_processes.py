import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from support.recorded import run_program, started
from tcc_schemas.lines import Line

Python = Callable[..., subprocess.CompletedProcess[str]]
Records = Callable[[Path], list[Line]]
Items = Callable[[Path], list[dict[str, Any]]]
Read = Callable[[Path], list[Any]]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no fork, no SIGKILL")
EXITED = "not ended: the process exited"
DROPPED = "not ended: the run was dropped"


def test_what_was_recorded_survives_sigkill(spool: Path, records: Records, python: Python) -> None:
    """Every run whose end() returned is whole in the spool after SIGKILL, with its ended children."""
    python(
        """
        for number in range(200):
            run = tcc.run(str(number)).prompt("p" * 5000)
            run.step().prompt("p").response("r").end()
            run.end()
        os.kill(os.getpid(), signal.SIGKILL)
        """,
        status=-signal.SIGKILL,
    )
    assert [line.id for line in records(spool)] == [str(number) for number in range(200)]


def test_exit_records_unended_runs_and_seals(spool: Path, read: Read, items: Items, python: Python) -> None:
    """At exit, runs that have not ended are recorded, with their ended children, and the segment is sealed."""
    python("""
        run = tcc.run("open").prompt("p")
        run.step("ended").prompt("p").response("r").end()
        run.step("open step").prompt("p")
        said = tcc.run("said").status(1, "half done")
        untouched = tcc.run("untouched", session_id="s")
        only_child = tcc.run("only child")
        child = only_child.step()
    """)
    (only,) = read(spool)
    assert only.seal == {**only.seal, "records": 3, "refused": 0}
    found = {item.get("step_id", item["run_id"]): item for item in items(spool)}
    assert set(found) == {"open", "ended", "said", "only child"}
    assert (found["open"]["status_code"], found["open"]["status_message"]) == (2, EXITED)
    assert (found["said"]["status_code"], found["said"]["status_message"]) == (1, "half done")


def test_a_dropped_run_is_recorded_when_it_is_collected(spool: Path, items: Items, python: Python) -> None:
    """A run that nobody can end any more is recorded at once, once; ended runs leave nothing in memory."""
    python("""
        import gc
        from tcc_recorder import unended
        tcc.run("dropped").prompt("p")
        loop = [tcc.run("in a cycle").prompt("p")]
        loop.append(loop)
        del loop
        gc.collect()
        for number in range(3):
            with tcc.run() as run:
                run.prompt("p")
        del run
        assert not unended._live
    """)
    found = Counter((item["status_code"], item.get("status_message")) for item in items(spool))
    assert found == {(2, DROPPED): 2, (0, None): 3}


def test_a_forked_child_has_its_own_segment_and_no_open_runs(
    spool: Path, read: Read, items: Items, python: Python
) -> None:
    """Parent and child record after a fork without touching each other; only the parent records its open run."""
    python("""
        ids = set()
        tcc.run("before").prompt("p").end()
        run = tcc.run("open").prompt("p")
        orphan = run.step("ended in the child").prompt("p").response("r")
        for child in range(3):
            if (pid := os.fork()) == 0:
                if child == 0:
                    orphan.end()
                tcc.run(f"child {child}").prompt("p").metadata(new=tcc.run().run_id).end()
                mine = tcc.run(f"open in child {child}").prompt("p")
                sys.exit(0)
            os.waitpid(pid, 0)
        tcc.run("after").prompt("p").end()
    """)
    segments = read(spool)
    assert len(segments) == len({one.header["segment_id"] for one in segments}) == 4
    assert all(one.seal for one in segments)
    assert [one.header["sequence"] for one in segments] == [1] * 4, "each process numbers its own segments"
    found = Counter(item.get("step_id", item["run_id"]) for item in items(spool))
    children = {f"{what} {child}" for child in range(3) for what in ("child", "open in child")}
    assert found == dict.fromkeys({"before", "open", "after", "ended in the child", *children}, 1)
    assert len({item["metadata"]["new"] for item in items(spool) if "metadata" in item}) == 3


def test_a_forked_child_does_not_hold_its_parents_lock(spool: Path, python: Python) -> None:
    """After a crash of the parent its segment's lock is free, although the child lives: the uploader may finish it."""
    python("""
        import fcntl
        tcc.run().prompt("p").end()
        (path,) = [entry.path for entry in os.scandir(os.environ["TCC_SPOOL_DIR"])]
        ready, told = os.pipe(), os.pipe()
        parent = os.getpid()
        if os.fork() == 0:
            os.close(told[1])
            os.write(ready[1], b"x")
            os.read(told[0], 1)  # until the parent has closed its segment
            descriptor = os.open(path, os.O_RDWR)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os._exit(0)
        os.read(ready[0], 1)
        for name in os.listdir("/dev/fd"):  # close the segment, as the system does after a crash
            try:
                if os.path.samestat(os.fstat(int(name)), os.stat(path)):
                    os.close(int(name))
            except OSError:
                pass
        os.close(told[1])
        assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
    """)


def test_multiprocessing_workers_record(spool: Path, records: Records, tmp_path: Path, python: Python) -> None:
    """Workers of multiprocessing, forked and spawned, record what they end."""
    (tmp_path / "worker.py").write_text(
        "import tcc_recorder as tcc\ndef work(name):\n    tcc.run(name).prompt('p').end()\n", encoding="utf-8"
    )
    program = tmp_path / "program.py"
    program.write_text(
        "import multiprocessing, worker\n"
        "if __name__ == '__main__':\n"
        "    worker.work('parent')\n"
        "    for method in ('fork', 'spawn'):\n"
        "        with multiprocessing.get_context(method).Pool(2) as pool:\n"
        "            pool.map(worker.work, [f'{method} {n}' for n in range(4)])\n",
        encoding="utf-8",
    )
    done = run_program(sys.executable, program)
    assert done.returncode == 0, done.stderr
    expected = {"parent", *(f"{method} {n}" for method in ("fork", "spawn") for n in range(4))}
    assert {line.id for line in records(spool)} == expected


def test_refusals_before_a_fork_are_counted_once(spool: Path, read: Read, python: Python) -> None:
    """What the parent refused is in the parent's seal and not in the child's."""
    python("""
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        for _ in range(5):
            tcc.run().prompt("p" * 200_000).end()
        tcc.run().prompt("p").end()
        if (pid := os.fork()) == 0:
            tcc.run().prompt("p").end()
            sys.exit(0)
        os.waitpid(pid, 0)
    """)
    assert sorted(one.seal["refused"] for one in read(spool)) == [0, 5]


def test_many_processes_share_a_spool(spool: Path, read: Read) -> None:
    """Processes that start together each have a sealed segment, and lose nothing."""
    code = "import sys, tcc_recorder as tcc\nfor n in range(50): tcc.run(f'{sys.argv[1]}-{n}').prompt('p').end()"
    with ExitStack() as stack:
        running = [stack.enter_context(started(sys.executable, "-c", code, str(number))) for number in range(6)]
        assert [process.wait(60) for process in running] == [0] * 6
    segments = read(spool)
    assert len({one.header["segment_id"] for one in segments}) == len(segments) == 6
    assert {line.id for one in segments for line in one.records} == {f"{p}-{n}" for p in range(6) for n in range(50)}
    assert all(one.seal for one in segments)


def test_a_process_that_forks_without_python_is_known_by_its_pid(spool: Path, read: Read, python: Python) -> None:
    """A worker of uWSGI, which forks in C where no hook runs, has its own segment, ids, defaults and open runs."""
    python("""
        import ctypes
        import tcc_recorder.defaults
        tcc.run("before").prompt("p").end()
        run = tcc.run("open").prompt("p")
        pids = []
        for child in range(3):
            tcc_recorder.defaults.defaults._lock.acquire()  # as a thread that the child does not have may hold it
            pid = ctypes.PyDLL(None).fork()
            if pid:
                tcc_recorder.defaults.defaults._lock.release()
            if pid == 0:
                barrier = threading.Barrier(4)
                def work(number):
                    barrier.wait()
                    with tcc_recorder.defaults.scoped({"new": tcc.run().run_id}):
                        tcc.run(f"child {child} {number}").prompt("p").end()
                threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
                [thread.start() for thread in threads]
                [thread.join() for thread in threads]
                sys.exit(0)
            pids.append(pid)
        for pid in pids:
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        tcc.run("after").prompt("p").end()
    """)
    segments = read(spool)
    assert len(segments) == len({one.header["process"] for one in segments}) == 4
    assert all(one.seal for one in segments)
    runs = Counter(line.id for one in segments for line in one.records)
    children = {f"child {child} {number}" for child in range(3) for number in range(4)}
    assert runs == dict.fromkeys({"before", "open", "after", *children}, 1)


def test_a_failed_write_cuts_nothing_that_another_process_wrote(spool: Path, python: Python) -> None:
    """A process that has our file without knowing it may have written behind our last line: that stays."""
    python("""
        from tcc_recorder.spool.system import SYSTEM
        tcc.run("before").prompt("p").end()
        (path,) = [entry.path for entry in os.scandir(os.environ["TCC_SPOOL_DIR"])]
        def failing(descriptor, line):
            SYSTEM.write = os.write
            with open(path, "ab") as file:
                file.write(b"of another process\\n")
            raise OSError(28, "No space left on device")
        SYSTEM.write = failing
        tcc.run("after").prompt("p").end()
    """)
    lines = b"".join(path.read_bytes() for path in spool.iterdir())
    assert b"of another process\n" in lines
    assert lines.count(b'"kind":"run"') == 2
