"""Decide, send, settle: what becomes of every pending record.

One thread runs all of it; ``transport.pool`` sends in others.  Imports everything below it, never ``bundle``.
Begin with ``record``, which has the states of a record's life, then ``engine``.
"""
