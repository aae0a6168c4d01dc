"""A replay's result as Markdown, for a CI job's summary page.

File names, URLs and key hints come from whoever wrote the spool: in CI, anybody.  They are shown as code in which every
character but letters, digits and spaces is an entity, so that nothing in them is markup, a link or a mention.
"""

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from tcc_uploader.delivery.result import DestinationReport, ReplayResult
from tcc_uploader.sinks import plural, shown

from .text import T, capped, told

_MAX_CHARACTERS: Final = 200
_HEAD: Final = """
| records | delivered | of them now | duplicate | dead | pending | dropped |
|--:|--:|--:|--:|--:|--:|--:|
"""


def summary(result: ReplayResult, letters: Mapping[str, int]) -> str:
    """Return the summary, less than 256 KiB of ASCII.

    ``letters`` are the dead letters that the state holds, also those of earlier replays, by their reasons.
    """
    counts = result.counts
    row = [counts.records, counts.delivered, result.sent.delivered]
    row += [counts.duplicate, counts.dead, counts.pending, counts.dropped]
    reasons = sorted(letters.items(), key=lambda item: (-item[1], item[0]))
    lines = [
        "### Replay of recorded runs",
        _HEAD + "".join(f"| {number:,} " for number in row) + "|",
        *_list("Records wait", result.paused, _destination),
        *told(
            (result.timed_out, "\nGiven up, because there was no progress: run it again."),
            (result.trouble, f"\nThe ledger can't be written: {_code(result.trouble)}"),
            (
                result.uncommitted,
                f"\n{plural(result.uncommitted, 'record')} reached the server, and will be sent again.",
            ),
            *(
                f"\n{plural(it.partly_refused, 'record')} partly refused by {_code(it.url)}."
                for it in result.partly_refused
            ),
            (result.left_out, f"\n{plural(result.left_out, 'record')} left out on purpose: they stay pending."),
            (result.newer, f"\n{plural(result.newer, 'file')} of a newer version: upgrade tcc-upload."),
        ),
        *_list("Files that can't be read", result.unreadable.items(), lambda it: f"{_code(it[0])}: {_code(it[1])}"),
        *told((result.damage, f"\n{plural(result.damage, 'place')} damaged; what is whole was delivered.")),
        *_list("Archives", result.problems, _code),
        *_list(
            "Dead letters in the state (`tcc-upload dead list` shows them)",
            reasons,
            lambda it: f"{it[1]:,} {_code(it[0])}",
        ),
    ]
    return "\n".join(lines) + "\n"


def _list(title: str, items: Iterable[T], shown: Callable[[T], str]) -> list[str]:
    lines = [f"- {line}" for line in capped(items, shown)]
    return [f"\n**{title}**\n", *lines] if lines else []


def _destination(report: DestinationReport) -> str:
    # behind the colon may be the server's own text, which may repeat anything that was sent to it
    reason = report.reason.partition(":")[0] or report.state
    what_to_do = _code(report.remedy) if report.remedy else "nothing, run it again"
    return f"{report.waiting:,} for {_code(report.url)}: {_code(reason)}; do: {what_to_do}"


def _code(text: str) -> str:
    """Return untrusted text as code: one line of at most 200 characters, none of which Markdown or HTML interprets."""
    text = shown(text, most=sys.maxsize)
    cut = text if len(text) <= _MAX_CHARACTERS else text[: _MAX_CHARACTERS - 3] + "..."
    printable = "".join(char if char.isprintable() else " " for char in cut)
    return f"<code>{re.sub('[^A-Za-z0-9 ]', lambda found: f'&#{ord(found[0])};', printable)}</code>"
