"""Reports as text for people, and as JSON for machines."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import orjson

from tcc_uploader.delivery.queue import DestinationReport
from tcc_uploader.delivery.result import ReplayResult
from tcc_uploader.inspect.doctor import Finding
from tcc_uploader.inspect.status import StatusReport
from tcc_uploader.inspect.survey import Survey
from tcc_uploader.inspect.verify import Verification
from tcc_uploader.model.fate import Counts
from tcc_uploader.model.letter import Letter

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
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


def result_line(result: ReplayResult) -> str:
    """Return what a one-shot run did, in one line."""
    before = result.counts.delivered - result.sent.delivered
    known = f" ({before:,} of them before)" if before else ""
    return _counts_line(
        result.counts, f"delivered{known}", "pending", result.damage, result.newer, len(result.unreadable)
    )


def survey_line(found: Survey) -> str:
    """Return what a dry run found, in one line."""
    return _counts_line(
        found.counts, "delivered before", "would be sent", found.damage, len(found.newer), len(found.unreadable)
    )


def result_json(result: ReplayResult) -> dict[str, object]:
    """Return what a one-shot run did, for machines."""
    return {
        **_counts_json(result.counts),
        "delivered_now": result.sent.delivered,
        "dead_now": result.sent.dead,
        "waiting": result.waiting,
        "unread": result.unread,
        "damage": result.damage,
        "newer_files": result.newer,
        "unreadable": result.unreadable,
        "archives": result.problems,
        "unended": result.unended,
        "timed_out": result.timed_out,
        "needs_operator": result.needs_operator,
        "trouble": result.trouble,
        "paused": [report.model_dump() for report in result.paused],
    }


def survey_json(found: Survey, unheld: dict[str, int]) -> dict[str, object]:
    """Return what a dry run found, for machines; ``unheld`` are pending records by the hint of a key not held."""
    counts = _counts_json(found.counts)
    return {**counts, "damage": found.damage, "archives": found.problems, "dry_run": True, "keys_not_held": unheld}


def result_hints(result: ReplayResult, state: Path) -> Iterator[str]:
    """Yield what a person should know or do after a one-shot run."""
    for report in result.paused:
        yield from _destination_lines(report)
    yield from unreadable_lines(result.unreadable)
    yield from _archive_lines(result.problems)
    if result.unended:
        yield (
            f"{plural(result.unended, 'journaled run')} without an end: still running, as far as is known here; "
            "if not, --assume-dead recovers what there is"
        )
    if result.counts.dead:
        yield "dead letters: `tcc-upload dead list` says why"
    if result.trouble:
        yield f"the ledger in {state} can't be written: {result.trouble}"


def survey_hints(found: Survey, unheld: dict[str, int]) -> Iterator[str]:
    """Yield what a person should know after a dry run."""
    for hint, number in unheld.items():
        yield f"{number:,} of them would wait: no key with the hint {hint} is held"
    yield from unreadable_lines(found.unreadable)
    yield from _archive_lines(found.problems)


def unreadable_lines(unreadable: Mapping[Any, str]) -> Iterator[str]:
    """Yield which files can't be read, and why."""
    for path, why in unreadable.items():
        yield f"can't read {path}: {why}"


def letter_line(letter: Letter) -> str:
    """Return in one line why a record became a dead letter."""
    detail = " ".join(letter.detail.split())[:120]
    what = f"{letter.kind} {letter.record_id}" if letter.kind else "no record"
    return f"{letter.id}  {letter.died_at}  {letter.reason}: {detail}  ({what}, {letter.segment}:{letter.line})"


def letter_lines(letter: Letter) -> Iterator[str]:
    """Yield everything that is known of a letter."""
    yield f"letter   {letter.id}, died {letter.died_at}"
    yield f"reason   {letter.reason}: {letter.detail}"
    of_run = "" if letter.kind == "run" else f" of run {letter.run_id}"
    yield f"record   {letter.kind} {letter.record_id}{of_run}" if letter.kind else "record   none"
    yield f"origin   segment {letter.segment}, line {letter.line}: {letter.source}"
    if letter.url:
        yield f"sent to  {letter.url}"
    if letter.status:
        yield f"answer   HTTP {letter.status}: {letter.answer}"
    yield f"bytes    {letter.body_bytes.decode(errors='backslashreplace')}"
    yield ""


def finding_lines(finding: Finding) -> Iterator[str]:
    """Yield a finding of the doctor, and its remedy."""
    yield f"{finding.level:<4}  {finding.subject}: {finding.text}"
    if finding.remedy:
        yield f"      do: {finding.remedy}"


def verification_lines(report: Verification) -> Iterator[str]:
    """Yield each finding of ``verify``, then the counts."""
    for check in report.segments:
        for text in check.broken:
            yield f"BROKEN   {check.path}: {text}"
        for text in check.damage:
            yield f"damage   {check.path}: {text}"
    for path, why in report.unreadable.items():
        yield f"damage   {path} can't be read: {why}"
    for text in _archive_lines(report.archives):
        yield f"damage   {text}"
    for path in report.newer:
        yield f"newer    {path}: upgrade tcc-upload"
    total = report.totals
    fates = ("delivered", "pending", "dead", "duplicate", "dropped")
    yield f"{total['records']:,} records = " + " + ".join(f"{total[fate]:,} {fate}" for fate in fates)
    if total["recovered"]:
        yield f"{total['recovered']:,} of them were recovered from processes that died"
    if total["refused"]:
        yield f"{total['refused']:,} more were refused by recorders: no room"
    if total["skipped"]:
        yield f"{plural(total['skipped'], 'line')} of a kind that only a newer version knows"
    sealed = sum(check.sealed for check in report.segments)
    word = "does NOT add up" if report.broken else "adds up"
    yield f"{plural(len(report.segments), 'segment')}, {sealed:,} of them sealed: it {word}"


def status_lines(report: StatusReport) -> Iterator[str]:
    """Yield the lines of ``tcc-upload status``."""
    running = f"running, pid {report.running_pid}" if report.running_pid else "not running"
    yield f"uploader    {running}; watcher: {report.watcher}"
    yield f"state       {report.state_dir}"
    for spool, word in report.spools.items():
        yield f"spool       {spool}: {word}"
    for path, why in report.unreadable.items():
        yield f"unreadable  {path}: {why}"
    for path in report.newer_files:
        yield f"newer       {path}: written by a newer recorder; upgrade tcc-upload"
    fates = {fate: number for fate, number in report.counts.items() if fate not in ("records", "recovered")}
    yield "records     " + ", ".join(f"{number:,} {fate}" for fate, number in fates.items())
    if report.counts["recovered"]:
        yield f"            {report.counts['recovered']:,} of them recovered from processes that died"
    if report.oldest_pending:
        yield f"            oldest pending: {report.oldest_pending}"
    if report.not_in_sight:
        yield f"            {report.not_in_sight:,} more were pending in files that are not here now"
    if report.damage:
        yield f"damage      {plural(report.damage, 'place')}: torn tails, corrupt lines, seals that do not match"
    if report.trouble:
        yield f"trouble     {report.trouble}"
    yield f"last sent   {_moment(report.last_success)}"
    for destination in report.destinations:
        yield from _destination_lines(destination)


def _counts_json(counts: Counts) -> dict[str, object]:
    return asdict(counts) | {"pending": counts.pending}


def _counts_line(counts: Counts, delivered: str, pending: str, damage: int, newer: int, unreadable: int) -> str:
    """Return all counts; ``delivered`` and ``pending`` are the words for these two."""
    parts = [
        f"{counts.delivered:,} {delivered}",
        f"{counts.duplicate:,} duplicate",
        f"{counts.dead:,} dead",
        f"{counts.pending:,} {pending}",
        f"{counts.dropped:,} dropped" if counts.dropped else "",
        f"{counts.recovered:,} of them recovered" if counts.recovered else "",
        f"{plural(damage, 'place')} damaged" if damage else "",
        f"{plural(newer, 'file')} of a newer version (upgrade tcc-upload)" if newer else "",
        f"{plural(unreadable, 'file')} unreadable" if unreadable else "",
    ]
    return f"{plural(counts.records, 'record')}: {', '.join(part for part in parts if part)}"


def _destination_lines(destination: DestinationReport) -> Iterator[str]:
    key = f"key {destination.key}" if destination.key else "no key"
    yield f"to          {destination.url} ({key}): {destination.state}, {destination.waiting:,} waiting"
    if destination.state == "paused":
        probe = f"; next probe {_moment(destination.next_probe)}" if destination.next_probe else ""
        yield f"            {destination.reason}; since {_moment(destination.since)}{probe}"
        yield f"            do: {destination.remedy or 'nothing, it is tried again'}"
    elif destination.reason:
        yield f"            {destination.reason}"


def _archive_lines(wrong: list[str]) -> Iterator[str]:
    yield from wrong[:MAX_LIST]
    if len(wrong) > MAX_LIST:
        yield f"and {len(wrong) - MAX_LIST:,} more"


def _moment(seconds: float | None) -> str:
    return "never" if seconds is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
