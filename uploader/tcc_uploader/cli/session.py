"""What several commands do: open the state and its ledger, deliver once, print notes, and end with an exit code."""

import os
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from math import inf
from pathlib import Path

from tcc_uploader.dead.store import LetterFolder
from tcc_uploader.delivery.engine import Engine
from tcc_uploader.delivery.result import ReplayResult
from tcc_uploader.inspect.runs.reader import RunReader
from tcc_uploader.ledger.quarantine import FILE_NAME, quarantine_ledger, quarantined_ledgers
from tcc_uploader.ledger.sqlite import SqliteLedger
from tcc_uploader.model.ledger import Damaged, LedgerError
from tcc_uploader.ops.process import stay_on_one_processor
from tcc_uploader.ops.status_file import StatusFile
from tcc_uploader.settings import Settings
from tcc_uploader.sources.given import Sources, sources_of
from tcc_uploader.spool.removal import writer_is_gone
from tcc_uploader.spool.segment import Segment
from tcc_uploader.state import OldLayoutError, SpoolLocks, StateHeldError, check_layout, held, last_change, targets_in

from .exit_codes import Exit
from .progress import progress_bar
from .terminal import fail, note


@contextmanager
def working(settings: Settings) -> Iterator[SqliteLedger]:
    """Hold the state and its ledger; if that is not possible, end the command with a message and an exit code.

    Raises :class:`LedgerError` if the ledger turns out to be damaged, or is lost, on the way.
    """
    with ExitStack() as stack:
        with ending(settings, LedgerError, OSError):
            check_layout(settings.state_dir.parent)
            stack.enter_context(held(settings.state_dir))
            ledger = stack.enter_context(closing(SqliteLedger.open(settings.state_dir)))
        yield ledger


@contextmanager
def ending(settings: Settings, *errors: type[Exception]) -> Iterator[None]:
    """End the command if another uploader or an old layout is in the way, or if one of ``errors`` is raised."""
    try:
        yield
    except StateHeldError as error:
        fail(str(error), Exit.STATE_HELD)
    except OldLayoutError as error:
        fail(str(error), Exit.OPERATOR_NEEDED)
    except errors as error:
        fail(f"can't work in {settings.state_dir}: {error}", Exit.PENDING)


def targets_of(settings: Settings) -> list[Settings]:
    """Return the settings for each target found in the state directory, first the one that the settings name.

    If they name none, the first is production, or what was used last.  A layout without targets ends the command.
    """
    with ending(settings):
        check_layout(settings.state_dir.parent)
    found = targets_in(settings.state_dir.parent)
    if not (settings.names_target or settings.state_dir in found) and found:
        settings = replace(settings, state_dir=max(found, key=last_change))
    return [settings, *(replace(settings, state_dir=target) for target in found if target != settings.state_dir)]


@contextmanager
def reading(settings: Settings) -> Iterator[SqliteLedger]:
    """Read the ledger, also while an uploader works; if that is not possible, end the command."""
    with ExitStack() as stack:
        try:
            ledger = stack.enter_context(SqliteLedger.reading(settings.state_dir))
        except Damaged as error:
            advice = "the next daemon or replay quarantines it and starts a new one, which may cost duplicates"
            fail(f"the ledger in {settings.state_dir} is damaged ({error}): {advice}", Exit.PENDING)
        except (LedgerError, OSError) as error:
            fail(f"can't read the ledger in {settings.state_dir}: {error}", Exit.PENDING)
        for file in quarantined_ledgers(settings.state_dir):
            note(f"{file} is a damaged ledger, kept in quarantine: what it knew is not counted")
        yield ledger


@contextmanager
def looking(
    named: Settings, paths: Iterable[Path], wanted: Callable[[str], bool] = lambda _: True
) -> Iterator[RunReader]:
    """Yield a reader of the runs in ``paths``, or in the spools; of runs alone whose id is ``wanted``.

    Their fates are told if there is a ledger that can be read.
    """
    (settings, *_), paths = targets_of(named), list(paths)
    sources = sources_of(paths) if paths else Sources(list(settings.spools))
    with ExitStack() as stack:
        ledger = None
        try:
            if (settings.state_dir / FILE_NAME).exists():
                ledger = stack.enter_context(SqliteLedger.reading(settings.state_dir))
        except (LedgerError, OSError) as error:
            note(f"can't read the ledger in {settings.state_dir}, so nothing is told of delivery: {error}")
        try:
            yield stack.enter_context(RunReader(sources, ledger, wanted=wanted))
        except LedgerError as error:
            fail(f"can't read the ledger in {settings.state_dir}: {error}", Exit.PENDING)


def on_signals(stop: Callable[[], object]) -> None:
    """Call ``stop`` on SIGTERM and SIGINT.  The second one ends the process at once: it can be killed at any moment."""
    signals = (signal.SIGTERM, signal.SIGINT)

    def first(*_: object) -> None:
        for number in signals:
            signal.signal(number, lambda *_: os._exit(Exit.PENDING))
        stop()

    for number in signals:
        signal.signal(number, first)


def deliver_once(
    settings: Settings,
    sources: Sources,
    *,
    timeout: float,
    bar: bool,
    is_gone: Callable[[Segment], bool] = writer_is_gone,
    keep_for: float = inf,
    give_up: bool = False,
    locks: SpoolLocks | None = None,
) -> ReplayResult:
    """Deliver the records of ``sources``, and the letters that were requeued.

    ``keep_for`` is the number of seconds for which finished segments stay: infinity by default.
    ``timeout`` is the number of seconds without progress after which it gives up; ``is_gone`` decides whether the
    process that wrote a segment has died: then its journaled runs are recovered.
    ``give_up`` and ``locks``: see the engine.
    """
    stay_on_one_processor()
    with ending(settings, LedgerError, OSError), working(settings) as ledger, progress_bar(wanted=bar) as update_bar:
        status, letters = StatusFile(settings.state_dir), LetterFolder(settings.state_dir)

        def update(engine: Engine) -> None:
            update_bar(engine)
            status.update(engine)

        try:
            with Engine(
                settings, ledger, letters, sources, is_gone=is_gone, keep_for=keep_for, locks=locks, on_step=update
            ) as engine:
                on_signals(engine.stop)
                result = engine.run_once(timeout, give_up=give_up)
                status.write(engine)
        except Damaged as error:
            quarantine_ledger(settings.state_dir)
            fail(f"the ledger was damaged ({error}) and is in quarantine now: run it again", Exit.PENDING)
    return result
