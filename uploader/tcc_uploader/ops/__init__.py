"""What a running uploader does for its operators: the status file, and which processor it runs on.

Imports ``delivery`` and below.  Begin with ``status_file``.
"""
