"""The API keys that a process holds: from variables, a file, or systemd's credential; never from TOML or an option."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tcc_schemas.endpoints import OFFLINE_KEY, checked_key

from .settings_file import SettingsError, naming

CREDENTIAL: Final = "tcc-api-key"
"""The name of systemd's credential that has API keys."""


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


def read_api_keys(environment: Mapping[str, str], key_file: Path | None) -> tuple[str, ...]:
    """Return all configured API keys without repetitions, the default key first.  Raises :class:`SettingsError`."""
    given = {"TCC_API_KEY": [environment.get("TCC_API_KEY", "")]}
    given["TCC_API_KEYS"] = words_in(environment.get("TCC_API_KEYS", ""))
    if key_file is not None:
        try:
            given = {f"the key file {key_file}": words_in(key_file.read_text(encoding="utf-8-sig")), **given}
        except OSError as error:
            raise SettingsError(f"can't read the key file {key_file}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise SettingsError(f"the key file {key_file} is not UTF-8 text") from error
    keys: list[str] = []
    for setting, texts in given.items():
        with naming(setting):
            keys += map(checked_key, texts)
    return tuple(dict.fromkeys(key for key in keys if key not in ("", OFFLINE_KEY)))


def words_in(text: str) -> list[str]:
    """Return the words of a list, between which there are commas or white space."""
    return text.replace(",", " ").split()
