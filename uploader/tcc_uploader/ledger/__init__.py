"""What is known of every key and segment: which were delivered, which are dead, how many of each.

Imports ``model`` and ``files``.  A database is imported here alone (and in the sandbox).  Begin with ``rows``, then
``sqlite``.
"""
