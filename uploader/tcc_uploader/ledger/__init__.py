"""The ledger: which keys were delivered, which records are dead, and the counts of every segment.

Imports ``model`` and ``files``.  Only this package (and the sandbox) uses a database.  Begin with ``model/ledger.py``,
then ``sqlite``.
"""
