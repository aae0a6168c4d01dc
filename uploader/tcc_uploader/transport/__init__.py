"""Send bytes to a server and classify its answer: connections, sending threads, and the table of answers.

Imports nothing of the uploader.  Only this package imports ``httpx``.  Begin with ``answers``.
"""

import sys

if "httpx" not in sys.modules:
    # httpx would import its own command, with rich and pygments, if it can: half of the time that it takes
    sys.modules["httpx._main"] = None  # type: ignore[assignment] -- None: it can't be imported
    import httpx  # noqa: F401

    del sys.modules["httpx._main"]
