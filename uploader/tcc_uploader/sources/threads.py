"""Threads that wait for others' machines.  They hold up neither a signal nor the end of the process."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import ParamSpec, Self, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Helpers:
    """Some threads that make calls.  Each ends with the process, which the threads of an executor would hold up."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._unfinished = 0
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let each thread end when it has nothing left to do; wait for none."""
        for _ in self._threads:
            self._calls.put(None)

    def submit(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        """Make a call in one of the threads; the future gets what it returns or raises, unless that is cancelled."""
        done: Future[T] = Future()

        def make() -> None:
            if done.set_running_or_notify_cancel():
                try:
                    done.set_result(call(*args, **kwargs))
                except BaseException as error:  # noqa: BLE001 -- whoever waits gets it
                    done.set_exception(error)
            with self._lock:
                self._unfinished -= 1

        with self._lock:
            self._unfinished += 1
            if self._unfinished > len(self._threads) < self._most:
                self._threads.append(threading.Thread(target=self._work, name="tcc-helper", daemon=True))
                self._threads[-1].start()
        self._calls.put(make)
        return done

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call()
