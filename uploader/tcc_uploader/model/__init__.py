"""A record's place, its keys, what becomes of it, and its letter, as plain values.

Imports nothing of this program and touches no file, socket or clock.  Begin with ``fate``.
"""
