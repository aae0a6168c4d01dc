"""What a running uploader does for its operators: the status file, and which processor it runs on.

Imports ``delivery`` and below.
"""
