"""A program that runs as our child, and whose end becomes ours.

It stays in our process group, so that a terminal treats the two as one job.  What the terminal sends to the group
(by Ctrl-C, say) comes to it from there; sent on by us, too, it would come twice.
"""

import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from types import FrameType
from typing import Final, NoReturn

_FROM_TERMINAL: Final = ("SIGINT", "SIGQUIT", "SIGTSTP")
_SENT_ON: Final = ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")
"""Names, because Windows, where this module can at least be imported, lacks some of these signals."""
_JOB_STOPS: Final = ("SIGTSTP", "SIGTTIN", "SIGTTOU")
"""What stops a job: a shell must see that its own child, which we are, has stopped, too."""
_IGNORED_BY_PYTHON: Final = ("SIGPIPE", "SIGXFSZ")
_NOT_FOUND, _NOT_STARTED = 127, 126
"""The exit codes of a shell for a command that is not there, and for one that can't be executed."""


class Program:
    """A program to be run once.  Signals that end or steer a process go to it from the moment this is created."""

    def __init__(self) -> None:
        self._pid = 0
        self._came_early: list[int] = []
        self.is_asked_to_end = False
        """Whether a signal came when the program had ended already."""
        self._has_ended = False
        for name in (*_FROM_TERMINAL, *_SENT_ON):
            number = getattr(signal, name)
            # What is ignored (nohup; a job in the background of a script) must stay so, in the program, too.
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._take)

    def run(self, command: tuple[str, ...], environment: Mapping[str, str]) -> int:
        """Start the program, and wait for its end; return its exit code, or the number of the signal times -1.

        Raises OSError if it can't be started: see :func:`code_of`.
        """
        woken, wakes = os.pipe()
        os.set_blocking(wakes, False)
        signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._pid = os.posix_spawnp(
            command[0],
            command,
            environment,
            setsigdef=[getattr(signal, name) for name in _IGNORED_BY_PYTHON],
        )
        while self._came_early:
            self._send(self._came_early.pop(0))
        while True:
            pid, status = os.waitpid(self._pid, os.WUNTRACED | os.WNOHANG)
            if not pid:
                os.read(woken, 4096)  # a signal that came a moment before is here; a waitpid() that waits would miss it
            elif not os.WIFSTOPPED(status):
                self._has_ended = True
                return os.waitstatus_to_exitcode(status)
            elif signal.Signals(os.WSTOPSIG(status)).name in _JOB_STOPS:
                os.kill(os.getpid(), signal.SIGSTOP)
                self._send(signal.SIGCONT)  # we go on, and perhaps we alone were told to

    def _take(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 -- the shape of a handler
        if self._has_ended:
            self.is_asked_to_end = True
        elif signal.Signals(number).name in _SENT_ON:
            if self._pid:
                self._send(number)
            else:
                self._came_early.append(number)

    def _send(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(self._pid, number)


def code_of(error: OSError) -> int:
    """Return the exit code that a shell has for a command that can't be started."""
    return _NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_STARTED


def end_as(code: int) -> NoReturn:
    """End this process as a program did: with its exit code, or (``code`` below 0) by the same signal.

    No core file is written: the program's own may be there.
    """
    if code < 0:
        import resource  # noqa: PLC0415 -- Windows has none

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        with suppress(OSError):  # SIGKILL has no handler
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
        code = 128 - code  # no signal ends the first process of a container: as a shell tells it
    # Python would end with 120 where nobody reads standard error any more.
    os._exit(code)
