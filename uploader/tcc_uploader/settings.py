"""The uploader's settings.  Each comes from the argument, else the environment, the settings file, or a default."""

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from math import inf
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlsplit

from tcc_schemas.default_dirs import spool_dir, state_dir
from tcc_schemas.endpoints import (
    CUSTOM_PATH,
    PATHS,
    base_url,
    can_be_path,
    checked_url,
    origin_of,
)

from .api_keys import key_file, read_api_keys, words_in
from .clock import seconds_in
from .files import bytes_in
from .settings_file import (
    DEFAULT_IN_FLIGHT,
    MAX_IN_FLIGHT,
    SettingsError,
    TomlFile,
    naming,
    place_in_file,
    read_settings_file,
)

T = TypeVar("T")
_LEAST_RATE: Final = 1024
"""Bytes per second: with less, the heads of requests alone would take minutes."""

BUNDLED_FILE: Final = "bundled.json"
TARGET_FILES: Final = ("ledger.sqlite3", "dead", "requests", "status.json", "uploader.lock", BUNDLED_FILE)
"""What a target's folder may hold; so no target may be named like one of these."""

KEEP_FOR: Final = 24 * 3600.0
"""Seconds for which a daemon keeps delivered segments by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How this process delivers.  ``in_flight`` is the largest number of requests at the same time.

    The first of ``api_keys`` is the default key; ``adopt`` has the hints of keys whose records are sent with it.
    """

    spools: tuple[Path, ...]
    state_dir: Path
    """The folder of the target in the user's state directory: what was sent to a sandbox does not count elsewhere."""
    names_target: bool = True
    """Whether a target, a URL or a key was given; else the target is production."""
    api_keys: tuple[str, ...] = ()
    api_key_file: Path | None = None
    adopt: frozenset[str] = frozenset()
    base_url: str | None = None
    custom_url: str | None = None
    feedback_url: str | None = None
    allowed_origins: frozenset[str] = frozenset()
    allowed_paths: frozenset[str] = PATHS
    in_flight: int = DEFAULT_IN_FLIGHT
    keep_for: float = KEEP_FOR
    """Seconds for which a daemon keeps delivered segments; 0: it removes them at once, infinity: never."""
    limit_rate: int | None = None
    """Bytes per second that all requests together may send; None: as many as the network takes."""

    @property
    def default_key(self) -> str | None:
        """The key that is used for records without a key of their own."""
        return next(iter(self.api_keys), None)

    def base_url_for(self, api_key: str | None) -> str:
        """Return the base URL to which records made with ``api_key`` are sent."""
        return self.base_url or base_url(api_key, {})


def load(  # noqa: PLR0913 -- one for each option of a command
    environment: Mapping[str, str],
    *,
    config: Path | None = None,
    spools: Sequence[Path] = (),
    state: Path | None = None,
    api_key_file: Path | None = None,
    adopt: Iterable[str] = (),
    allow_origins: Sequence[str] = (),
    allow_paths: Sequence[str] = (),
    in_flight: int | None = None,
    after: str | None = None,
    limit_rate: str | None = None,
    faults: list[str] | None = None,
) -> Settings:
    """Return the settings from a command's arguments, the environment and the file.  Raises :class:`SettingsError`.

    With ``faults``, for who sends nothing, what can't be used is noted there, and the default stands in for it.
    """
    in_file: set[str] = set()

    def take(make: Callable[[], T], default: T, member: str = "") -> T:
        try:
            return make()
        except SettingsError as error:
            place = f"{place_in_file(named_file, environment, member)}: " if member in in_file else ""
            if faults is None:
                raise SettingsError(f"{place}{error}") from error
            faults.append(f"{place}{error}")
            return default

    named_file = config or environment.get("TCC_UPLOAD_CONFIG")
    file = take(lambda: read_settings_file(named_file, environment, faults), TomlFile.model_construct())
    from_file = {
        "TCC_STATE_DIR": file.state_dir,
        "TCC_TARGET": file.target,
        "TCC_BASE_URL": file.base_url,
        "TCC_IN_FLIGHT": str(file.in_flight),
        "TCC_LIMIT_RATE": None if file.limit_rate is None else str(file.limit_rate),
    }
    given = {"after": after, "limit_rate": limit_rate, "allow_origins": allow_origins, "allow_paths": allow_paths}
    in_file.update(
        name for name in file.model_fields_set if not (given.get(name) or environment.get(f"TCC_{name.upper()}"))
    )
    environment = {name: text for name, text in (*from_file.items(), *environment.items()) if text}
    allowed = allow_origins or words_in(environment.get("TCC_ALLOW_ORIGINS", "")) or file.allow_origins
    base, custom, feedback = (
        take(partial(_url, name, environment), None, name.removeprefix("TCC_").lower())
        for name in ("TCC_BASE_URL", "TCC_URL", "TCC_FEEDBACK_URL")
    )
    if custom and not base:
        # send all else to the host of the runs: never to a host that the user did not name
        base = custom.removesuffix(CUSTOM_PATH) if custom.endswith(CUSTOM_PATH) else origin_of(custom)
    api_key_file = key_file(environment, api_key_file)
    keys = take(partial(read_api_keys, environment, api_key_file), tuple[str, ...]())
    target = take(lambda: _named_target(environment.get("TCC_TARGET", "")), "", "target")
    names_server = bool(custom or base or keys) and not faults  # a URL or key that can't be used may be the one
    with naming("the spool (--spool, TCC_SPOOL_DIR)"):
        if not spools and not environment.get("TCC_SPOOL_DIR"):
            spools = [Path(spool_dir({"TCC_SPOOL_DIR": spool})) for spool in file.spools]
        found_spools = tuple(_absolute(spool) for spool in spools or [Path(spool_dir(environment))])
    with naming("the state directory (--state-dir, TCC_STATE_DIR)"):
        states = _absolute(state or Path(state_dir(environment)))
    return Settings(
        spools=found_spools,
        state_dir=states / (target or _target_of(custom or base or base_url(next(iter(keys), None), {}))),
        names_target=bool(target) or names_server,
        api_keys=keys,
        api_key_file=api_key_file,
        adopt=_hints(adopt),
        base_url=base,
        custom_url=custom,
        feedback_url=feedback,
        allowed_origins=take(lambda: _origins((*allowed, base, custom, feedback)), frozenset(), "allow_origins"),
        allowed_paths=take(
            lambda: _paths(allow_paths or words_in(environment.get("TCC_ALLOW_PATHS", "")) or file.allow_paths),
            *(PATHS, "allow_paths"),
        ),
        in_flight=take(lambda: _in_flight(in_flight, environment["TCC_IN_FLIGHT"]), DEFAULT_IN_FLIGHT),
        keep_for=take(lambda: _keep_for(after or file.after), KEEP_FOR, "after"),
        limit_rate=take(lambda: _limit_rate(limit_rate or environment.get("TCC_LIMIT_RATE")), None, "limit_rate"),
    )


def _target_of(url: str) -> str:
    """Return the name of the folder of a server's target, made of its origin."""
    parts = urlsplit(origin_of(url))
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    name = ("" if secure else "http_") + (parts.hostname or "") + ("" if port == 443 else f"_{port}")  # noqa: PLR2004 -- HTTPS's own
    return re.sub("[^a-z0-9._-]", "_", name)


def _named_target(name: str) -> str:
    """Return the name of a target.  Raises :class:`SettingsError` if it can be none."""
    if name in TARGET_FILES or not re.fullmatch("([a-z0-9][a-z0-9._-]{0,63})?", name):
        raise SettingsError(f"TCC_TARGET {name!r} can't be a folder's name: 1 to 64 of a-z, 0-9, '.', '_' and '-'")
    return name


def _hints(given: Iterable[str]) -> frozenset[str]:
    """Return key hints.  Raises :class:`SettingsError` for what can be none."""
    hints = frozenset(given)
    if wrong := [hint for hint in hints if not re.fullmatch("[0-9a-f]{8}", hint)]:
        raise SettingsError(f"--adopt {wrong[0]!r} is no key hint: 8 hex digits, as `tcc-upload status` shows them")
    return hints


def _in_flight(argument: int | None, named: str) -> int:
    number = argument or 0
    with suppress(ValueError):
        number = int(named) if argument is None else argument
    if not 1 <= number <= MAX_IN_FLIGHT:
        given = named if argument is None else argument
        raise SettingsError(f"--in-flight (TCC_IN_FLIGHT) must be a number from 1 to {MAX_IN_FLIGHT}, not {given}")
    return number


def _limit_rate(text: str | None) -> int | None:
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


def _keep_for(after: str | None) -> float:
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


def _paths(names: Iterable[str]) -> frozenset[str]:
    """Return the paths to which records may be sent: the known ones, and ``/v1/NAME`` for each name."""
    paths = [f"/v1/{name.removeprefix('/v1/')}" for name in names]
    for path in paths:
        if not can_be_path(path):
            raise SettingsError(f"{path} can't be allowed: a path's name has 1 to 64 of a-z, 0-9 and -")
    return PATHS.union(paths)


def _url(name: str, environment: Mapping[str, str]) -> str | None:
    """Return the URL in this variable in normal form, if it is set.

    Raises :class:`SettingsError` if it is none, or no key may be sent there.
    """
    with naming(name):
        url = checked_url(environment[name], environment) if name in environment else None
    if url and name == "TCC_BASE_URL" and urlsplit(url).path.endswith(CUSTOM_PATH):
        named = url.removesuffix(CUSTOM_PATH)
        raise SettingsError(f"TCC_BASE_URL (base_url) ends in {CUSTOM_PATH}: name the base alone, {named}")
    return url


def _origins(urls: Iterable[str | None]) -> frozenset[str]:
    """Return the origins of those URLs that are given.  Raises :class:`SettingsError`."""
    with naming("an allowed origin (--allow-origin, TCC_ALLOW_ORIGINS)"):
        return frozenset(origin_of(url) for url in urls if url)


def _absolute(folder: Path) -> Path:
    """Return a folder's absolute path.  Raises what :func:`.naming` turns into a settings error."""
    path = folder.absolute()
    if b"\0" in os.fsencode(path):
        raise ValueError(f"{str(path)!r} can't be a path")
    return path
