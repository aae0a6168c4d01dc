"""What the journal's tests share with others."""

from end_to_end_world import world
from uploader.rigging import rig, server

__all__ = ["rig", "server", "world"]
