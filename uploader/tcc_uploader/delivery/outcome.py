"""Puts together what a one-shot run did."""

from tcc_uploader.files import file_name

from .backlog import Backlog
from .committer import Committer
from .intake import Intake
from .result import ReplayResult


def result_of(
    intake: Intake, backlog: Backlog, committer: Committer, *, timed_out: bool, interrupted: bool
) -> ReplayResult:
    """Return the result of a run that has ended."""
    queues, settlement = backlog.queues.values(), backlog.settlement
    return ReplayResult(
        counts=intake.counts - settlement.uncommitted_counts,
        sent=settlement.total,
        letters_apart=settlement.letters_apart,
        uncommitted=settlement.uncommitted_total.delivered,
        damage=intake.damage,
        newer=intake.newer,
        unreadable={file_name(path): why for path, why in intake.unreadable.items()},
        problems=intake.sources.problems,
        unread_files=[f"{file_name(path)}{why and f': {why}'}" for path, why in intake.unread.items()],
        unended=intake.unended,
        left_out=intake.sources.choice.records_left_out,
        runs_left_out=intake.sources.choice.runs_left_out,
        nothing_chosen=intake.sources.choice.is_empty,
        waiting=backlog.waiting,
        hints=sorted(backlog.router.hints),
        paused=[backlog.report(queue) for queue in queues if queue.holds_any],
        partly_refused=[backlog.report(queue) for queue in queues if queue.partly_refused],
        timed_out=timed_out,
        interrupted=interrupted,
        bytes_read=intake.bytes_read,
        bytes_seen=intake.bytes_seen,
        trouble=committer.trouble,
    )
