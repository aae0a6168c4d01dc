"""How runs are told on the terminal: their parts as short texts, and what was found beside them."""

from datetime import datetime
from pathlib import Path
from typing import Final

from tcc_uploader.inspect.runs.reader import RunReader
from tcc_uploader.inspect.runs.values import Outcome, Run
from tcc_uploader.sinks import plural

from .text import capped, passed_over_lines, told, unreadable_lines

STYLES: Final = {
    Outcome.SUCCESS: ("✓", "green"),
    Outcome.PARTIAL: ("◐", "yellow"),
    Outcome.ERROR: ("✕", "bold red"),
    Outcome.UNENDED: ("…", "cyan"),
    Outcome.MISSING: ("?", "dim"),
    Outcome.UNKNOWN: ("◇", "dim"),
}
"""The glyph and the style of each outcome: told by shape and word, never by colour alone."""
_SECOND: Final = 1000.0
_MINUTE: Final = 60 * _SECOND
_NO_END: Final = "no end was recorded: it still runs, or its process died"


def took(ms: float | None) -> str:
    """Return a time in at most 7 columns: ``561 ms``, ``1.1 s``, ``2m05s``, ``3h07m``."""
    if ms is None:
        return "—"
    if ms < _SECOND:
        return f"{ms:.0f} ms"
    if ms < _MINUTE:
        return f"{ms / _SECOND:.1f} s"
    minutes, seconds = divmod(int(ms / _SECOND), 60)
    return f"{minutes}m{seconds:02}s" if minutes < 60 else f"{minutes // 60}h{minutes % 60:02}m"  # noqa: PLR2004


def amount(number: int) -> str:
    """Return a count in few characters: ``999``, ``1.2k``, ``618k``, ``1.2M``."""
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= size:
            value = number / size
            return f"{value:.0f}{unit}" if value >= 100 else f"{value:.1f}{unit}"  # noqa: PLR2004 -- three digits say enough
    return str(number)


def money(cost: float | None) -> str:
    """Return USD: ``$0.0024``, ``$1.06``; nothing if the cost is not known."""
    if cost is None:
        return ""
    return f"${cost:.4f}" if abs(cost) < 1 else f"${cost:,.2f}"


def local(moment: datetime | None, pattern: str) -> str:
    """Return a time in the local time zone; nothing if there is none."""
    try:
        return "" if moment is None else f"{moment.astimezone():{pattern}}"
    except (ValueError, OverflowError):  # at the ends of the calendar
        return f"{moment:{pattern}}"


def short(ident: str) -> str:
    """Return the end of an id: ids of one moment begin alike."""
    return ident[-8:]


def headline(run: Run) -> str:
    """Return what a run says first: why it failed, else what it was asked."""
    if run.outcome is Outcome.UNENDED:
        return f"{run.title or run.id} ({_NO_END})"
    return message(run) or run.title


def message(run: Run) -> str:
    """Return a run's status message if it did not succeed, also where the recorder had none."""
    if run.outcome is Outcome.UNENDED:
        return _NO_END
    return run.message if run.outcome in (Outcome.ERROR, Outcome.PARTIAL) else ""


def calls(run: Run) -> str:
    """Return how many LLM calls and tool calls a run made."""
    return f"{len(run.steps)}+{len(run.tool_calls)}"


def findings(reader: RunReader) -> list[str]:
    """Return what a reader found beside runs."""
    files = reader.files
    return [
        *passed_over_lines(files.passed_over),
        *unreadable_lines(files.unreadable),
        *capped(files.newer, lambda name: f"{name} is of a newer version: upgrade tcc-upload"),
        *capped(files.archives, str),
        *capped(
            reader.damage, lambda place: f"damage in {Path(place.source).name}, {_where(place.line)}{place.reason}"
        ),
        *told(
            (len(reader.damage) < reader.damaged, f"and {reader.damaged - len(reader.damage):,} more damaged places"),
        ),
        *capped(sorted(reader.twice), lambda ident: f"{ident} was recorded twice: the later record is shown"),
        *capped(
            sorted(reader.unread.items()), lambda found: f"shown as posted: {plural(found[1], 'request')}, {found[0]}"
        ),
        *told(
            (reader.gone, f"{plural(reader.gone, 'file or record')} went before it was read, and was only counted"),
        ),
    ]


def _where(line: int) -> str:
    return f"line {line}: " if line else ""
