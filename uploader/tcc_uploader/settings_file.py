"""The settings file, ``upload.toml``.  API keys never go there."""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tcc_schemas.faults import faults_of

DEFAULT_IN_FLIGHT: Final = 32
MAX_IN_FLIGHT: Final = 256
LogLevel = Literal["debug", "info", "warning", "error"]
LOG_LEVELS: Final[tuple[LogLevel, ...]] = get_args(LogLevel)
LogFormat = Literal["text", "json"]
LOG_FORMATS: Final[tuple[LogFormat, ...]] = get_args(LogFormat)


class SettingsError(ValueError):
    """A setting is not valid; the message names the setting and says why."""


@contextmanager
def naming(setting: str) -> Iterator[None]:
    """Turn what is wrong with a setting's value into a :class:`SettingsError` that names the setting."""
    try:
        yield
    except FileNotFoundError as error:  # what a path is completed with
        gone = "the current directory was removed: go to another one, or give an absolute path"
        raise SettingsError(f"{setting} can't be used: {gone}") from error
    except (OSError, RuntimeError, ValueError) as error:
        raise SettingsError(f"{setting} can't be used: {error}") from error


class TomlFile(BaseModel):
    """The content of the settings file."""

    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)

    spools: list[str] = []
    state_dir: str | None = None
    target: str | None = None
    base_url: str | None = None
    allow_origins: list[str] = []
    allow_paths: list[str] = []
    in_flight: int = Field(default=DEFAULT_IN_FLIGHT, ge=1, le=MAX_IN_FLIGHT)
    after: str | None = None
    limit_rate: int | str | None = None
    ledger: str | None = None
    log_level: LogLevel = "info"
    log_format: LogFormat = "text"
    metrics: str | None = None
    metrics_textfile: str | None = None


def settings_path(named: Path | str | None, environment: Mapping[str, str]) -> Path:
    """Return the file that is named, else the user's own."""
    home = environment.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")  # noqa: PTH111 -- it never raises
    return Path(named or Path(home, "tcc", "upload.toml"))


def read_settings_file(
    named: Path | str | None, environment: Mapping[str, str], faults: list[str] | None = None
) -> TomlFile:
    """Return the settings of the file; the defaults if the user's own is not there.  Raises :class:`SettingsError`.

    With ``faults``, a member that can't be used is noted there, and left out.
    """
    path = settings_path(named, environment)
    text, members = "", {}
    try:
        text = path.read_text(encoding="utf-8-sig")
        members = tomllib.loads(text)
        return TomlFile.model_validate(members)
    except OSError as error:
        if not named and isinstance(error, FileNotFoundError | NotADirectoryError):
            return TomlFile.model_construct()  # the defaults: a validator is not built for them, which takes 20 ms
        raise SettingsError(f"can't read the settings file {path}: {error.strerror}") from error
    except ValidationError as error:
        if faults is None:
            raise SettingsError("\n".join(_faults(path, text, error))) from error
        faults += _faults(path, text, error)
        wrong = {fault["loc"][0] for fault in error.errors(include_url=False, include_input=False)}
        return TomlFile.model_validate({name: value for name, value in members.items() if name not in wrong})
    except RecursionError as error:
        raise SettingsError(f"{path} is nested too deep") from error
    except ValueError as error:  # no UTF-8, no TOML, or a number of thousands of digits
        raise SettingsError(f"{path} is not valid TOML: {error}") from error


def _faults(path: Path, text: str, error: ValidationError) -> list[str]:
    """Return what is wrong, each with its line.  The values stay untold: one may be a key in the wrong place."""
    faults = [(str(place[0]), said) for place, said in faults_of(error)]
    return [f"{path}{_line(text, name)}: {_fault(name, said)}" for name, said in faults]


def _fault(name: str, message: str) -> str:
    if name in TomlFile.model_fields:
        return f"{name}: {message}"
    if "key" in name:
        return f"{name}: keys never go here, but into TCC_API_KEY, TCC_API_KEYS or a file for --api-key-file"
    near = get_close_matches(name, TomlFile.model_fields, 1)
    meant = f" (did you mean {near[0]}?)" if near else ""
    return f"there is no setting {name!r}{meant}; there are {', '.join(TomlFile.model_fields)}"


def place_in_file(named: Path | str | None, environment: Mapping[str, str], name: str) -> str:
    """Return where a setting stands: the file, its line, and its name."""
    path = settings_path(named, environment)
    with suppress(OSError, ValueError):
        return f"{path}{_line(path.read_text(encoding='utf-8-sig'), name)}: {name}"
    return f"{path}: {name}"


def _line(text: str, name: str) -> str:
    """Return the line on which a name is set, if it is found."""
    pattern = re.compile(rf"""\s*(\[+\s*)?["']?{re.escape(name)}["']?\s*[=.\]]""")
    lines = (number for number, line in enumerate(text.splitlines(), 1) if pattern.match(line))
    number = next(lines, None)
    return f", line {number}" if number else ""
