"""What runs in the hosts: each program records runs whose ids a test expects.

As a WSGI application and as Celery's tasks it is imported by its name; ``python programs.py NAME`` runs the others.
"""

import asyncio
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Iterable

import tcc_recorder as tcc


def record(name: str) -> None:
    """Record a run with a step and a tool call."""
    run = tcc.run(name).prompt("p")
    run.step(f"step of {name}").prompt("p").response("r").end()
    run.tool_call("t", f"tool call of {name}").end()
    run.response("r").end()


def application(environ: dict[str, str], start_response: Callable[..., object]) -> Iterable[bytes]:
    """Record a run for each request, as a web application does; its id is the query string."""
    record(environ["QUERY_STRING"])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]


def forked_workers() -> None:
    """Record in workers of multiprocessing, started in each way."""
    record("parent")
    for method in ("fork", "spawn", "forkserver"):
        context = multiprocessing.get_context(method)
        with context.Pool(2, maxtasksperchild=3) as pool:
            pool.map(record, [f"{method} {number}" for number in range(12)])
            pool.close()
            pool.join()


def on_gevent() -> None:
    """Record in greenlets, and in native threads beside them, durable each."""
    from gevent import get_hub, monkey, spawn, wait  # noqa: PLC0415 -- only this host has it

    monkey.patch_all()
    tcc.configure(durability="power")
    waiting = [spawn(record, f"green {number}") for number in range(20)]
    pool = get_hub().threadpool
    waiting += [pool.spawn(record, f"native {number}") for number in range(20)]
    wait(waiting)
    threads = [threading.Thread(target=record, args=(f"patched {number}",)) for number in range(20)]
    _run_all(threads)


def on_eventlet() -> None:
    """Record in green threads, and in native threads beside them, durable each."""
    import eventlet  # noqa: PLC0415 -- only this host has it
    from eventlet import tpool  # noqa: PLC0415

    eventlet.monkey_patch()
    tcc.configure(durability="power")
    green = eventlet.GreenPool()
    for number in range(20):
        green.spawn(record, f"green {number}")
        green.spawn(tpool.execute, record, f"native {number}")
    green.waitall()
    _run_all([threading.Thread(target=record, args=(f"patched {number}",)) for number in range(20)])


def on_uvloop() -> None:
    """Record in the tasks of another event loop, and in its threads."""
    import uvloop  # noqa: PLC0415 -- only this host has it

    async def main() -> None:
        async def task(number: int) -> None:
            async with tcc.run(f"task {number}").prompt("p"):
                await asyncio.sleep(0)
            await asyncio.to_thread(record, f"thread {number}")

        await asyncio.gather(*map(task, range(20)))

    uvloop.run(main())


def _run_all(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if os.environ.get("TCC_TEST_HOST") in {"uwsgi", "gunicorn"}:
    record("while the application was loaded")
elif os.environ.get("TCC_TEST_HOST") == "celery":
    from celery import Celery

    queue = Celery("programs", broker="filesystem://")
    folder = os.environ["TCC_TEST_QUEUE"]
    queue.conf.broker_transport_options = dict.fromkeys(("data_folder_in", "data_folder_out", "control_folder"), folder)
    queue.conf.worker_max_tasks_per_child = 3
    record_later = queue.task(record, name="record")
    record("while the tasks were loaded")
elif __name__ == "__main__":
    {"workers": forked_workers, "gevent": on_gevent, "eventlet": on_eventlet, "uvloop": on_uvloop}[sys.argv[1]]()
