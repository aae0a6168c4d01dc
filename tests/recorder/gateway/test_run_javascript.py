"""``tcc-record run`` with the official JavaScript package; the others run in ``make integrations``."""

import os
import shutil
from pathlib import Path

import pytest

from support.through_gateway import carried, record
from support.worlds import World

ROOT = Path(__file__).parents[3]
PACKAGES = ROOT / "tests" / "integrations" / "npm" / "node_modules"
NEEDED = "TCC_TEST_NPM"
"""The environment variable with which missing packages are a failure: CI must not skip."""


@pytest.fixture
def agent(tmp_path: Path) -> Path:
    """Return a program that uses the official package; skip the test where that is not installed."""
    if not PACKAGES.is_dir():
        assert NEEDED not in os.environ, f"{PACKAGES} is missing"
        pytest.skip("needs `npm ci` in tests/integrations/npm")
    (tmp_path / "node_modules").symlink_to(PACKAGES)  # node looks for packages beside the program
    program = tmp_path / "agent.mjs"
    shutil.copy(ROOT / "sample_traces" / "official" / "custom_agent.mjs", program)
    return program


def test_the_official_javascript_packages_posts_arrive_as_they_were_sent(
    world: World, agent: Path, tmp_path: Path
) -> None:
    """A run and its feedback, recorded, bundled and replayed elsewhere: each body is the same."""
    _, sent = record(tmp_path, "node", agent)
    assert [post.path for post in sent] == ["/v1/custom", "/v1/feedback"]
    assert carried(tmp_path, world) == sent
