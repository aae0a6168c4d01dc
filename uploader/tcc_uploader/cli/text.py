"""Words and lines that several commands print."""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from itertools import islice
from typing import Any, Final, TypeVar

from tcc_uploader.delivery.result import DestinationReport, ReplayResult
from tcc_uploader.model.selection import Choice, Selection
from tcc_uploader.model.shortlist import MOST, Shortlist
from tcc_uploader.settings import Settings
from tcc_uploader.sinks import plural

T = TypeVar("T")
_FREES_IT: Final = "make room on its disk, or let this user write there; then run it again"
MAX_LIST: Final = 20
"""Lines of one list that a person would still read: a hostile archive can cause any number of them."""


def told(*texts: str | tuple[object, str]) -> list[str]:
    """Return the texts; one that stands behind a reason, a count for instance, only if that is not empty or zero."""
    pairs = (text if isinstance(text, tuple) else (True, text) for text in texts)
    return [text for reason, text in pairs if reason]


def capped(items: Iterable[T], shown: Callable[[T], str | list[str]], most: int = MAX_LIST) -> Iterator[str]:
    """Yield the lines (one or a list) of the first ``most`` items of a list, and how many more there are."""
    items = items if isinstance(items, Shortlist) else Shortlist(items)
    for lines in map(shown, items[:most]):
        yield from [lines] if isinstance(lines, str) else lines
    yield from told((items.number > most, f"and {items.number - most:,} more"))


def shortened(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return a report as JSON shows it: a list, a mapping or a text in it ends after :data:`MOST` items or characters.

    The member ``left_off`` beside such a list or mapping says how many items are missing.
    """
    left_off = {}
    found: dict[str, Any] = {}
    for name, value in report.items():
        if isinstance(value, list | dict):
            missing = (value.number if isinstance(value, Shortlist) else len(value)) - min(len(value), MOST)
            if missing:
                left_off[name] = missing
        found[name] = _shortened(value)
    return found | ({"left_off": left_off} if left_off else {})


def _shortened(value: Any) -> Any:
    match value:
        case str() if len(value) > MOST:
            return f"{value[:MOST]}… ({len(value):,} characters)"
        case list():
            return [_shortened(item) for item in value[:MOST]]
        case dict():
            return shortened(dict(islice(value.items(), MOST)))
        case _:
            members = fields(value) if is_dataclass(value) else ()
            return shortened({each.name: getattr(value, each.name) for each in members}) if members else value


def result_hints(result: ReplayResult, settings: Settings) -> list[str]:
    """Return what a person should know or do after a one-shot run."""
    unended = (
        f"{plural(result.unended, 'journaled run')} without an end: still running, as far as is known here; "
        "if not, --assume-dead recovers what there is"
    )
    read = f"{result.bytes_read:,} of {result.bytes_seen:,} bytes read, of the files found so far"
    reached = f"{plural(result.uncommitted, 'record')} reached the server"
    files = f"{plural(len(result.unread_files), 'file')} not read to the end"
    interrupted = ", ".join(told(f"interrupted: {read}", (result.unread_files, files)))
    return [
        *adopt_lines(settings.adopt, result.hints),
        *capped(result.paused, destination_lines),
        *capped((each for each in result.partly_refused if each not in result.paused), lambda each: each.refusal_line),
        *unreadable_lines(result.unreadable),
        *capped(result.problems, str),
        *told((result.interrupted, f"{interrupted}; run it again, and it goes on")),
        *capped(result.unread_files, lambda file: f"not read to the end: {file}"),
        *told(
            (result.unended, unended),
            (result.counts.dead, "dead letters: `tcc-upload dead list` says why"),
            (result.uncommitted, f"{reached}, but could not be noted in the ledger: pending, and sent again"),
            (result.trouble, f"the ledger in {settings.ledger_place} can't be written: {result.trouble}; {_FREES_IT}"),
        ),
    ]


def adopt_lines(adopted: Iterable[str], met: Collection[str]) -> Iterator[str]:
    """Yield which hints of --adopt no pending record has; ``met`` are those that they have, ``""`` for none."""
    theirs = ", ".join(capped(filter(None, sorted(met)), str)) or "no hint at all"
    for hint in sorted(set(adopted).difference(met)) if met else ():
        yield f"--adopt {hint}: no pending record has this key hint; they have {theirs}"


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
    return list(capped(unreadable.items(), lambda pair: f"can't read {pair[0]}: {pair[1]}"))


def apart(blocks: Iterable[list[str]]) -> Iterator[str]:
    """Yield the lines of all blocks, with an empty line between two."""
    for number, block in enumerate(blocks):
        yield from [""] * bool(number)
        yield from block


def destination_lines(destination: DestinationReport) -> list[str]:
    """Return the state of a destination after a one-shot run; if it is paused, why, and what to do."""
    paused = destination.state == "paused"
    return told(
        f"to          {destination.name}: {destination.state}, {destination.waiting:,} waiting",
        (paused, f"            {destination.reason}; since {moment(destination.since)}"),
        (paused, f"            do: {destination.remedy or 'run it again, or start the daemon'}"),
        (destination.reason and not paused, f"            {destination.reason}"),
        (destination.partly_refused, f"            {destination.refusal_line}"),
    )


def destination_json(destination: DestinationReport) -> dict[str, object]:
    """Return the state of a destination for JSON; its times are ISO-8601, in UTC."""
    times = {name: in_utc(getattr(destination, name)) for name in ("since", "next_probe", "last_success")}
    return destination.model_dump() | times


def in_utc(seconds: float | None) -> str | None:
    """Return a time (wall-clock seconds since 1970) as ISO-8601, in UTC."""
    return None if seconds is None else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def size(number: int) -> str:
    """Return a number of bytes as people say it: ``512 bytes``, ``1.5 kB``, ``64.0 MB``; 1 kB is 1,000 bytes."""
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if number >= unit:
            return f"{number / unit:,.1f} {name}"
    return plural(number, "byte")


def moment(seconds: float | None) -> str:
    """Return a time (wall-clock seconds since 1970) in the local time zone, which it names."""
    return "never" if seconds is None else time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(seconds))
