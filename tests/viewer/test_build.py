"""The page's program and style in the package are what their sources build."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from support.browser import NEEDED

VIEWER = Path(__file__).parents[2] / "uploader" / "viewer"
ASSETS = VIEWER.parent / "tcc_uploader" / "inspect" / "report" / "assets"
MOST = 120_000
"""Bytes of program and style together: they are in every report."""


@pytest.fixture
def npm() -> str:
    """Give npm, with what ``npm ci`` installs."""
    npm = shutil.which("npm")
    if npm is None or not (VIEWER / "node_modules" / "esbuild").exists():
        assert NEEDED not in os.environ, "run npm ci in uploader/viewer"
        pytest.skip("needs node, and npm ci in uploader/viewer")
    return npm


def test_what_is_committed_is_what_is_built(npm: str, tmp_path: Path) -> None:
    """Somebody who changed the sources alone is told."""
    subprocess.run([npm, "run", "--silent", "build", "--", str(tmp_path)], cwd=VIEWER, check=True)
    for name in ("app.js", "app.css"):
        assert (tmp_path / name).read_bytes() == (ASSETS / name).read_bytes(), (
            f"run make viewer: {name} is not up to date"
        )


def test_the_types_of_the_page_hold(npm: str) -> None:
    """The bundler does not look at them."""
    subprocess.run([npm, "run", "--silent", "check"], cwd=VIEWER, check=True)


def test_program_and_style_stay_small() -> None:
    """120 kB together, with the licence of what is in them."""
    assert sum((ASSETS / name).stat().st_size for name in ("app.js", "app.css")) <= MOST
    assert "The MIT License" in (ASSETS / "app.js").read_text(encoding="utf-8")[:200]
