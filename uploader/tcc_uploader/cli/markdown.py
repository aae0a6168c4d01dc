"""A replay's outcome as Markdown, for a CI job's summary page.  Pure.

File names, URLs and key hints come from whoever wrote the spool: in CI, from anybody.  They are shown as code in which
every character but letters, digits and spaces is an entity, so that none is markup, a link or a mention.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Final

from tcc_uploader.delivery.queue import DestinationReport
from tcc_uploader.delivery.result import ReplayResult

from .text import plural

_MOST_LINES: Final = 20
"""Lines of one list: what a person would still read, whatever an archive has to tell."""
_MOST_CHARACTERS: Final = 200
_HEAD: Final = """
| records | delivered | of them now | duplicate | dead | pending | dropped |
|--:|--:|--:|--:|--:|--:|--:|
"""


def summary(outcome: ReplayResult, letters: Mapping[str, int]) -> str:
    """Return the summary, less than 256 KiB of ASCII.

    ``letters`` are the dead letters that the state holds, also those of earlier replays, by their reasons.
    """
    return "\n".join(_sections(outcome, letters)) + "\n"


def _sections(outcome: ReplayResult, letters: Mapping[str, int]) -> Iterator[str]:
    counts = outcome.counts
    settlement = (
        counts.delivered,
        outcome.sent.delivered,
        counts.duplicate,
        counts.dead,
        counts.pending,
        counts.dropped,
    )
    yield "### Replay of recorded runs"
    yield _HEAD + "".join(f"| {number:,} " for number in (counts.records, *settlement)) + "|"
    yield from _list("Records wait", map(_destination, outcome.paused), len(outcome.paused))
    if outcome.timed_out:
        yield "\nGiven up after no progress: run it again."
    if outcome.trouble:
        yield f"\nThe ledger can't be written: {_code(outcome.trouble)}"
    if outcome.newer:
        yield f"\n{plural(outcome.newer, 'file')} of a newer version: upgrade tcc-upload."
    unreadable = (f"{_code(path)}: {_code(why)}" for path, why in outcome.unreadable.items())
    yield from _list("Files that can't be read", unreadable, len(outcome.unreadable))
    if outcome.damage:
        yield f"\n{plural(outcome.damage, 'place')} damaged; what is whole was delivered."
    yield from _list("Archives", map(_code, outcome.problems), len(outcome.problems))
    reasons = sorted(letters.items(), key=lambda item: (-item[1], item[0]))
    lines = (f"{number:,} {_code(reason)}" for reason, number in reasons)
    yield from _list("Dead letters in the state (`tcc-upload dead list` tells more)", lines, len(letters))


def _list(title: str, lines: Iterable[str], number: int) -> Iterator[str]:
    if number:
        yield f"\n**{title}**\n"
        yield from (f"- {line}" for line in islice(lines, _MOST_LINES))
    if number > _MOST_LINES:
        yield f"- and {number - _MOST_LINES:,} more"


def _destination(report: DestinationReport) -> str:
    # what stands behind the colon may be the server's words, in which it may have put anything that it was sent
    reason = report.reason.partition(":")[0] or report.state
    what_to_do = _code(report.remedy) if report.remedy else "nothing, run it again"
    return f"{report.waiting:,} for {_code(report.url)}: {_code(reason)}; do: {what_to_do}"


def _code(text: str) -> str:
    """Return untrusted text as code that is nothing but text: at most 200 characters of it, in one line."""
    cut = text if len(text) <= _MOST_CHARACTERS else text[: _MOST_CHARACTERS - 3] + "..."
    printable = "".join(char if char.isprintable() else " " for char in cut)
    return f"<code>{re.sub('[^A-Za-z0-9 ]', lambda found: f'&#{ord(found[0])};', printable)}</code>"
