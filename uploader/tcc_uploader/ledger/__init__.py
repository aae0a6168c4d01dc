"""What is known of every key and segment: which were delivered, which are dead, how many of each.

Imports ``model`` and ``files``.  SQLite is imported here alone.  Begin with ``rows``, then ``sqlite``.
"""
