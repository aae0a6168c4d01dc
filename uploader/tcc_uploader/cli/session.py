"""What several commands do: open the state and its ledger, print notes, and end with an exit code."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace

from tcc_uploader.dead.store import LetterFolder
from tcc_uploader.ledger.opening import open_ledger, reading_ledger
from tcc_uploader.ledger.quarantine import quarantined_ledgers
from tcc_uploader.model.ledger import Damaged, Ledger, LedgerError, TooNew, Unusable
from tcc_uploader.model.letter_store import LetterStore
from tcc_uploader.settings import Settings
from tcc_uploader.state import OldLayoutError, StateHeldError, check_layout, held, last_change, targets_in

from .exit_codes import Exit
from .terminal import fail, note


@contextmanager
def working(settings: Settings) -> Iterator[Ledger]:
    """Hold the state and its ledger; if that is not possible, end the command with a message and an exit code.

    Raises :class:`LedgerError` if the ledger turns out to be damaged, or is lost, on the way.
    """
    with ExitStack() as stack:
        with ending(settings, LedgerError, OSError):
            check_layout(settings.state_dir.parent)
            stack.enter_context(held(settings.state_dir))
            ledger = stack.enter_context(closing(open_ledger(settings)))
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
        found = _unusable(settings, error)
        fail(str(found), found.code)


def letters_of(settings: Settings, ledger: Ledger) -> LetterStore:
    """Return the store of the dead letters, which are where the ledger is."""
    return ledger.letter_store or LetterFolder(settings.state_dir)


class UnusableError(Exception):
    """A target's state directory or ledger can't be used: ``what`` is wrong, what to ``do``, and the exit ``code``."""

    def __init__(self, what: str, do: str, code: Exit) -> None:
        super().__init__(f"{what}: {do}")
        self.what, self.do, self.code = what, do, code


def _unusable(settings: Settings, error: Exception) -> UnusableError:
    """Return what an error says of a state directory, or of its ledger."""
    state, what = settings.state_dir, f"can't use the ledger in {settings.ledger_place}: {error}"
    if isinstance(error, OSError):
        do = "it must be a directory that this user can write; or name another one: TCC_STATE_DIR, --state-dir"
        return UnusableError(f"can't use the state in {state}: {error.strerror or error}", do, Exit.OPERATOR_NEEDED)
    if isinstance(error, Damaged):
        do = "the next daemon or replay quarantines it and starts a new one, which may cost duplicates"
        return UnusableError(f"the ledger in {state} is damaged ({error})", do, Exit.OPERATOR_NEEDED)
    if isinstance(error, Unusable):
        return UnusableError(what, error.do, Exit.OPERATOR_NEEDED)
    do = "look at its owner, its mode, and the room on its disk"
    if settings.ledger is not None:
        do = "nothing is sent without it; run it again when it can be reached, and this user may use it"
    return UnusableError(what, "upgrade tcc-upload" if isinstance(error, TooNew) else do, Exit.PENDING)


def targets_of(settings: Settings) -> list[Settings]:
    """Return the settings for each target found in the state directory, first the one that the settings name.

    If they name none, the first is production, or what was used last.  A layout without targets ends the command.
    A shared ledger is that of one target: the others have theirs in the state directory.
    """
    with ending(settings, OSError):
        check_layout(settings.state_dir.parent)
        found = targets_in(settings.state_dir.parent)
    if not (settings.names_target or settings.ledger or settings.state_dir in found) and found:
        settings = replace(settings, state_dir=max(found, key=last_change))
    others = (target for target in found if target != settings.state_dir)
    return [settings, *(replace(settings, state_dir=target, ledger=None) for target in others)]


@contextmanager
def reading(settings: Settings) -> Iterator[Ledger]:
    """Read the ledger, also while an uploader works; if that is not possible, end the command."""
    try:
        with looking_at(settings) as ledger:
            yield ledger
    except UnusableError as error:
        fail(str(error), error.code)


@contextmanager
def looking_at(settings: Settings) -> Iterator[Ledger]:
    """Read the ledger, as :func:`reading` does, of one target of several.  Raises :class:`UnusableError`."""
    with ExitStack() as stack:
        try:
            with ending(settings):
                check_layout(settings.state_dir.parent)
            ledger = stack.enter_context(reading_ledger(settings))
        except (LedgerError, OSError) as error:
            raise _unusable(settings, error) from error
        for file in quarantined_ledgers(settings.state_dir):
            note(f"{file} is a damaged ledger, kept in quarantine: what it knew is not counted; remove it if you like")
        try:
            yield ledger
        except LedgerError as error:  # a damaged page is met only when it is read
            raise _unusable(settings, error) from error


def on_signals(stop: Callable[[], object]) -> None:
    """Call ``stop`` on SIGTERM and SIGINT.  The second one ends the process at once: it can be killed at any moment."""
    signals = (signal.SIGTERM, signal.SIGINT)

    def first(*_: object) -> None:
        for number in signals:
            signal.signal(number, lambda *_: os._exit(Exit.PENDING))
        stop()

    for number in signals:
        signal.signal(number, first)
