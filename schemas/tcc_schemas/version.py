"""The version, as a constant: asking the package metadata would cost 50 ms at the first record, or command."""

__version__ = "0.1.0"
