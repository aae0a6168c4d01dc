"""Removes secrets, and texts that are not wanted, from a record before it is written.

Of ``tcc_recorder`` it may import only ``limited_log`` and ``values``.  Begin with ``apply_policy`` in ``policy.py``:
every record passes through it.  ``status.py`` and ``secrets.py`` hold the patterns; they are imported when needed.
"""
