"""Plain values: a record's place and keys, the decision about it, its dead letter; and what a ledger is.

Imports nothing of this program and uses no file, socket or clock (but for ``letter.now_text``).  Begin with ``fate``.
"""
