"""Reports that change nothing: what is pending or dead, whether the counts add up, whether this machine can deliver.

Imports everything below it.  Begin with ``survey``.
"""
