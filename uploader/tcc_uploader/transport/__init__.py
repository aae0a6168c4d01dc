"""Bytes to a server, and what its answer means."""
