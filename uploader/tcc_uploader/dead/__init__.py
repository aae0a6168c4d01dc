"""Dead letters: one file for each record that can't be delivered as it is; and requests to send or drop a letter.

Imports ``spool``, ``transport.answers``, ``model`` and ``files``.  Begin with ``store``.
"""
