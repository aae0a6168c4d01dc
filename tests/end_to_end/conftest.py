"""Fixtures that end-to-end tests share."""

from end_to_end_world import world

__all__ = ["world"]
