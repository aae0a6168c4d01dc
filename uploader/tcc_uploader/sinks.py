"""How this process shows people what servers, records and file names say.

Each of the places where people look passes everything through here: the terminal (``cli.terminal``), the log
(:class:`ShownFormatter`), ``status.json``, a letter's answer and detail, and the summary page (``cli.markdown``).  So
no text needs to be marked as foreign on its way.
"""

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

import orjson

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


def shown_line(text: str) -> str:
    """Return what is one line as people may see it: a name with a newline in it must not look like two lines."""
    return shown(text.replace("\n", "⟨000a⟩"))


def plural(number: int, word: str) -> str:
    """Return ``1 record``, ``2 records``."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def without_held_keys(text: str) -> str:
    """Return a text for a machine, without any held key."""
    return without_keys(text, _held)


def iso_time(wall: float) -> str:
    """Return a time, in seconds since 1970, in ISO 8601 with the local zone."""
    return datetime.fromtimestamp(wall).astimezone().isoformat(timespec="milliseconds")


class Sparing(logging.Filter):
    """Lets only :data:`MAX_ALIKE` log lines of one kind pass in a minute: input from elsewhere can cause any number."""

    def __init__(self) -> None:
        super().__init__()
        self._passed: dict[tuple[str, int], tuple[int, int]] = {}
        """By the place in the code that logs: the minute of its last line, and how many lines passed in that minute."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a line is logged; the last of a minute says that it is the last.  Who asks for all gets all."""
        if record.levelno <= logging.DEBUG:
            return True
        place, minute = (record.pathname, record.lineno), int(record.created // 60)
        before, passed = self._passed.get(place, (minute, 0))
        passed = passed + 1 if before == minute else 1
        self._passed[place] = minute, passed
        if passed == MAX_ALIKE:
            record.msg = f"{record.msg} (more like this may follow: they are not logged in this minute)"
        return passed <= MAX_ALIKE


def _action(record: logging.LogRecord) -> str:
    """Return what a log record is about: our own name it beside the fields of their message."""
    return str(record.args.get("action", record.name)) if isinstance(record.args, Mapping) else record.name


class ShownFormatter(logging.Formatter):
    """Formats a log record for people: when, how grave, the action, and a sentence."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(action)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's text."""
        record.action = _action(record)
        return shown(super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 -- logging's
        """Return its first line; only a traceback has more."""
        record.message = record.message.replace("\n", "⟨000a⟩")
        return super().formatMessage(record)

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002, N802 -- logging's
        """Return when it was logged, in ISO 8601 with the zone."""
        return iso_time(record.created)


class JsonFormatter(ShownFormatter):
    """Formats a log record for machines: one JSON object, with the fields of the message as members of their own."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the object on one line."""
        told = {
            "time": self.formatTime(record),
            "level": record.levelname.lower(),
            "action": _action(record),
            "message": record.getMessage(),
            **(record.args if isinstance(record.args, Mapping) else {}),
        }
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return orjson.dumps({name: _member(value) for name, value in told.items()}).decode()


def _member(value: object) -> object:
    """Return a value that JSON has, its texts fit to be shown."""
    if isinstance(value, list | tuple):
        return [_member(each) for each in value]
    return value if value is None or isinstance(value, bool | int | float) else shown(str(value))
