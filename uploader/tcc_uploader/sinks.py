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
_held: Final[set[str]] = set()


def hold_keys(keys: Iterable[str]) -> None:
    """Remember API keys: from now on they are taken out of everything that is shown."""
    _held.update(keys)


def shown(text: str, most: int = MAX_LINE) -> str:
    """Return a text as people may see it: visible, without any held key, each line of at most ``most`` characters."""
    lines = visible(without_keys(text, _held)).split("\n")
    return "\n".join(line if len(line) <= most else f"{line[:most]}… ({len(line):,} characters)" for line in lines)


def without_held_keys(text: str) -> str:
    """Return a text for a machine, without any held key."""
    return without_keys(text, _held)


class ShownFormatter(logging.Formatter):
    """Formats a log record for people."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's text."""
        return shown(super().format(record))
