"""Reads a spool: find its files, read them while they grow, decide when a file may be removed.

Imports ``files`` and ``model``, and nothing about ledgers or servers.  Begin with ``segment``.
"""
