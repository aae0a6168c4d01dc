"""The uploader's settings.  Each comes from the argument, else the environment, the settings file, or a default."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tcc_schemas.default_dirs import spool_dir, state_dir
from tcc_schemas.endpoints import (
    CUSTOM_PATH,
    OFFLINE_KEY,
    PATHS,
    base_url,
    can_be_path,
    checked_key,
    checked_url,
    origin_of,
)

from .clock import seconds_in
from .files import bytes_in
from .ledger_url import checked_ledger_url
from .settings_file import DEFAULT_IN_FLIGHT, MAX_IN_FLIGHT, SettingsError, read_settings_file

_LEAST_RATE: Final = 1024
"""Bytes per second: with less, the heads of requests alone would take minutes."""

BUNDLED_FILE: Final = "bundled.json"
TARGET_FILES: Final = ("ledger.sqlite3", "dead", "requests", "status.json", "uploader.lock", BUNDLED_FILE)
"""What a target's folder may hold; so no target may be named like one of these."""

CREDENTIAL: Final = "tcc-api-key"
"""The name of systemd's credential that has API keys."""

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
    ledger: str | None = None
    """The URL of the ledger that several machines share; None: it is a file in ``state_dir``."""
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
    def ledger_place(self) -> str:
        """Where the ledger is, for people."""
        return self.ledger or str(self.state_dir)

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
) -> Settings:
    """Return the settings from a command's arguments, the environment and the file.  Raises :class:`SettingsError`."""
    file = read_settings_file(config or environment.get("TCC_UPLOAD_CONFIG"), environment)
    from_file = {
        "TCC_STATE_DIR": file.state_dir,
        "TCC_TARGET": file.target,
        "TCC_BASE_URL": file.base_url,
        "TCC_IN_FLIGHT": str(file.in_flight),
        "TCC_LEDGER": file.ledger,
        "TCC_LIMIT_RATE": None if file.limit_rate is None else str(file.limit_rate),
    }
    environment = {name: text for name, text in (*from_file.items(), *environment.items()) if text}
    allowed = allow_origins or _words(environment.get("TCC_ALLOW_ORIGINS", "")) or file.allow_origins
    base, custom, feedback = (_url(name, environment) for name in ("TCC_BASE_URL", "TCC_URL", "TCC_FEEDBACK_URL"))
    if base and urlsplit(base).path.endswith(CUSTOM_PATH):
        named = base.removesuffix(CUSTOM_PATH)
        raise SettingsError(f"TCC_BASE_URL (base_url) ends in {CUSTOM_PATH}: name the base alone, {named}")
    if custom and not base:
        # send all else to the host of the runs: never to a host that the user did not name
        base = custom.removesuffix(CUSTOM_PATH) if custom.endswith(CUSTOM_PATH) else origin_of(custom)
    with _of("an allowed origin (--allow-origin, TCC_ALLOW_ORIGINS)"):
        origins = frozenset(origin_of(url) for url in (*allowed, base, custom, feedback) if url)
    api_key_file = key_file(environment, api_key_file)
    keys = _api_keys(environment, api_key_file)
    target = _target(environment.get("TCC_TARGET"), custom or base or base_url(next(iter(keys), None), {}))
    with _of("the spool (--spool, TCC_SPOOL_DIR)"):
        if not spools and not environment.get("TCC_SPOOL_DIR"):
            spools = [Path(spool_dir({"TCC_SPOOL_DIR": spool})) for spool in file.spools]
        found_spools = tuple(_absolute(spool) for spool in spools or [Path(spool_dir(environment))])
    with _of("the state directory (--state-dir, TCC_STATE_DIR)"):
        states = _absolute(state or Path(state_dir(environment)))
    with _of("the shared ledger's URL (TCC_LEDGER, ledger)"):
        ledger = checked_ledger_url(environment["TCC_LEDGER"]) if "TCC_LEDGER" in environment else None
    return Settings(
        spools=found_spools,
        state_dir=states / target,
        names_target=bool(environment.get("TCC_TARGET") or custom or base or keys),
        ledger=ledger,
        api_keys=keys,
        api_key_file=api_key_file,
        adopt=_hints(adopt),
        base_url=base,
        custom_url=custom,
        feedback_url=feedback,
        allowed_origins=origins,
        allowed_paths=_paths(allow_paths or _words(environment.get("TCC_ALLOW_PATHS", "")) or file.allow_paths),
        in_flight=_in_flight(in_flight, environment["TCC_IN_FLIGHT"]),
        keep_for=_keep_for(after or file.after),
        limit_rate=_limit_rate(limit_rate or environment.get("TCC_LIMIT_RATE")),
    )


def key_file(environment: Mapping[str, str], named: Path | None = None) -> Path | None:
    """Return the file of API keys: as an argument or ``TCC_API_KEY_FILE`` names it, else systemd's credential.

    systemd puts what ``LoadCredential=`` names into the folder ``CREDENTIALS_DIRECTORY`` (systemd.exec(5)).
    """
    if named or environment.get("TCC_API_KEY_FILE"):
        return named or Path(environment["TCC_API_KEY_FILE"])
    if not environment.get("CREDENTIALS_DIRECTORY"):
        return None
    credential = Path(environment["CREDENTIALS_DIRECTORY"], CREDENTIAL)
    try:
        credential.stat()
    except FileNotFoundError:
        return None
    except OSError:  # whoever reads it says why that is not possible
        pass
    return credential


def _api_keys(environment: Mapping[str, str], key_file: Path | None) -> tuple[str, ...]:
    """Return all configured API keys without repetitions, the default key first.  Raises :class:`SettingsError`."""
    given = {"TCC_API_KEY": [environment.get("TCC_API_KEY", "")]}
    given["TCC_API_KEYS"] = _words(environment.get("TCC_API_KEYS", ""))
    if key_file is not None:
        try:
            given = {f"the key file {key_file}": _words(key_file.read_text(encoding="utf-8-sig")), **given}
        except OSError as error:
            raise SettingsError(f"can't read the key file {key_file}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise SettingsError(f"the key file {key_file} is not UTF-8 text") from error
    keys: list[str] = []
    for setting, texts in given.items():
        with _of(setting):
            keys += map(checked_key, texts)
    return tuple(dict.fromkeys(key for key in keys if key not in ("", OFFLINE_KEY)))


def _target(named: str | None, url: str) -> str:
    """Return the name of the target's folder: as it was named, else made of the server's origin."""
    if named is None:
        parts = urlsplit(origin_of(url))
        secure = parts.scheme == "https"
        port = parts.port or (443 if secure else 80)
        name = ("" if secure else "http_") + (parts.hostname or "") + ("" if port == 443 else f"_{port}")  # noqa: PLR2004 -- HTTPS's own
        return re.sub("[^a-z0-9._-]", "_", name)
    if named in TARGET_FILES or not re.fullmatch("[a-z0-9][a-z0-9._-]{0,63}", named):
        raise SettingsError(f"TCC_TARGET {named!r} can't be a folder's name: 1 to 64 of a-z, 0-9, '.', '_' and '-'")
    return named


def _hints(given: Iterable[str]) -> frozenset[str]:
    """Return key hints.  Raises :class:`SettingsError` for what can be none."""
    hints = frozenset(given)
    if wrong := [hint for hint in hints if not re.fullmatch("[0-9a-f]{8}", hint)]:
        raise SettingsError(f"--adopt {wrong[0]!r} is no key hint: 8 hex digits, as `tcc-upload status` shows them")
    return hints


def _in_flight(argument: int | None, named: str) -> int:
    try:
        number = int(named) if argument is None else argument
    except ValueError:
        raise SettingsError(f"TCC_IN_FLIGHT must be a number, not {named!r}") from None
    if not 1 <= number <= MAX_IN_FLIGHT:
        raise SettingsError(f"the number of requests in flight must be 1 to {MAX_IN_FLIGHT}, not {number}")
    return number


def _limit_rate(text: str | None) -> int | None:
    """Return bytes per second.  Raises :class:`SettingsError`."""
    if text is None:
        return None
    rate = 0
    with suppress(ValueError):
        rate = bytes_in(text)
    if rate < _LEAST_RATE:
        raise SettingsError(f"the rate limit must be bytes per second, at least 1k, like 64k or 2M, not {text!r}")
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


def _words(text: str) -> list[str]:
    return text.replace(",", " ").split()


def _url(name: str, environment: Mapping[str, str]) -> str | None:
    """Return the URL in this variable in normal form, if it is set.

    Raises :class:`SettingsError` if it is none, or no key may be sent there.
    """
    with _of(name):
        return checked_url(environment[name], environment) if name in environment else None


def _absolute(folder: Path) -> Path:
    """Return a folder's absolute path.  Raises what :func:`_of` turns into an error of the settings."""
    path = folder.absolute()
    if b"\0" in os.fsencode(path):
        raise ValueError(f"{str(path)!r} can't be a path")
    return path


@contextmanager
def _of(setting: str) -> Iterator[None]:
    """Turn what is wrong with a setting's value into a :class:`SettingsError` that names the setting."""
    try:
        yield
    except FileNotFoundError as error:  # what a path is completed with
        gone = "the current directory was removed: go to another one, or give an absolute path"
        raise SettingsError(f"{setting} can't be used: {gone}") from error
    except (OSError, RuntimeError, ValueError) as error:
        raise SettingsError(f"{setting} can't be used: {error}") from error
