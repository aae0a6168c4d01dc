"""What every command that shows recorded runs does first: open what it is given, and the ledger if there is one."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from tcc_uploader.inspect.runs.reader import RunReader
from tcc_uploader.ledger.opening import has_ledger, reading_ledger
from tcc_uploader.model.ledger import LedgerError
from tcc_uploader.settings import Settings
from tcc_uploader.sources.paths import Given

from .exit_codes import Exit
from .session import targets_of
from .sources import sources_from
from .terminal import fail, note


@contextmanager
def looking(
    named: Settings, paths: Sequence[Given], wanted: Callable[[str], bool] = lambda _: True
) -> Iterator[RunReader]:
    """Yield a reader of the runs in ``paths``, or in the spools; of runs alone whose id is ``wanted``.

    Their fates are told if there is a ledger that can be read.
    """
    settings = targets_of(named)[0]
    sources = sources_from(paths, settings.sources)
    with ExitStack() as stack:
        ledger = None
        try:
            if has_ledger(settings):
                ledger = stack.enter_context(reading_ledger(settings))
        except (LedgerError, OSError) as error:
            note(f"can't read the ledger in {settings.ledger_place}, so nothing is told of delivery: {error}")
        try:
            yield stack.enter_context(RunReader(sources, ledger, wanted=wanted))
        except LedgerError as error:
            fail(f"can't read the ledger in {settings.ledger_place}: {error}", Exit.PENDING)
