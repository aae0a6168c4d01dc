"""Where the spool and the uploader's state lie if nobody says otherwise."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path


def spool_dir(environment: Mapping[str, str]) -> Path:
    """Return ``TCC_SPOOL_DIR``, else ``tcc/spool`` in the user's state directory."""
    return _place(environment, "TCC_SPOOL_DIR", "spool")


def state_dir(environment: Mapping[str, str]) -> Path:
    """Return ``TCC_STATE_DIR``, else ``tcc/state`` in the user's state directory."""
    return _place(environment, "TCC_STATE_DIR", "state")


def _place(environment: Mapping[str, str], variable: str, name: str) -> Path:
    configured = environment.get(variable)
    if configured:
        return Path(configured).expanduser().absolute()
    return _user_state(environment) / "tcc" / name


def _user_state(environment: Mapping[str, str]) -> Path:
    """Return the user's state directory (platformdirs knows it too, and costs an agent 8 ms at import)."""
    configured = environment.get("XDG_STATE_HOME")
    if configured and Path(configured).is_absolute():
        return Path(configured)
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 -- Path.home() raises where no home is known
    if sys.platform == "darwin":
        return home / "Library" / "Application Support"
    if sys.platform == "win32":
        return Path(environment.get("LOCALAPPDATA") or home / "AppData" / "Local")
    return home / ".local" / "state"
