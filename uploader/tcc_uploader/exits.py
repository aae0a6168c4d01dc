"""Exit codes, as ``sysexits.h`` numbers them."""

from enum import IntEnum


class Exit(IntEnum):
    """What a command came to."""

    DELIVERED = 0
    USAGE = 2
    DEAD_OR_DAMAGED = 65
    """Dead letters, or damage in a spool."""
    BROKEN = 70
    """The counts do not add up: a bug of ours, or a ledger that somebody changed."""
    STATE_HELD = 73
    """Another uploader works on the same state."""
    PENDING = 75
    """Some records wait for a server that did not answer: run it again."""
    OPERATOR_NEEDED = 77
    """Some records wait for a person: a wrong key, a wrong URL, a certificate."""
