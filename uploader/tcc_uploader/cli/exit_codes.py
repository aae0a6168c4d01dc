"""Exit codes, as ``sysexits.h`` numbers them."""

from enum import IntEnum
from typing import Final, Literal, get_args

from tcc_uploader.delivery.result import ReplayResult

FailOn = Literal["pending", "dead", "never"]
"""What of the records' fates makes a replay fail."""
FAIL_ON: Final[tuple[FailOn, ...]] = get_args(FailOn)


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


def exit_of(outcome: ReplayResult) -> Exit:
    """Return the exit code of a one-shot run."""
    waits = outcome.counts.pending or outcome.waiting or outcome.unread
    if waits or outcome.newer or outcome.unreadable or outcome.trouble:
        return Exit.OPERATOR_NEEDED if outcome.needs_operator else Exit.PENDING
    return Exit.DEAD_OR_DAMAGED if outcome.has_losses else Exit.DELIVERED


def softened(code: Exit, outcome: ReplayResult, fail_on: FailOn) -> Exit:
    """Return what ``--fail-on`` makes of a one-shot run's exit code.

    A ledger that can't be written is no fate of a record: that fails always.
    """
    if fail_on == "pending" or outcome.trouble:
        return code
    return Exit.DEAD_OR_DAMAGED if fail_on == "dead" and outcome.has_losses else Exit.DELIVERED
