"""Each official integration, for real: ``make integrations`` installs them, and runs these tests; CI takes one.

The programs are those of ``sample_traces/official``; their models are on loopback.  What can't be installed here is
named in pytest's summary.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.recorded import run_program
from support.through_gateway import carried, record
from support.worlds import World

ASKED = os.environ.get("TCC_TEST_INTEGRATIONS", "").split(",")
"""Which of them are tried: names, or ``all``."""
OFFICIAL = Path(__file__).parents[2] / "sample_traces" / "official"
UNAVAILABLE = 69
PATHS = {
    "contextcompany": {"/v1/custom", "/v1/feedback"},
    "litellm": {"/v1/otel-steps"},
    "langchain": {"/v1/traces"},
    "agno": {"/v1/traces"},
    "crewai": {"/v1/custom"},
    "claude": {"/v1/claude"},
    "custom": {"/v1/custom", "/v1/feedback"},
    "otel": {"/v1/traces"},
}
"""Where each integration posts."""
UNPUBLISHED = ("ai-sdk", "claude", "langchain", "mastra", "openclaw", "pi")
"""Packages that the documentation of @contextcompany names, and that no npm registry had in November 2026."""


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", PATHS)
def test_what_an_integration_posts_arrives_as_it_was_sent(name: str, world: World, tmp_path: Path) -> None:
    """Recorded, bundled, and replayed elsewhere: the server gets the bytes that the SDK sent."""
    if not {name, "all"} & set(ASKED):
        pytest.skip("make integrations runs it")
    installed = subprocess.run([sys.executable, OFFICIAL / "environments.py", name], capture_output=True, check=False)
    if installed.returncode == UNAVAILABLE:
        pytest.skip(installed.stderr.decode().splitlines()[-1])
    assert installed.returncode == 0, installed.stderr.decode()
    runs = json.loads(installed.stdout)
    _, sent = record(tmp_path, *runs["command"], **runs["environment"])
    assert {post.path for post in sent} == PATHS[name]
    assert carried(tmp_path, world) == sent


@pytest.mark.skipif("all" not in ASKED, reason="make integrations runs it")
@pytest.mark.parametrize("name", UNPUBLISHED)
def test_packages_that_can_not_be_had(name: str) -> None:
    """A package that is not published can't be run here; when it is, a program for it must be written."""
    found = run_program("npm", "view", f"@contextcompany/{name}", "version")
    if found.returncode:
        pytest.skip(f"@contextcompany/{name} can't be installed here: {found.stderr.splitlines()[0]}")
    pytest.fail(
        f"@contextcompany/{name} {found.stdout.strip()} can be had now: add a program to sample_traces/official"
    )
