"""Bad links: a request's body is read slowly, with pauses, or not to its end."""

import random
import threading
from typing import BinaryIO, Final

LINKS: Final = ("slow link", "stalling link", "dead link")
RATES: Final = (20_000, 200_000)
"""Bytes per second of a slow link, at least and at most."""
PAUSES: Final = (0.2, 1.5)
"""Seconds for which a stalling link takes nothing."""
RECEIVE_BUFFER: Final = 4096
"""Bytes that the kernel takes beyond what was read, so that a sender sees how slow its link is."""
_PIECE: Final = 4096


def read_over(link: str, chance: random.Random, gone: threading.Event, connection: BinaryIO, length: int) -> bytes:
    """Read a body over a link of this kind, or what of it had come when its sender was ``gone``."""
    seconds = _PIECE / chance.uniform(*RATES)
    stop = chance.randrange(length)
    """Where a link that stalls does so; each body has one such place."""
    body = b""
    while len(body) < length:
        stalls = len(body) <= stop < len(body) + _PIECE
        if link == "dead link" and stalls:
            gone.wait()
        elif link == "slow link":
            gone.wait(seconds)
        elif link == "stalling link" and stalls:
            gone.wait(chance.uniform(*PAUSES))
        if gone.is_set():
            break
        piece = connection.read(min(_PIECE, length - len(body)))
        if not piece:
            break
        body += piece
    return body
