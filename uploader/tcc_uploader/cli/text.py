"""Words and lines that several commands print."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from tcc_uploader.delivery.result import DestinationReport, ReplayResult
from tcc_uploader.model.selection import Choice, Selection

T = TypeVar("T")
MAX_LIST: Final = 20
"""Lines of one list that a person would still read: a hostile archive can cause any number of them."""


def plural(number: int, word: str) -> str:
    """Return ``1 record``, ``2 records``."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def told(*texts: str | tuple[object, str]) -> list[str]:
    """Return the texts; one that stands behind a reason, a count for instance, only if that is not empty or zero."""
    pairs = (text if isinstance(text, tuple) else (True, text) for text in texts)
    return [text for reason, text in pairs if reason]


def capped(items: Iterable[T], shown: Callable[[T], str]) -> Iterator[str]:
    """Yield the first lines of a list, and how many more there are."""
    items = list(items)
    yield from map(shown, items[:MAX_LIST])
    yield from told((len(items) > MAX_LIST, f"and {len(items) - MAX_LIST:,} more"))


def result_hints(result: ReplayResult, state: Path) -> list[str]:
    """Return what a person should know or do after a one-shot run."""
    unended = (
        f"{plural(result.unended, 'journaled run')} without an end: still running, as far as is known here; "
        "if not, --assume-dead recovers what there is"
    )
    read = f"{result.bytes_read:,} of {result.bytes_seen:,} bytes read, of the files found so far"
    files = f"{plural(len(result.unread_files), 'file')} not read to the end"
    interrupted = ", ".join(told(f"interrupted: {read}", (result.unread_files, files)))
    return [
        *(line for report in result.paused for line in destination_lines(report)),
        *(report.refusal_line for report in result.partly_refused if report not in result.paused),
        *unreadable_lines(result.unreadable),
        *capped(result.problems, str),
        *told((result.interrupted, f"{interrupted}; run it again, and it goes on")),
        *capped(result.unread_files, lambda file: f"not read to the end: {file}"),
        *told(
            (result.unended, unended),
            (result.counts.dead, "dead letters: `tcc-upload dead list` says why"),
            (result.trouble, f"the ledger in {state} can't be written: {result.trouble}"),
        ),
    ]


def asked_by(selection: Selection) -> list[tuple[str, str]]:
    """Return the options, each with its value, by which a selection can be asked for."""
    return [
        *(("--status", name) for name in selection.statuses),
        *(("--session", ident) for ident in selection.sessions),
        *(("--since", f"{moment:%Y-%m-%dT%H:%MZ}") for moment in [selection.since] if moment),
        *(("--until", f"{moment:%Y-%m-%dT%H:%MZ}") for moment in [selection.until] if moment),
        *(("-n", str(limit)) for limit in [selection.limit] if limit),
    ]


def left_out_lines(choice: Choice, what_becomes: str) -> list[str]:
    """Return what was left out because a command was to take only some runs, and ``what_becomes`` of that."""
    by = ", ".join(dict(asked_by(choice.selection)))
    records = f"{plural(choice.records_left_out, 'record')} of {plural(choice.runs_left_out, 'run')}"
    return told(
        (choice.records_left_out, f"{records} left out by {by}: they {what_becomes}"),
        (choice.is_empty, f"nothing here is chosen by {by}"),
    )


def passed_over_lines(texts: Iterable[str]) -> Iterator[str]:
    """Return what lies in the spools and is not read there."""
    return capped(texts, lambda text: f"passed over in {text}")


def unreadable_lines(unreadable: Mapping[Any, str]) -> list[str]:
    """Return which files can't be read, and why."""
    return [f"can't read {path}: {why}" for path, why in unreadable.items()]


def destination_lines(destination: DestinationReport) -> list[str]:
    """Return the state of a destination; if it is paused, why, and what to do."""
    key = f"key {destination.key}" if destination.key else "no key"
    paused = destination.state == "paused"
    probe = f"; next probe {moment(destination.next_probe)}" if destination.next_probe else ""
    return told(
        f"to          {destination.url} ({key}): {destination.state}, {destination.waiting:,} waiting",
        (paused, f"            {destination.reason}; since {moment(destination.since)}{probe}"),
        (paused, f"            do: {destination.remedy or 'nothing, it is tried again'}"),
        (destination.reason and not paused, f"            {destination.reason}"),
        (destination.partly_refused, f"            {destination.refusal_line}"),
    )


def moment(seconds: float | None) -> str:
    """Return a time (wall-clock seconds since 1970) in the local time zone."""
    return "never" if seconds is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
