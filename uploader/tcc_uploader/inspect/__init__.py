"""Look and change nothing: what is pending, whether the counts add up, whether this machine can deliver.

Imports everything below it.  Begin with ``survey``.
"""
