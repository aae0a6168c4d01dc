"""Reads one line of a file, whatever it holds: the boundary around a line."""

from tcc_schemas.lines import Damage, Line, decode
from tcc_schemas.plain import Invalid, plain_record
from tcc_schemas.splitter import RawLine
from tcc_uploader.boundary import unexpected


def read_line(raw: RawLine, file: str, *, plain: bool) -> Line | Invalid | Damage | None:
    """Return what a line holds; ``file`` is its path, for messages.  None for a blank line of a ``plain`` file."""
    try:
        return plain_record(raw) if plain else decode(raw)
    except BaseException as error:  # noqa: BLE001 -- the boundary
        return unexpected_line(raw, file, error)


def unexpected_line(raw: RawLine, file: str, error: BaseException) -> Damage:
    """Return a line that can't be read for a reason that nobody foresaw.  Raises what ends the process."""
    reason = unexpected(error, file, f"line {raw.number}")
    return Damage(raw.number, raw.offset, raw.size, reason, raw.data or b"")
