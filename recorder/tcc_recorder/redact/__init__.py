"""Removes secrets, and texts that are not wanted, from a record before it is written.

Of ``tcc_recorder`` it may import only ``limited_log`` and ``values``.  Begin with ``apply_policy`` in ``policy.py``:
every record passes through it.  The rest is imported when it is needed.  ``scan.py`` looks for secrets in serialised
JSON; each kind of rule has a module that yields spans: tokens told by their shape (``tokens.py``, found by ``runs.py``)
or by what stands before them (``behind.py``), values behind a name (``anchors.py``, ``names.py``, ``assigned.py``),
URLs, command lines, and blocks of other forms.  ``spans.py`` holds every span within the string that it began in.
"""
