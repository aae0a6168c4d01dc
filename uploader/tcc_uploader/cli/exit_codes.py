"""Exit codes, as ``sysexits.h`` numbers them, and which report ends a command with which."""

from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import TYPE_CHECKING, Final, Literal, get_args

if TYPE_CHECKING:  # every command imports this module, and none needs all of these
    from tcc_uploader.bundle.build import Plan
    from tcc_uploader.delivery.result import ReplayResult
    from tcc_uploader.inspect.findings import Finding, Kind
    from tcc_uploader.inspect.survey import Survey
    from tcc_uploader.inspect.verify import Verification
    from tcc_uploader.settings import Settings

FailOn = Literal["pending", "dead", "never"]
"""What ``--fail-on`` lets a replay fail for."""
FAIL_ON: Final[tuple[FailOn, ...]] = get_args(FailOn)


class Exit(IntEnum):
    """The result of a command."""

    DELIVERED = 0
    """Everything is well: what was asked for was done."""
    USAGE = 2
    DEAD_OR_DAMAGED = 65
    """Dead letters, or damage in a spool."""
    NOTHING_FOUND = 66
    """There is nothing of what the command was asked for."""
    NO_DAEMON = 69
    """No uploader is running, and one was expected."""
    BROKEN = 70
    """The counts do not add up: a bug of ours, or a ledger that somebody changed."""
    STATE_HELD = 73
    """Another uploader works on the same state."""
    PENDING = 75
    """Some records wait for a server that did not answer: run it again."""
    OPERATOR_NEEDED = 77
    """A person is needed: a wrong key, URL or certificate, a folder that can't be written, an output that is full."""


def exit_of_replay(result: "ReplayResult", fail_on: FailOn = "pending") -> Exit:
    """Return the exit code of a one-shot run.

    ``fail_on`` says what of the records' results counts.  A ledger that can't be written is no record's result, and
    fails always.  What was left out on purpose does not count as pending.
    """
    if result.interrupted:
        return Exit.PENDING
    pending = (
        result.counts.pending > result.left_out or result.waiting or result.unread or result.newer or result.unreadable
    )
    if result.trouble or (pending and fail_on == "pending"):
        return Exit.OPERATOR_NEEDED if result.needs_operator else Exit.PENDING
    if result.has_losses and fail_on != "never":
        return Exit.DEAD_OR_DAMAGED
    return Exit.NOTHING_FOUND if result.nothing_chosen and fail_on == "pending" else Exit.DELIVERED


def exit_of_dry_run(found: "Survey", settings: "Settings") -> Exit:
    """Return the exit code of a dry run: what the replay would end with if the server accepted everything."""
    if found.blocked(settings) or found.unreadable:
        return Exit.OPERATOR_NEEDED
    if found.newer or found.not_read:
        return Exit.PENDING
    if found.counts.dead or found.damage:
        return Exit.DEAD_OR_DAMAGED
    return Exit.NOTHING_FOUND if found.choice.is_empty else Exit.DELIVERED


def exit_of_verify(report: "Verification") -> Exit:
    """Return the exit code of ``verify``."""
    if report.broken:
        return Exit.BROKEN
    if report.newer or report.not_read:
        return Exit.PENDING
    return Exit.DEAD_OR_DAMAGED if report.damaged else Exit.DELIVERED


EXIT_OF_FINDING: Final[Mapping["Kind", Exit]] = {
    "operator": Exit.OPERATOR_NEEDED,
    "losses": Exit.DEAD_OR_DAMAGED,
    "no_daemon": Exit.NO_DAEMON,
    "late": Exit.PENDING,
}
"""What ``status`` ends with if it found this and nothing graver; the gravest comes first."""


def exit_of_status(found: Iterable["Finding"]) -> Exit:
    """Return the exit code of ``status``: that of its gravest finding."""
    kinds = {each.kind for each in found}
    return next((code for kind, code in EXIT_OF_FINDING.items() if kind in kinds), Exit.DELIVERED)


def exit_of_bundle(made: "Plan", *, missing: bool) -> Exit:
    """Return the exit code of ``bundle``; ``missing``: one of the spools does not exist."""
    if made.unreadable:
        return Exit.PENDING
    if not made.members and (missing or made.choice.is_empty):
        return Exit.NOTHING_FOUND
    return Exit.DEAD_OR_DAMAGED if made.damaged else Exit.DELIVERED
