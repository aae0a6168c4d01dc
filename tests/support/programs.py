"""Programs that a test needs, and that are not on every machine."""

import os
import shutil

import pytest


def needed(name: str, variable: str) -> str:
    """Return the path of a program.

    Skip the test, with a word about it, where it is missing; fail where this variable says that none may be missing.
    """
    path = shutil.which(name)
    if path is None:
        assert variable not in os.environ, f"{name} is missing"
        pytest.skip(f"{name} is not installed: NOT CHECKED")
    return path
