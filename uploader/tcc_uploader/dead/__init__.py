"""Dead letters: a file for each record that can't be delivered as it is, and the requests to send or drop one.

Imports ``spool``, ``transport.answers``, ``model`` and ``files``.  Begin with ``store``.
"""
