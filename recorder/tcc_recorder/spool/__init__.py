"""Writes records to the spool, a local directory: segments, their durability, and how much space they may take.

It may import the modules beside it (settings, log, ids, clock) and ``tcc_schemas``, but nothing that builds records.
Begin with ``writer.py``; ``segment.py`` does all input and output of one file.
"""
