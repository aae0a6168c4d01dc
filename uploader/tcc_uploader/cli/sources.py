"""What a command is given to read, or an end with a message and an exit code if an object store can't be asked."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from tcc_uploader.sources.given import Sources
from tcc_uploader.sources.objects import Kind, StoreError
from tcc_uploader.sources.paths import Given, sources_of

from .exit_codes import Exit
from .terminal import fail

_EXITS: Final[dict[Kind, Exit]] = {
    "missing": Exit.NOTHING_FOUND,
    "denied": Exit.OPERATOR_NEEDED,
    "unreachable": Exit.PENDING,
    "deleted": Exit.PENDING,
    "replaced": Exit.PENDING,
}


def sources_from(paths: Sequence[Given], spools: Iterable[Given]) -> Sources:
    """Return what lies at ``paths``, without paths at ``spools``."""
    with asking(*paths, *spools):
        return sources_of(paths, spools)


@contextmanager
def asking(*places: Given) -> Iterator[None]:
    """End the command if a store can't be asked for what lies at one of these places."""
    try:
        yield
    except StoreError as error:
        fail(f"{', '.join(place for place in places if isinstance(place, str))}: {error}", _EXITS[error.kind])
