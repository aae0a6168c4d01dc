"""Switches: variables of the environment that are on or off, and the names of all variables."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

_WORDS: Final = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}
NAMES: Final = frozenset(
    {
        *("TCC_ALLOW_ORIGINS", "TCC_ALLOW_PATHS", "TCC_ALLOW_UNSAFE_BASE_URL", "TCC_API_KEY", "TCC_API_KEYS"),
        *("TCC_BASE_URL", "TCC_CI", "TCC_CONTENT", "TCC_DEBUG", "TCC_DURABILITY", "TCC_FEEDBACK_URL", "TCC_IN_FLIGHT"),
        *("TCC_JOURNAL", "TCC_LIMIT_RATE", "TCC_METADATA", "TCC_REDACT", "TCC_SEGMENT_SECONDS", "TCC_SPOOL_DIR"),
        *("TCC_SPOOL_MAX_BYTES", "TCC_SPOOL_MIN_FREE", "TCC_STATE_DIR", "TCC_TARGET", "TCC_UPLOAD_CONFIG", "TCC_URL"),
        *("TCC_API_KEY_FILE", "TCC_LEDGER"),
    }
)
"""Every variable that the recorder or the uploader reads."""


def switch(given: str | None) -> bool | None:
    """Return whether a switch is on; None if it is not set, or empty.

    Raises ValueError for a word that means neither; the caller takes the safe side.
    """
    word = (given or "").strip().lower()
    if word and word not in _WORDS:
        raise ValueError(f"it must be 1 or 0 (or true, yes, on, false, no, off), not {given!r}")
    return _WORDS.get(word)


def enabled(environment: Mapping[str, str], name: str, warn: Callable[[str], object], *, default: bool = False) -> bool:
    """Return whether a switch is on: ``default`` if it is not set; off, with a warning, if it is no switch."""
    try:
        found = switch(environment.get(name))
    except ValueError as error:
        warn(f"{name} is taken as off: {error}")
        return False
    return default if found is None else found


def unknown_names(environment: Iterable[str]) -> list[str]:
    """Return the variables that look like ours, and that nothing reads: perhaps one is misspelt."""
    return sorted(name for name in environment if name.startswith("TCC_") and name not in NAMES)
