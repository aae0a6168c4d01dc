"""The ``tcc-upload`` command: one module for each subcommand; these modules parse, call and print, and decide nothing.

Imports everything below it; ``click`` and ``rich`` are imported here alone.  Begin with ``main``.
"""
