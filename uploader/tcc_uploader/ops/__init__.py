"""What a running uploader does for its operators: status file, news for systemd, pruning, one processor.

Imports ``delivery`` and below.  Begin with ``status_file``.
"""
