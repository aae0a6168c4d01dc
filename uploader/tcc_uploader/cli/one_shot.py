"""Deliver once: what ``replay`` does, and ``dead`` and ``drop`` with letters that were requeued."""

import sys
from collections.abc import Callable, Collection, Iterable
from math import inf

from tcc_uploader.delivery.engine import Engine
from tcc_uploader.delivery.events import each_turn, to_all
from tcc_uploader.delivery.host import Host
from tcc_uploader.delivery.result import ReplayResult
from tcc_uploader.ledger.quarantine import quarantine_ledger
from tcc_uploader.model.ledger import Damaged, LedgerError
from tcc_uploader.model.letter import LetterRequest
from tcc_uploader.ops.logs import LifeLog
from tcc_uploader.ops.process import collect_garbage_seldom, stay_on_one_processor
from tcc_uploader.ops.status_file import StatusFile
from tcc_uploader.settings import Settings
from tcc_uploader.sinks import plural
from tcc_uploader.sources.given import Sources
from tcc_uploader.spool.removal import writer_is_gone
from tcc_uploader.spool.segment import Segment
from tcc_uploader.state import SpoolLocks

from .exit_codes import Exit
from .progress import progress_bar
from .session import ending, letters_of, on_signals, reading, working
from .terminal import fail, note
from .text import result_hints


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
    collect_garbage_seldom()
    with ending(settings, LedgerError, OSError), working(settings) as ledger, progress_bar(wanted=bar) as update_bar:
        status, letters = StatusFile(settings.state_dir), letters_of(settings, ledger)

        host = Host(hear=to_all(each_turn(update_bar), status, LifeLog(is_daemon=False)))
        try:
            with Engine(
                settings, ledger, letters, sources, host=host, is_gone=is_gone, keep_for=keep_for, locks=locks
            ) as engine:
                on_signals(engine.stop)
                result = engine.run_once(timeout, give_up=give_up)
        except Damaged as error:
            quarantine_ledger(settings.state_dir)
            fail(f"the ledger was damaged ({error}) and is in quarantine now: run it again", Exit.PENDING)
    return result


def ask(settings: Settings, requests: Iterable[LetterRequest]) -> None:
    """Leave requests for whoever holds the state."""
    with reading(settings) as ledger:
        letters = letters_of(settings, ledger)
        for request in requests:
            letters.ask(request)


def carry_out_requests(settings: Settings, asked: Collection[LetterRequest]) -> None:
    """Do what operators have asked for, and send only what they want sent.

    If that can't be noted, or if another uploader must do what was ``asked`` now, end the command.
    """
    result = deliver_once(settings, Sources(), timeout=0, bar=False)
    if result.trouble:
        note(*result_hints(result, settings))
        sys.exit(Exit.PENDING)
    end_if_waiting(settings, asked)


def end_if_waiting(settings: Settings, asked: Collection[LetterRequest]) -> None:
    """End the command if some of these requests still wait in a shared ledger, for another uploader."""
    if settings.ledger is None:
        return
    with reading(settings) as ledger:
        waiting = {request.letter for request in letters_of(settings, ledger).requests().values()}
    if count := sum(request.letter in waiting for request in asked):
        why = "another uploader is sending the record now, or holds its key; if it is delivered, it is not dropped"
        fail(f"not done yet: {plural(count, 'request')} of {len(asked):,} waiting: {why}", Exit.PENDING)
