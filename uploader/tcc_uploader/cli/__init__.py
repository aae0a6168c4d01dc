"""The ``tcc-upload`` command: one module per subcommand; they parse, call and print.

Imports everything below it; ``click`` and ``rich`` are imported here alone.  Begin with ``main``.
"""
