"""Delivers pending records: decide about each, send it, settle it.

Runs in the engine's thread; only ``transport.pool`` uses other threads.  May import every lower layer.
Begin with ``record``, which lists the states of a record, then ``engine``.
"""
