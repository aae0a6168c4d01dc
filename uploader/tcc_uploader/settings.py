"""The uploader's settings.  Each comes from the argument, else the environment, the settings file, or a default."""

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlsplit

from tcc_schemas.default_dirs import spool_dir, state_dir
from tcc_schemas.endpoints import (
    CUSTOM_PATH,
    PATHS,
    base_url,
    checked_url,
    key_hint,
    origin_of,
)
from tcc_schemas.switches import enabled

from .api_keys import key_file, read_api_keys, words_in
from .ledger_url import checked_ledger_url
from .model.objects import SCHEME, checked_place
from .setting_values import (
    KEEP_FOR,
    address_of,
    bytes_per_second,
    key_hints,
    number_in_flight,
    paths_allowed,
    seconds_kept,
    textfile_of,
)
from .settings_file import (
    DEFAULT_IN_FLIGHT,
    LogFormat,
    LogLevel,
    SettingsError,
    TomlFile,
    naming,
    place_in_file,
    read_settings_file,
)

T = TypeVar("T")

BUNDLED_FILE: Final = "bundled.json"
STATUS_FILE: Final = "status.json"
TARGET_FILES: Final = ("ledger.sqlite3", "dead", "requests", STATUS_FILE, "uploader.lock", BUNDLED_FILE)
"""What a target's folder may hold; so no target may be named like one of these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How this process delivers.  ``in_flight`` is the largest number of requests at the same time.

    The first of ``api_keys`` is the default key; ``adopt`` has the hints of keys whose records are sent with it.
    """

    spools: tuple[Path, ...]
    objects: tuple[str, ...] = ()
    """Places in object stores that were named as spools."""
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
    log_level: LogLevel = "info"
    log_format: LogFormat = "text"
    metrics: tuple[str, int] | None = None
    """The host and port at which a daemon serves its metrics."""
    metrics_textfile: Path | None = None
    """The file into which a daemon writes them."""

    @property
    def sources(self) -> tuple[Path | str, ...]:
        """The spools, and the places in object stores."""
        return (*self.spools, *self.objects)

    @property
    def ledger_place(self) -> str:
        """Where the ledger is, for people."""
        return self.ledger or str(self.state_dir)

    @property
    def default_key(self) -> str | None:
        """The key that is used for records without a key of their own."""
        return next(iter(self.api_keys), None)

    @property
    def default_hint(self) -> str | None:
        """The hint of that key."""
        return self.default_key and key_hint(self.default_key)

    def base_url_for(self, api_key: str | None) -> str:
        """Return the base URL to which records made with ``api_key`` are sent."""
        return self.base_url or base_url(api_key, {})


def load(  # noqa: PLR0913 -- one for each option of a command
    environment: Mapping[str, str],
    *,
    config: Path | None = None,
    spools: Sequence[Path | str] = (),
    state: Path | None = None,
    api_key_file: Path | None = None,
    adopt: Iterable[str] = (),
    allow_origins: Sequence[str] = (),
    allow_paths: Sequence[str] = (),
    in_flight: int | None = None,
    after: str | None = None,
    limit_rate: str | None = None,
    log_level: LogLevel | None = None,
    log_format: LogFormat | None = None,
    metrics: str | None = None,
    metrics_textfile: Path | None = None,
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
        "TCC_LEDGER": file.ledger,
        "TCC_LIMIT_RATE": None if file.limit_rate is None else str(file.limit_rate),
    }
    given: dict[str, object] = {"after": after, "limit_rate": limit_rate}
    given |= {"allow_origins": allow_origins, "allow_paths": allow_paths}
    given |= {"metrics": metrics, "metrics_textfile": metrics_textfile}
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
            spools = [
                checked_place(spool) if spool.startswith(SCHEME) else Path(spool_dir({"TCC_SPOOL_DIR": spool}))
                for spool in file.spools
            ]
        elif not spools and environment["TCC_SPOOL_DIR"].startswith(SCHEME):
            raise ValueError("a recorder needs a folder; an uploader takes s3:// by --spool")
        spools = spools or [Path(spool_dir(environment))]
        found_spools = tuple(_absolute(spool) for spool in spools if isinstance(spool, Path))
        objects = tuple(place for place in spools if isinstance(place, str))
    with naming("the state directory (--state-dir, TCC_STATE_DIR)"):
        states = _absolute(state or Path(state_dir(environment)))
    with naming("the shared ledger's URL (TCC_LEDGER, ledger)"):
        ledger = checked_ledger_url(environment["TCC_LEDGER"]) if "TCC_LEDGER" in environment else None
    return Settings(
        spools=found_spools,
        objects=objects,
        state_dir=states / (target or _target_of(custom or base or base_url(next(iter(keys), None), {}))),
        names_target=bool(target) or names_server,
        ledger=ledger,
        api_keys=keys,
        api_key_file=api_key_file,
        adopt=key_hints(adopt),
        base_url=base,
        custom_url=custom,
        feedback_url=feedback,
        allowed_origins=take(lambda: _origins((*allowed, base, custom, feedback)), frozenset(), "allow_origins"),
        allowed_paths=take(
            lambda: paths_allowed(allow_paths or words_in(environment.get("TCC_ALLOW_PATHS", "")) or file.allow_paths),
            *(PATHS, "allow_paths"),
        ),
        in_flight=take(lambda: number_in_flight(in_flight, environment["TCC_IN_FLIGHT"]), DEFAULT_IN_FLIGHT),
        keep_for=take(lambda: seconds_kept(after or file.after, is_timed=not objects), KEEP_FOR, "after"),
        limit_rate=take(lambda: bytes_per_second(limit_rate or environment.get("TCC_LIMIT_RATE")), None, "limit_rate"),
        log_level=log_level or ("debug" if enabled(environment, "TCC_DEBUG", lambda _: None) else file.log_level),
        log_format=log_format or file.log_format,
        metrics=take(lambda: address_of(metrics or file.metrics), None, "metrics"),
        metrics_textfile=take(lambda: textfile_of(metrics_textfile or file.metrics_textfile), None, "metrics_textfile"),
    )


def _target_of(url: str) -> str:
    """Return the name of the folder of a server's target, made of its origin."""
    parts = urlsplit(origin_of(url))
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    name = ("" if secure else "http_") + (parts.hostname or "") + ("" if port == 443 else f"_{port}")  # noqa: PLR2004 -- HTTPS's own
    # the letters of other alphabets are told apart, because two servers must not have one folder
    return re.sub("[^a-z0-9._-]", lambda found: "_" if found[0] == ":" else f"_{ord(found[0]):x}_", name)


def _named_target(name: str) -> str:
    """Return the name of a target.  Raises :class:`SettingsError` if it can be none."""
    if name in TARGET_FILES or not re.fullmatch("([a-z0-9][a-z0-9._-]{0,63})?", name):
        raise SettingsError(f"TCC_TARGET {name!r} can't be a folder's name: 1 to 64 of a-z, 0-9, '.', '_' and '-'")
    return name


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
