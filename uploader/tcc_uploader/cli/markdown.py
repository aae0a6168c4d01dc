"""A replay's result as Markdown, for a CI job's summary page.

File names, URLs and key hints come from whoever wrote the spool: in CI, anybody.  They are shown as code in which every
character but letters, digits and spaces is an entity, so that nothing in them is markup, a link or a mention.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Final

from tcc_uploader.delivery.queue import DestinationReport
from tcc_uploader.delivery.result import ReplayResult

from .text import MAX_LIST, plural

_MAX_CHARACTERS: Final = 200
_HEAD: Final = """
| records | delivered | of them now | duplicate | dead | pending | dropped |
|--:|--:|--:|--:|--:|--:|--:|
"""


def summary(result: ReplayResult, letters: Mapping[str, int]) -> str:
    """Return the summary, less than 256 KiB of ASCII.

    ``letters`` are the dead letters that the state holds, also those of earlier replays, by their reasons.
    """
    return "\n".join(_sections(result, letters)) + "\n"


def _sections(result: ReplayResult, letters: Mapping[str, int]) -> Iterator[str]:
    counts = result.counts
    row = [counts.records, counts.delivered, result.sent.delivered]
    row += [counts.duplicate, counts.dead, counts.pending, counts.dropped]
    yield "### Replay of recorded runs"
    yield _HEAD + "".join(f"| {number:,} " for number in row) + "|"
    yield from _list("Records wait", map(_destination, result.paused), len(result.paused))
    if result.timed_out:
        yield "\nGiven up, because there was no progress: run it again."
    if result.trouble:
        yield f"\nThe ledger can't be written: {_code(result.trouble)}"
    if result.newer:
        yield f"\n{plural(result.newer, 'file')} of a newer version: upgrade tcc-upload."
    unreadable = (f"{_code(path)}: {_code(why)}" for path, why in result.unreadable.items())
    yield from _list("Files that can't be read", unreadable, len(result.unreadable))
    if result.damage:
        yield f"\n{plural(result.damage, 'place')} damaged; what is whole was delivered."
    yield from _list("Archives", map(_code, result.problems), len(result.problems))
    reasons = sorted(letters.items(), key=lambda item: (-item[1], item[0]))
    lines = (f"{number:,} {_code(reason)}" for reason, number in reasons)
    yield from _list("Dead letters in the state (`tcc-upload dead list` shows them)", lines, len(letters))


def _list(title: str, lines: Iterable[str], number: int) -> Iterator[str]:
    if number:
        yield f"\n**{title}**\n"
        yield from (f"- {line}" for line in islice(lines, MAX_LIST))
    if number > MAX_LIST:
        yield f"- and {number - MAX_LIST:,} more"


def _destination(report: DestinationReport) -> str:
    # behind the colon may be the server's own text, which may repeat anything that was sent to it
    reason = report.reason.partition(":")[0] or report.state
    what_to_do = _code(report.remedy) if report.remedy else "nothing, run it again"
    return f"{report.waiting:,} for {_code(report.url)}: {_code(reason)}; do: {what_to_do}"


def _code(text: str) -> str:
    """Return untrusted text as code: one line of at most 200 characters, none of which Markdown or HTML interprets."""
    cut = text if len(text) <= _MAX_CHARACTERS else text[: _MAX_CHARACTERS - 3] + "..."
    printable = "".join(char if char.isprintable() else " " for char in cut)
    return f"<code>{re.sub('[^A-Za-z0-9 ]', lambda found: f'&#{ord(found[0])};', printable)}</code>"
