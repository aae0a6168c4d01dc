"""One spool, read: find its files, follow them as they grow, know when one may be removed.

Imports ``files`` and ``model``; knows nothing of ledgers and servers.  Begin with ``segment``.
"""
