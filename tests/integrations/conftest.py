"""A server that stands for Observatory."""

from support.worlds import world

__all__ = ["world"]
