"""Settings: argument, else environment, else default.  An invalid value in the environment is logged and ignored."""

import os
from collections.abc import Mapping
from functools import lru_cache
from math import inf
from typing import Any, Final, Literal, NamedTuple, get_args

from tcc_schemas.default_dirs import spool_dir as default_spool_dir
from tcc_schemas.endpoints import base_url, checked_key, key_hint, without_secrets
from tcc_schemas.room import DEFAULT_MAX_BYTES
from tcc_schemas.switches import enabled

from .limited_log import log
from .records import Route
from .values import given_text, string_map, text

DurabilityLevel = Literal["process", "power"]
_DURABILITY_LEVELS: Final = get_args(DurabilityLevel)


class WriterConfig(NamedTuple):
    """The settings of a spool's writer.  ``max_bytes`` is the most that the spool's directory may hold.

    ``min_free`` bytes of disk stay free; None: see :func:`tcc_schemas.room.free_floor`.
    A segment older than ``segment_seconds`` is sealed before the next record is written.
    """

    spool_dir: str
    durability: DurabilityLevel
    max_bytes: int
    journal: bool
    segment_seconds: float
    min_free: int | None = None


def checked_arguments(
    spool_dir: str | os.PathLike[str] | None, durability: str | None, max_bytes: int | None, journal: bool | None
) -> dict[str, Any]:
    """Return the arguments that are not None.

    Raises ValueError for an invalid durability or size.
    """
    given: dict[str, Any] = {}
    if spool_dir is not None:
        given["spool_dir"] = default_spool_dir({"TCC_SPOOL_DIR": os.fspath(spool_dir)})
    if durability is not None:
        given["durability"] = _checked_durability(durability)
    if max_bytes is not None:
        given["max_bytes"] = _checked_max_bytes(max_bytes)
    if journal is not None:
        given["journal"] = bool(journal)
    return given


def checked_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return a copy with names and values as texts.

    Raises ValueError if it is not a mapping.
    """
    found = string_map(metadata)
    if found is None:
        raise ValueError(f"[TCC] metadata must be a mapping of names to texts, not {type(metadata).__name__}")
    return found


def writer_config(given: Mapping[str, Any], environment: Mapping[str, str]) -> WriterConfig:
    """Return the settings in effect; ``given`` are those that the program passed to ``configure()``."""
    found: dict[str, Any] = {
        "durability": "process",
        "max_bytes": DEFAULT_MAX_BYTES,
        "journal": enabled(environment, "TCC_JOURNAL", log.warning),
        "segment_seconds": inf,
    }
    if "spool_dir" not in given:
        found["spool_dir"] = _spool_dir(environment)
    for name, variable, check in (
        ("durability", "TCC_DURABILITY", _checked_durability),
        ("max_bytes", "TCC_SPOOL_MAX_BYTES", _checked_max_bytes),
        ("min_free", "TCC_SPOOL_MIN_FREE", _checked_min_free),
        ("segment_seconds", "TCC_SEGMENT_SECONDS", _checked_seconds),
    ):
        value = environment.get(variable)
        if value and name not in given:
            try:
                found[name] = check(value)
            except ValueError as error:
                log.warning(f"{variable} is ignored: {error}")
    return WriterConfig(**{**found, **given})


def get_api_key(api_key: str | None = None) -> str:
    """Return ``api_key``, else ``TCC_API_KEY``, without blanks and line ends around it.

    Raises ValueError if there is neither.
    """
    key = (api_key or os.environ.get("TCC_API_KEY") or "").strip()
    if not key:
        raise ValueError(
            "TCC API key is required. Set TCC_API_KEY environment variable "
            "or pass api_key parameter to the instrument function."
        )
    return key


def get_url(path: str, api_key: str | None = None) -> str:
    """Return the URL of ``path`` at ``TCC_BASE_URL``, else at the server that belongs to the key's prefix.

    Raises ValueError if ``TCC_BASE_URL`` is not a URL, or neither official nor loopback.
    """
    return f"{base_url(api_key or os.environ.get('TCC_API_KEY'), os.environ)}{path}"


def route_to(tcc_url: object, api_key: object) -> Route:
    """Return where an item that is made now goes.  The key itself is not kept, only its hint."""
    return _route(given_text(tcc_url), given_text(api_key) or os.environ.get("TCC_API_KEY"))


@lru_cache(maxsize=64)
def _route(url: str, key: str | None) -> Route:
    try:
        hint = key_hint(checked_key(key)) if key else None
    except ValueError as error:
        log.warning(f"records do not tell which key they belong to: {error}")
        hint = None
    return Route(without_secrets(url) or None, hint)


def _spool_dir(environment: Mapping[str, str]) -> str:
    """Return the spool's directory.  Raises RuntimeError if it lies in a home directory that is not known."""
    if environment.get("TCC_SPOOL_DIR"):
        try:
            return default_spool_dir(environment)
        except (OSError, RuntimeError) as error:  # the home or the current directory is not known
            log.warning(f"TCC_SPOOL_DIR is ignored: {error}")
    return default_spool_dir({**environment, "TCC_SPOOL_DIR": ""})


def _checked_durability(value: str) -> DurabilityLevel:
    if value not in _DURABILITY_LEVELS:
        raise ValueError(f"[TCC] durability must be one of {', '.join(_DURABILITY_LEVELS)}, not {text(value)!r}")
    return value  # type: ignore[return-value]  # just checked


def _checked_max_bytes(value: int | str) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = 0
    if number <= 0:
        raise ValueError(f"[TCC] max_bytes must be a number of bytes above 0, not {text(value)!r}")
    return number


def _checked_min_free(value: str) -> int:
    if not value.strip().isdecimal():
        raise ValueError(f"[TCC] it must be a number of bytes, not {text(value)!r}")
    return int(value)


def _checked_seconds(value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        raise ValueError(f"[TCC] it must be a number of seconds above 0, not {text(value)!r}")
    return seconds
