"""The service manager that started this process: it hears datagrams on ``NOTIFY_SOCKET``, as ``sd_notify(3)`` says."""

import os
import socket
import sys
from collections.abc import Mapping
from math import inf
from typing import Final

_PATIENCE: Final = 1.0
"""Seconds for which a full socket is waited for."""


class ServiceManager:
    """Whoever is told how a service is; false where nobody is to be told."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = f"\0{address[1:]}" if address.startswith("@") else address  # Linux: a name without a file
        interval = environment.get("WATCHDOG_USEC", "")
        is_ours = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self.alive_every = int(interval) / 2e6 if interval.isdecimal() and is_ours else inf
        """Seconds after which it should hear ``WATCHDOG=1`` again: half of its patience; infinite if it has no end."""

    def __bool__(self) -> bool:
        return bool(self._address) and sys.platform != "win32"

    def tell(self, *said: str) -> None:
        """Send one datagram, if somebody is to be told.  Raises OSError."""
        if not self or sys.platform == "win32":
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.settimeout(_PATIENCE)
            channel.sendto("\n".join(said).encode(), os.fsencode(self._address))
