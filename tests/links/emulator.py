"""A link between two network namespaces for kernels without netem: two TUN devices, and this process between them.

The kernels' TCP is the real one, only the link is a program: it drops packets, sends one after the other at a rate, and
delivers them later.  It does this in both directions, as netem does at both ends.
"""

import fcntl
import os
import random
import select
import struct
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field

_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
_QUEUE = 1000
"""Packets that wait at most, as in netem."""


@dataclass
class Direction:
    """Packets from one device to the other.  ``rate`` in bits per second, ``delay`` in seconds."""

    source: int
    sink: int
    rate: float
    delay: float
    loss: float
    _free: float = 0.0
    _waiting: deque[tuple[float, bytes]] = field(default_factory=deque)

    def take(self, now: float) -> None:
        """Take one packet; drop it by chance, or if too many wait."""
        packet = os.read(self.source, 65_536)
        if random.random() < self.loss or len(self._waiting) >= _QUEUE:
            return
        self._free = max(self._free, now) + len(packet) * 8 / self.rate
        self._waiting.append((self._free + self.delay, packet))

    def deliver(self, now: float) -> float:
        """Deliver what is due; return in how many seconds the next packet is."""
        while self._waiting and self._waiting[0][0] <= now:
            packet = self._waiting.popleft()[1]
            with suppress(OSError):  # an end that is gone
                os.write(self.sink, packet)
        return self._waiting[0][0] - now if self._waiting else 1.0


def open_tun(name: str) -> int:
    """Make a TUN device; return its descriptor.  Raises OSError."""
    tun = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tun, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI))
    return tun


def carry(near: int, far: int, rate: float, delay: float, loss: float) -> None:
    """Carry packets between two devices until the process is killed; half of the delay each way."""
    random.seed(1)
    ways = {
        near: Direction(near, far, rate, delay / 2, loss),
        far: Direction(far, near, rate, delay / 2, loss),
    }
    while True:
        now = time.monotonic()
        wait = min(way.deliver(now) for way in ways.values())
        for ready in select.select(list(ways), [], [], max(0.0, wait))[0]:
            ways[ready].take(time.monotonic())
