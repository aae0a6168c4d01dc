"""What goes wrong with a ledger, in words that do not depend on the database behind it."""


class LedgerError(Exception):
    """The ledger could not be read or written."""


class Unavailable(LedgerError):  # noqa: N818 -- what follows LedgerError is what happened
    """Not now: no room, no permission, or another process holds it.  Nothing says that it is damaged; try again."""


class Damaged(LedgerError):  # noqa: N818
    """The file is no ledger, or its tables are damaged."""


class Lost(LedgerError):  # noqa: N818
    """The file is not there any more, or another one has taken its place."""


class TooNew(LedgerError):  # noqa: N818
    """A newer version wrote it."""
