"""Send bytes to a server and classify its answer: connections, sending threads, and the table of answers.

Imports nothing of the uploader.  Only this package imports ``httpx``.  Begin with ``answers``.
"""

import sys

if "httpx" not in sys.modules:
    # httpx imports its own command, with rich and pygments, unless it can't (None): half of the time that it takes
    sys.modules["httpx._main"] = None  # type: ignore[assignment]
    import httpx  # noqa: F401

    del sys.modules["httpx._main"]
