"""What every test of the uploader may ask for."""

from pathlib import Path

import pytest

from support.buckets import bucket, object_store
from support.environment import bare_environment
from support.faults import FaultServer
from support.fleet import fleet
from support.postgres import database
from support.rigging import rig, server
from support.shell import Shell
from support.worlds import world

__all__ = ["bare_environment", "bucket", "database", "fleet", "object_store", "rig", "server", "world"]


@pytest.fixture
def shell(tmp_path: Path, server: FaultServer) -> Shell:
    """Give a shell whose settings aim at the server."""
    return Shell(tmp_path, server)
