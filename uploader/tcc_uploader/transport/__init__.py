"""Bytes to a server and the answer back: connections, sending threads, and what an answer means.

Imports nothing of this program.  ``httpx`` is imported here (and in ``inspect.doctor``) alone.  Begin with ``answers``.
"""
