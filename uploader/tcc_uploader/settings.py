"""Every setting of the uploader: argument, else environment, else TOML file, else default; one frozen value."""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tcc_schemas.endpoints import CUSTOM_PATH, FEEDBACK_PATH, base_url, checked_url, origin_of
from tcc_schemas.places import spool_dir, state_dir

DEFAULT_IN_FLIGHT: Final = 32
MAX_IN_FLIGHT: Final = 256

After = Literal["delete", "keep"]


class SettingsError(ValueError):
    """A setting can't be used; the message says which and what to do."""


class TomlFile(BaseModel):
    """The settings file.  Keys are never read from it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    spools: list[str] = []
    state_dir: str | None = None
    base_url: str | None = None
    allow_origins: list[str] = []
    in_flight: int | None = Field(default=None, ge=1, le=MAX_IN_FLIGHT)
    after: After | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How this process delivers.  ``api_keys`` begins with the default key; ``in_flight`` is a number of requests."""

    spools: tuple[Path, ...]
    state_dir: Path
    api_keys: tuple[str, ...] = ()
    adopt: frozenset[str] = frozenset()
    base_url: str | None = None
    custom_url: str | None = None
    feedback_url: str | None = None
    allowed_origins: frozenset[str] = frozenset()
    in_flight: int = DEFAULT_IN_FLIGHT
    after: After = "delete"

    def base_url_for(self, api_key: str | None) -> str:
        """Return the base URL that records made under ``api_key`` go to."""
        return self.base_url or base_url(api_key, {})


def load(
    environment: Mapping[str, str],
    *,
    config: Path | None = None,
    spools: Sequence[Path] = (),
    state: Path | None = None,
    api_key_file: Path | None = None,
    adopt: Iterable[str] = (),
    allow_origins: Sequence[str] = (),
    in_flight: int | None = None,
    after: After | None = None,
) -> Settings:
    """Read the settings.  Raises :class:`SettingsError`."""
    toml = _toml(config or _default_config(environment))
    try:
        base = environment.get("TCC_BASE_URL") or toml.base_url
        urls = {
            name: checked_url(url, environment) if (url := value) else None
            for name, value in (
                ("base", base),
                ("custom", environment.get("TCC_URL")),
                ("feedback", environment.get("TCC_FEEDBACK_URL")),
            )
        }
        allowed = allow_origins or _list(environment.get("TCC_ALLOW_ORIGINS", "")) or toml.allow_origins
        origins = {origin_of(url) for url in (*allowed, *urls.values()) if url}
        keys = _keys(environment, api_key_file)
        wanted = in_flight, _number(environment, "TCC_IN_FLIGHT"), toml.in_flight
        flights = next((number for number in wanted if number is not None), DEFAULT_IN_FLIGHT)
    except ValueError as error:
        raise SettingsError(str(error)) from error
    if not 1 <= flights <= MAX_IN_FLIGHT:
        raise SettingsError(f"the number of requests in flight is 1 to {MAX_IN_FLIGHT}, not {flights}")
    custom = urls["custom"]
    return Settings(
        spools=_spools(spools, environment, toml),
        state_dir=(state or _toml_state(environment, toml)).absolute(),
        api_keys=keys,
        adopt=frozenset(adopt),
        base_url=urls["base"],
        custom_url=custom,
        # feedback goes beside its run, never to another host that nobody named
        feedback_url=urls["feedback"] or (custom and not base and _beside(custom)) or None,
        allowed_origins=frozenset(origins),
        in_flight=flights,
        after=after or toml.after or "delete",
    )


def _spools(given: Sequence[Path], environment: Mapping[str, str], toml: TomlFile) -> tuple[Path, ...]:
    if not given and not environment.get("TCC_SPOOL_DIR") and toml.spools:
        given = [Path(spool).expanduser() for spool in toml.spools]
    return tuple(spool.absolute() for spool in given) or (Path(spool_dir(environment)),)


def _toml_state(environment: Mapping[str, str], toml: TomlFile) -> Path:
    if toml.state_dir and not environment.get("TCC_STATE_DIR"):
        return Path(toml.state_dir).expanduser()
    return Path(state_dir(environment))


def _default_config(environment: Mapping[str, str]) -> Path | None:
    if named := environment.get("TCC_UPLOAD_CONFIG"):
        return Path(named)
    home = environment.get("XDG_CONFIG_HOME") or str(Path("~/.config").expanduser())
    path = Path(home) / "tcc" / "upload.toml"
    return path if path.is_file() else None


def _toml(path: Path | None) -> TomlFile:
    if path is None:
        return TomlFile()
    try:
        return TomlFile.model_validate(tomllib.loads(path.read_text()))
    except OSError as error:
        raise SettingsError(f"can't read the settings file {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is no valid TOML: {error}") from error
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise SettingsError(f"{path}: {faults}") from error


def _keys(environment: Mapping[str, str], api_key_file: Path | None) -> tuple[str, ...]:
    """Return every key that is held, the default key first, each once."""
    keys = []
    if api_key_file is not None:
        try:
            keys += _list(api_key_file.read_text())
        except OSError as error:
            raise SettingsError(f"can't read the key file {api_key_file}: {error.strerror}") from error
    keys += _list(environment.get("TCC_API_KEY", "")) + _list(environment.get("TCC_API_KEYS", ""))
    for key in keys:
        if not key.isascii() or not key.isprintable():
            raise SettingsError("an API key holds characters that no HTTP header can carry: check how it was copied")
    return tuple(dict.fromkeys(keys))


def _list(text: str) -> list[str]:
    """Split a list that is separated by commas or white space."""
    return text.replace(",", " ").split()


def _number(environment: Mapping[str, str], name: str) -> int | None:
    value = environment.get(name)
    if not value:
        return None
    try:
        return int(value)
    except ValueError:
        raise SettingsError(f"{name} is a number, not {value!r}") from None


def _beside(custom_url: str) -> str:
    """Return the feedback URL on the host that takes the runs."""
    if custom_url.endswith(CUSTOM_PATH):
        return custom_url.removesuffix(CUSTOM_PATH) + FEEDBACK_PATH
    return origin_of(custom_url) + FEEDBACK_PATH
