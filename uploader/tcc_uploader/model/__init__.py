"""What a record's life is made of, as plain values.

Imports nothing of this program and touches no file, socket or clock.  Begin with ``fate``.
"""
