"""Receives bodies, so that many large ones at once cost bounded memory."""

import asyncio
from collections import deque
from typing import Final

from .answers import Receive

ROOM: Final = 96 * 1024 * 1024
"""Bytes that the large bodies that are being received may have together."""
_SMALL: Final = 64 * 1024
"""A body up to this size needs no room: the connection has a buffer of this size anyway."""


class BodyTooLargeError(Exception):
    """A body has more bytes than it may."""


class SenderIsGoneError(Exception):
    """The connection ended before the body."""


class Room:
    """Memory that is shared out in the order in which it is asked for.  Not for several threads."""

    def __init__(self, size: int) -> None:
        self.size = self.free = size
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def take(self, size: int) -> None:
        """Take ``size`` bytes; wait until they are free."""
        if size <= self.free and not self._waiting:
            self.free -= size
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((size, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give(size)
            raise

    def give(self, size: int) -> None:
        """Give ``size`` bytes back."""
        self.free += size
        while self._waiting:
            size, turn = self._waiting[0]
            if turn.done():  # who waited is gone
                self._waiting.popleft()
            elif size <= self.free:
                self._waiting.popleft()
                self.free -= size
                turn.set_result(None)
            else:
                return


async def received(receive: Receive, room: Room, declared: int | None, limit: int) -> tuple[bytes, int]:
    """Return a request's whole body, and the room that it takes, which the caller gives back.

    ``declared`` is how many bytes come, None if they come in chunks.  What is declared to be large waits for room
    before it is read; what does not say how large it is takes the most that it may have as soon as it is not small any
    more.  So what began to be received can always end.

    Raises BodyTooLargeError or SenderIsGoneError.
    """
    taken = declared if declared is not None and declared > _SMALL else 0
    if taken:
        await room.take(taken)
    body = None
    try:
        parts: list[bytes] = []
        size, more = 0, True
        while more:
            if declared is None and size > _SMALL and not taken:
                await room.take(limit)
                taken = limit
            message = await receive()
            if message["type"] == "http.disconnect":
                raise SenderIsGoneError
            part, more = message["body"], message["more_body"]
            parts.append(part)
            size += len(part)
            if size > limit:
                raise BodyTooLargeError
        body = b"".join(parts)
    finally:
        if body is None:
            room.give(taken)
    return body, taken
