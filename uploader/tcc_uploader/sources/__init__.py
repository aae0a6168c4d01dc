"""Whatever a command is given to read: folders, files, archives in archives, standard input.

Imports ``spool`` and below; unpacks nothing to disk.  Begin with ``given``.
"""
