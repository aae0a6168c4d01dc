"""Plain values: a record's place and keys, the decision about it, and its dead letter.

Imports nothing of this program and uses no file, socket or clock (but for ``letter.now_text``).  Begin with ``fate``.
"""
