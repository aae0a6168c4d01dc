"""Pack spools into one file that can be carried, check it, and remove what it holds.

Imports ``sources``, ``spool``, ``ledger`` and below, never ``delivery``.  Begin with ``build``.
"""
