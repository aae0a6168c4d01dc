"""Fixtures that end-to-end tests share."""

from support.worlds import world

__all__ = ["world"]
