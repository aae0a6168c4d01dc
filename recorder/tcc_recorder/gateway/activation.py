"""Socket activation: the system listens and starts the gateway with that socket, so that a restart refuses nobody.

The protocol is systemd's (``sd_listen_fds(3)``): ``LISTEN_FDS`` sockets from descriptor 3 on, for ``LISTEN_PID``.
"""

import os
import socket
from collections.abc import MutableMapping
from typing import Final

_FIRST: Final = 3
_NAMES: Final = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")


def given_socket(environment: MutableMapping[str, str]) -> socket.socket | None:
    """Return the socket that this process was started with; None if it was started with none.

    The variables are removed: they are not for children.  Raises ValueError if there is more than one socket, OSError
    if it is none.
    """
    found = [environment.pop(name, "") for name in _NAMES]
    if found[0] != str(os.getpid()) or found[1] in ("", "0"):
        return None
    if found[1] != "1":
        raise ValueError(f"the gateway takes one socket, and was given {found[1]} (LISTEN_FDS)")
    return socket.socket(fileno=_FIRST)
