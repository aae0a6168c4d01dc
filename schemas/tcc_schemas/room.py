"""How much room a spool may take: recorders refuse records beyond it, and uploaders keep delivered ones well below."""

from typing import Final

DEFAULT_MAX_BYTES: Final = 1024**3
"""The most bytes that a spool may hold, unless its recorders are told otherwise."""
MIN_FREE: Final = 64 * 1024 * 1024
"""Bytes of free disk below which records are refused."""
