"""Send bytes to a server and classify its answer: connections, sending threads, and the table of answers.

Imports nothing of the uploader.  Only this package imports ``httpx``.  Begin with ``answers``.
"""
