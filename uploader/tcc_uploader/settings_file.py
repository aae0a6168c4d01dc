"""The settings file, ``upload.toml``.  API keys never go there."""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tcc_schemas.faults import faults_of

DEFAULT_IN_FLIGHT: Final = 32
MAX_IN_FLIGHT: Final = 256


class SettingsError(ValueError):
    """A setting is not valid; the message names the setting and says why."""


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


def settings_path(named: Path | str | None, environment: Mapping[str, str]) -> Path:
    """Return the file that is named, else the user's own."""
    home = environment.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")  # noqa: PTH111 -- it never raises
    return Path(named or Path(home, "tcc", "upload.toml"))


def read_settings_file(named: Path | str | None, environment: Mapping[str, str]) -> TomlFile:
    """Return the settings of the file; the defaults if the user's own is not there.  Raises :class:`SettingsError`."""
    path = settings_path(named, environment)
    text = ""
    try:
        text = path.read_text(encoding="utf-8-sig")
        return TomlFile.model_validate(tomllib.loads(text))
    except OSError as error:
        if not named and isinstance(error, FileNotFoundError | NotADirectoryError):
            return TomlFile.model_construct()  # the defaults: a validator is not built for them, which takes 20 ms
        raise SettingsError(f"can't read the settings file {path}: {error.strerror}") from error
    except ValidationError as error:
        raise SettingsError("\n".join(_faults(path, text, error))) from error
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
    return f"there is no setting {name!r}; there are {', '.join(TomlFile.model_fields)}"


def _line(text: str, name: str) -> str:
    """Return the line on which a name is set, if it is found."""
    pattern = re.compile(rf"""\s*(\[+\s*)?["']?{re.escape(name)}["']?\s*[=.\]]""")
    lines = (number for number, line in enumerate(text.splitlines(), 1) if pattern.match(line))
    number = next(lines, None)
    return f", line {number}" if number else ""
