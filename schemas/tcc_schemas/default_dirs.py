"""The directories of the spool and of the uploader's state: their defaults, and how they are created.

This module uses ``os.path``: importing pathlib would take a tenth of the recorder's import time.
"""

import errno
import os
import sys
from collections.abc import Mapping


def spool_dir(environment: Mapping[str, str]) -> str:
    """Return ``TCC_SPOOL_DIR``, else ``tcc/spool`` in the user's state directory.

    Raises RuntimeError if the home directory is needed and not known, OSError if there is no current directory.
    """
    return _place(environment, "TCC_SPOOL_DIR", "spool")


def state_dir(environment: Mapping[str, str]) -> str:
    """Return ``TCC_STATE_DIR``, else ``tcc/state`` in the user's state directory.  Raises as :func:`spool_dir` does."""
    return _place(environment, "TCC_STATE_DIR", "state")


def make_private(folder: str) -> list[str]:
    """Create a directory and its missing parents, each with mode 0700, whatever the umask is.

    Return the directories that got a new entry.  Raises OSError.
    """
    missing = []
    while not os.path.isdir(folder) and folder != os.path.dirname(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    for path in reversed(missing):
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:
            if not os.path.isdir(path):  # else another process was faster
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path) from None
        else:
            if ~os.stat(path).st_mode & 0o700:  # the umask took rights from the owner
                os.chmod(path, 0o700)
    return [os.path.dirname(path) for path in missing]


def _place(environment: Mapping[str, str], variable: str, name: str) -> str:
    configured = environment.get(variable)
    if not configured:
        return os.path.join(_user_state(environment, variable), "tcc", name)
    expanded = os.path.expanduser(configured)
    if expanded.startswith("~"):
        raise RuntimeError(f"no home directory is known for {configured}")
    return os.path.join(os.getcwd(), expanded) if not os.path.isabs(expanded) else expanded


def _user_state(environment: Mapping[str, str], variable: str) -> str:
    """Return the user's state directory (without platformdirs, which takes 8 ms to import)."""
    configured = environment.get("XDG_STATE_HOME")
    if configured and os.path.isabs(configured):
        return configured
    home = os.path.expanduser("~")
    if not os.path.isabs(home):  # else records would go below whatever directory is the current one
        raise RuntimeError(f"no home directory is known: set {variable}")
    if sys.platform == "darwin":
        return os.path.join(home, "Library", "Application Support")
    if sys.platform == "win32":
        return environment.get("LOCALAPPDATA") or os.path.join(home, "AppData", "Local")
    return os.path.join(home, ".local", "state")
