"""Reports as text for people, and as JSON for machines."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, TypeVar

import orjson
from pydantic import BaseModel

from tcc_uploader.delivery.queue import DestinationReport
from tcc_uploader.delivery.result import ReplayResult
from tcc_uploader.inspect.doctor import Finding
from tcc_uploader.inspect.status import StatusReport
from tcc_uploader.inspect.survey import Survey
from tcc_uploader.inspect.verify import Verification
from tcc_uploader.model.fate import Counts
from tcc_uploader.model.letter import Letter

T = TypeVar("T")
MAX_LIST: Final = 20
"""Lines of one list that a person would still read: a hostile archive can cause any number of them."""


def plural(number: int, word: str) -> str:
    """Return ``1 record``, ``2 records``."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def size_text(size: int) -> str:
    """Return a number of bytes as people read it."""
    for power, unit in ((3, "GB"), (2, "MB"), (1, "kB")):
        if size >= 1000**power:
            return f"{size / 1000**power:,.1f} {unit}"
    return f"{size:,} bytes"


def json_text(value: object) -> str:
    """Return JSON for machines that people can read too."""
    return orjson.dumps(value, default=BaseModel.model_dump, option=orjson.OPT_INDENT_2).decode()


def told(*texts: str | tuple[object, str]) -> list[str]:
    """Return the texts; one that stands behind a reason, a count for instance, only if that is not empty or zero."""
    pairs = (text if isinstance(text, tuple) else (True, text) for text in texts)
    return [text for reason, text in pairs if reason]


def capped(items: Iterable[T], shown: Callable[[T], str]) -> Iterator[str]:
    """Yield the first lines of a list, and how many more there are."""
    items = list(items)
    yield from map(shown, items[:MAX_LIST])
    yield from told((len(items) > MAX_LIST, f"and {len(items) - MAX_LIST:,} more"))


def result_line(result: ReplayResult) -> str:
    """Return what a one-shot run did, in one line."""
    before = result.counts.delivered - result.sent.delivered
    known = f" ({before:,} of them before)" if before else ""
    unreadable = len(result.unreadable)
    return _counts_line(result.counts, f"delivered{known}", "pending", result.damage, result.newer, unreadable)


def survey_line(found: Survey) -> str:
    """Return what a dry run found, in one line."""
    newer, unreadable = len(found.newer), len(found.unreadable)
    return _counts_line(found.counts, "delivered before", "would be sent", found.damage, newer, unreadable)


def result_json(result: ReplayResult) -> dict[str, object]:
    """Return what a one-shot run did, for machines."""
    members = asdict(result)
    for counts in ("counts", "sent"):
        del members[counts]
    return {
        **_counts_json(result.counts),
        "delivered_now": result.sent.delivered,
        "dead_now": result.sent.dead,
        "newer_files": members.pop("newer"),
        "archives": members.pop("problems"),
        "needs_operator": result.needs_operator,
        **members,
    }


def survey_json(found: Survey, unheld: dict[str, int]) -> dict[str, object]:
    """Return what a dry run found, for machines; ``unheld`` are pending records by the hint of a key not held."""
    counts = _counts_json(found.counts)
    return {**counts, "damage": found.damage, "archives": found.archives, "dry_run": True, "keys_not_held": unheld}


def result_hints(result: ReplayResult, state: Path) -> list[str]:
    """Return what a person should know or do after a one-shot run."""
    unended = (
        f"{plural(result.unended, 'journaled run')} without an end: still running, as far as is known here; "
        "if not, --assume-dead recovers what there is"
    )
    return [
        *(line for report in result.paused for line in _destination_lines(report)),
        *unreadable_lines(result.unreadable),
        *capped(result.problems, str),
        *told(
            (result.unended, unended),
            (result.counts.dead, "dead letters: `tcc-upload dead list` says why"),
            (result.trouble, f"the ledger in {state} can't be written: {result.trouble}"),
        ),
    ]


def survey_hints(found: Survey, unheld: dict[str, int]) -> list[str]:
    """Return what a person should know after a dry run."""
    keys = [f"{number:,} of them would wait: no key with the hint {hint} is held" for hint, number in unheld.items()]
    return [*keys, *unreadable_lines(found.unreadable), *capped(found.archives, str)]


def unreadable_lines(unreadable: Mapping[Any, str]) -> list[str]:
    """Return which files can't be read, and why."""
    return [f"can't read {path}: {why}" for path, why in unreadable.items()]


def letter_line(letter: Letter) -> str:
    """Return in one line why a record became a dead letter."""
    detail = " ".join(letter.detail.split())[:120]
    what = f"{letter.kind} {letter.record_id}" if letter.kind else "no record"
    return f"{letter.id}  {letter.died_at}  {letter.reason}: {detail}  ({what}, {letter.segment}:{letter.line})"


def letter_text(letter: Letter) -> str:
    """Return everything that is known of a letter."""
    of_run = "" if letter.kind == "run" else f" of run {letter.run_id}"
    return "\n".join(
        [
            f"letter   {letter.id}, died {letter.died_at}",
            f"reason   {letter.reason}: {letter.detail}",
            f"record   {letter.kind} {letter.record_id}{of_run}" if letter.kind else "record   none",
            f"origin   segment {letter.segment}, line {letter.line}: {letter.source}",
            *told(
                (letter.url, f"sent to  {letter.url}"),
                (letter.status, f"answer   HTTP {letter.status}: {letter.answer}"),
            ),
            f"bytes    {letter.body_bytes.decode(errors='backslashreplace')}\n",
        ]
    )


def finding_text(finding: Finding) -> str:
    """Return a finding of the doctor, and its remedy."""
    text = f"{finding.level:<4}  {finding.subject}: {finding.text}"
    return f"{text}\n      do: {finding.remedy}" if finding.remedy else text


def verification_text(report: Verification) -> str:
    """Return each finding of ``verify``, then the counts."""
    lines = []
    for check in report.segments:
        lines += [f"BROKEN   {check.path}: {text}" for text in check.broken]
        lines += [f"damage   {check.path}: {text}" for text in check.damage]
    lines += [f"damage   {path} can't be read: {why}" for path, why in report.unreadable.items()]
    lines += [f"damage   {text}" for text in capped(report.archives, str)]
    lines += [f"newer    {path}: upgrade tcc-upload" for path in report.newer]
    total = report.totals
    fates = (f"{total[fate]:,} {fate}" for fate in ("delivered", "pending", "dead", "duplicate", "dropped"))
    sealed = sum(check.sealed for check in report.segments)
    word = "does NOT add up" if report.broken else "adds up"
    lines += told(
        f"{total['records']:,} records = {' + '.join(fates)}",
        (total["recovered"], f"{total['recovered']:,} of them were recovered from processes that died"),
        (total["refused"], f"{total['refused']:,} more were refused by recorders: no room"),
        (total["skipped"], f"{plural(total['skipped'], 'line')} of a kind that only a newer version knows"),
        f"{plural(len(report.segments), 'segment')}, {sealed:,} of them sealed: it {word}",
    )
    return "\n".join(lines)


def status_text(report: StatusReport) -> str:
    """Return the lines of ``tcc-upload status``."""
    running = f"running, pid {report.running_pid}" if report.running_pid else "not running"
    fates = (f"{number:,} {fate}" for fate, number in report.counts.items() if fate not in ("records", "recovered"))
    recovered, damage = report.counts["recovered"], plural(report.damage, "place")
    lines = told(
        f"uploader    {running}; watcher: {report.watcher}",
        f"state       {report.state_dir}",
        *(f"spool       {spool}: {word}" for spool, word in report.spools.items()),
        *(f"unreadable  {path}: {why}" for path, why in report.unreadable.items()),
        *(f"newer       {path}: written by a newer recorder; upgrade tcc-upload" for path in report.newer_files),
        f"records     {', '.join(fates)}",
        (recovered, f"            {recovered:,} of them recovered from processes that died"),
        (report.oldest_pending, f"            oldest pending: {report.oldest_pending}"),
        (report.not_in_sight, f"            {report.not_in_sight:,} more were pending in files that are not here now"),
        (report.damage, f"damage      {damage}: torn tails, corrupt lines, seals that do not match"),
        (report.trouble, f"trouble     {report.trouble}"),
        f"last sent   {_moment(report.last_success)}",
    )
    return "\n".join([*lines, *(line for report in report.destinations for line in _destination_lines(report))])


def _counts_json(counts: Counts) -> dict[str, object]:
    return asdict(counts) | {"pending": counts.pending}


def _counts_line(counts: Counts, delivered: str, pending: str, damage: int, newer: int, unreadable: int) -> str:
    """Return all counts; ``delivered`` and ``pending`` are the words for these two."""
    parts = told(
        f"{counts.delivered:,} {delivered}",
        f"{counts.duplicate:,} duplicate",
        f"{counts.dead:,} dead",
        f"{counts.pending:,} {pending}",
        (counts.dropped, f"{counts.dropped:,} dropped"),
        (counts.recovered, f"{counts.recovered:,} of them recovered"),
        (damage, f"{plural(damage, 'place')} damaged"),
        (newer, f"{plural(newer, 'file')} of a newer version (upgrade tcc-upload)"),
        (unreadable, f"{plural(unreadable, 'file')} unreadable"),
    )
    return f"{plural(counts.records, 'record')}: {', '.join(parts)}"


def _destination_lines(destination: DestinationReport) -> list[str]:
    key = f"key {destination.key}" if destination.key else "no key"
    paused = destination.state == "paused"
    probe = f"; next probe {_moment(destination.next_probe)}" if destination.next_probe else ""
    return told(
        f"to          {destination.url} ({key}): {destination.state}, {destination.waiting:,} waiting",
        (paused, f"            {destination.reason}; since {_moment(destination.since)}{probe}"),
        (paused, f"            do: {destination.remedy or 'nothing, it is tried again'}"),
        (destination.reason and not paused, f"            {destination.reason}"),
    )


def _moment(seconds: float | None) -> str:
    return "never" if seconds is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
