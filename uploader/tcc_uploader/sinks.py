"""How this process shows people what servers, records and file names say.

Each of the places where people look passes everything through here: the terminal (``cli.terminal``), the log
(:class:`ShownFormatter`), ``status.json``, a letter's answer and detail, and the summary page (``cli.markdown``).  So
no text needs to be marked as foreign on its way.
"""

import logging
from collections.abc import Iterable
from typing import Final

from tcc_schemas.display import visible, without_keys

MAX_LINE: Final = 4096
"""Characters of one line that are shown: nobody reads more, and a hostile artifact can cause any number."""
MAX_ALIKE: Final = 100
"""Log lines of one kind in a minute."""
_held: Final[set[str]] = set()


def hold_keys(keys: Iterable[str]) -> None:
    """Remember API keys: from now on they are taken out of everything that is shown."""
    _held.update(keys)


def shown(text: str, most: int = MAX_LINE) -> str:
    """Return a text as people may see it: visible, without any held key, each line of at most ``most`` characters."""
    lines = visible(without_keys(text, _held)).split("\n")
    return "\n".join(line if len(line) <= most else f"{line[:most]}… ({len(line):,} characters)" for line in lines)


def plural(number: int, word: str) -> str:
    """Return ``1 record``, ``2 records``."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def without_held_keys(text: str) -> str:
    """Return a text for a machine, without any held key."""
    return without_keys(text, _held)


class Sparing(logging.Filter):
    """Lets only :data:`MAX_ALIKE` log lines of one kind pass in a minute: input from elsewhere can cause any number."""

    def __init__(self) -> None:
        super().__init__()
        self._passed: dict[tuple[str, int], tuple[int, int]] = {}
        """By the place in the code that logs: the minute of its last line, and how many lines passed in that minute."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a line is logged; the last of a minute says that it is the last."""
        place, minute = (record.pathname, record.lineno), int(record.created // 60)
        before, passed = self._passed.get(place, (minute, 0))
        passed = passed + 1 if before == minute else 1
        self._passed[place] = minute, passed
        if passed == MAX_ALIKE:
            record.msg = f"{record.getMessage()} (more like this may follow: they are not logged in this minute)"
            record.args = None
        return passed <= MAX_ALIKE


class ShownFormatter(logging.Formatter):
    """Formats a log record for people."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's text."""
        return shown(super().format(record))
