"""``tcc-record run -- COMMAND``: a gateway for as long as one program runs."""

import logging
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

import click

from .child_environment import environment_for, replaced_urls
from .options import Options
from .program import Program, code_of, end_as
from .server import Gateway
from .terminal import NothingStartedError, say

_log: Final = logging.getLogger("tcc_recorder")
_LOOK_EVERY: Final = 0.2
"""Seconds after which a signal is noticed that comes while the last connections are waited for."""


@click.command("run", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option(
    "--linger",
    default=5.0,
    show_default=True,
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Wait so long at most, after the program's end, for what its own children still send.",
)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def run_command(*, linger: float, command: tuple[str, ...]) -> None:
    """Run a program, and record what the official SDKs in it post.

    No network, no daemon and no key are needed.  Exit codes: the program's; 127 and 126 as a shell has them; 125
    nothing was started.

    Example: tcc-record run -- python agent.py
    """
    _tell(*(f"{url} is not used: the program posts to this gateway" for url in replaced_urls(os.environ)))
    gateway = _started()
    program = Program()
    try:
        code = program.run(command, environment_for(os.environ, gateway.url))
    except OSError as error:
        _tell(f"{command[0]} can't be started: {error.strerror}")
        code = code_of(error)
    try:
        _stop(gateway, program, linger)
    except Exception:  # noqa: BLE001 -- whatever befell the gateway, we end as the program did
        _log.exception("the gateway failed; what it had answered is recorded")
    end_as(code)


def _started() -> Gateway:
    """Return a gateway that serves.  Raises click.ClickException if there is none."""
    try:
        with _threads_take_no_signal():
            return Gateway(Options()).__enter__()
    except (OSError, RuntimeError, ValueError) as error:
        raise NothingStartedError(f"nothing was started: {error}") from error


@contextmanager
def _threads_take_no_signal() -> Iterator[None]:
    """In the block, start threads that leave each signal to this one, which may wait for the program."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _stop(gateway: Gateway, program: Program, linger: float) -> None:
    """Wait for the last connections, stop, and say what was recorded."""
    until = time.monotonic() + linger
    while (left := until - time.monotonic()) > 0 and not program.is_asked_to_end:
        if gateway.wait_quiet(min(left, _LOOK_EVERY)):
            break
    gateway.__exit__(None, None, None)
    records, refused = gateway.metrics.records.total(), Counter(gateway.metrics.answers)
    del refused["200"]
    _tell(f"{records:,} record{'' if records == 1 else 's'} in {gateway.spool_dir}")
    for status, times in sorted(refused.items()):
        _tell(f"{times:,} request{'' if times == 1 else 's'} answered with {status}, and not recorded")


def _tell(*lines: str) -> None:
    for line in lines:
        with suppress(OSError):  # nobody reads standard error
            say(line)
