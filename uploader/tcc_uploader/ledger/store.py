"""The errors of a ledger.  They do not depend on the database that stores it."""


class LedgerError(Exception):
    """The ledger could not be read or written."""


class Unavailable(LedgerError):  # noqa: N818 -- the name says what happened
    """The ledger can't be used now, but is not damaged: no room, no permission, or a lock.  Try again later."""


class Damaged(LedgerError):  # noqa: N818
    """The file is not a ledger, or is damaged."""


class Lost(LedgerError):  # noqa: N818
    """The ledger's file was removed, or replaced by another file."""


class TooNew(LedgerError):  # noqa: N818
    """A newer version of tcc-upload wrote the ledger."""
