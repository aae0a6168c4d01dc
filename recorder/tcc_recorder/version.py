"""The version, as a constant: asking the package metadata for it would cost an agent 50 ms at its first record."""

__version__ = "0.1.0"
