"""Dead letters: made of records and sent again; one file for each, and requests to send or drop one.

Imports ``spool``, ``transport.answers``, ``model`` and ``files``.  Begin with ``store``.
"""
