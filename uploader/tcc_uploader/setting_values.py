"""What the text of a setting means.  Pure; each function raises :class:`SettingsError` for what can't be used."""

import re
from collections.abc import Iterable
from contextlib import suppress
from math import inf
from pathlib import Path
from typing import Final

from tcc_schemas.endpoints import PATHS, can_be_path

from .clock import seconds_in
from .files import bytes_in
from .settings_file import MAX_IN_FLIGHT, SettingsError

KEEP_FOR: Final = 24 * 3600.0
"""Seconds for which a daemon keeps delivered segments by default."""
_LEAST_RATE: Final = 1024
"""Bytes per second: with less, the heads of requests alone would take minutes."""


def key_hints(given: Iterable[str]) -> frozenset[str]:
    """Return key hints.  Raises :class:`SettingsError` for what can be none."""
    hints = frozenset(given)
    if wrong := [hint for hint in hints if not re.fullmatch("[0-9a-f]{8}", hint)]:
        raise SettingsError(f"--adopt {wrong[0]!r} is no key hint: 8 hex digits, as `tcc-upload status` shows them")
    return hints


def number_in_flight(argument: int | None, named: str) -> int:
    """Return the largest number of requests in flight: the argument, else the number that is named."""
    number = argument or 0
    with suppress(ValueError):
        number = int(named) if argument is None else argument
    if not 1 <= number <= MAX_IN_FLIGHT:
        given = named if argument is None else argument
        raise SettingsError(f"--in-flight (TCC_IN_FLIGHT) must be a number from 1 to {MAX_IN_FLIGHT}, not {given}")
    return number


def bytes_per_second(text: str | None) -> int | None:
    """Return bytes per second.  Raises :class:`SettingsError`."""
    if text is None:
        return None
    rate = 0
    with suppress(ValueError):
        rate = bytes_in(text)
    if rate < _LEAST_RATE:
        raise SettingsError(
            f"--limit-rate (TCC_LIMIT_RATE) must be bytes per second, at least 1k, like 64k or 2M, not {text!r}"
        )
    return rate


def seconds_kept(after: str | None) -> float:
    """Return for how many seconds delivered segments stay.  Raises :class:`SettingsError`."""
    if after is None:
        return KEEP_FOR
    if after in ("delete", "keep"):
        return 0.0 if after == "delete" else inf
    if after.startswith("keep "):
        with suppress(ValueError):
            return seconds_in(after.removeprefix("keep "))
    advice = "'delete', 'keep', or 'keep' with a number of minutes, hours, days or weeks, as 'keep 24h' (m, h, d, w)"
    raise SettingsError(f"--after {after!r} must be {advice}")


def address_of(text: str | None) -> tuple[str, int] | None:
    """Return a host and a port; the host is loopback if only a port is named.  Raises :class:`SettingsError`."""
    if text is None:
        return None
    host, _, port = text.rpartition(":")
    if not (port.isascii() and port.isdecimal() and int(port) < 2**16) or host == "[]":
        raise SettingsError(
            f"metrics {text!r} must be HOST:PORT, like 127.0.0.1:9464, or a port of loopback, like 9464"
        )
    return host.removeprefix("[").removesuffix("]") or "127.0.0.1", int(port)


def address_text(address: tuple[str, int]) -> str:
    """Return a host and a port as :func:`address_of` reads them."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def textfile_of(named: Path | str | None) -> Path | None:
    """Return the file for metrics.  Raises :class:`SettingsError` if nobody would read one of this name."""
    if named is None or Path(named).suffix == ".prom":
        return None if named is None else Path(named)
    raise SettingsError(f"the file for metrics, {named}, must end in .prom: node_exporter reads no other")


def paths_allowed(names: Iterable[str]) -> frozenset[str]:
    """Return the paths to which records may be sent: the known ones, and ``/v1/NAME`` for each name."""
    paths = [f"/v1/{name.removeprefix('/v1/')}" for name in names]
    for path in paths:
        if not can_be_path(path):
            raise SettingsError(f"{path} can't be allowed: a path's name has 1 to 64 of a-z, 0-9 and -")
    return PATHS.union(paths)
