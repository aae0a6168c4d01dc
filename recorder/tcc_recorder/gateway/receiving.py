"""Receives bodies, so that many large or slow ones at once cost bounded memory and time."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from starlette.requests import ClientDisconnect
from starlette.types import Receive

ROOM: Final = 96 * 1024 * 1024
"""Bytes that the large bodies that are being received may have together."""
_SMALL: Final = 64 * 1024
"""A body up to this size needs no room: the connection has a buffer of this size anyway."""
_SECONDS: Final = 120.0
"""A body must be here that long after there is room for it."""


class BodyTooLargeError(Exception):
    """A body has more bytes than it may."""


class TooSlowError(Exception):
    """A body took too long."""


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


@asynccontextmanager
async def received(receive: Receive, room: Room, declared: int | None, limit: int) -> AsyncIterator[bytes]:
    """Give a request's whole body, of ``declared`` bytes, None if it comes in chunks; at the end give its room back.

    What is declared to be large waits for room before it is read; what does not say how large it is takes the most
    that it may have as soon as it is not small any more.  So what began to be received can always end.

    Raises BodyTooLargeError, TooSlowError, or ClientDisconnect if its sender is gone.
    """
    taken = declared if declared is not None and declared > _SMALL else 0
    if taken:
        await room.take(taken)
    try:
        parts: list[bytes] = []
        size, more = 0, True
        try:
            async with asyncio.timeout(_SECONDS) as deadline:
                while more:
                    if declared is None and size > _SMALL and not taken:
                        deadline.reschedule(None)
                        await room.take(limit)
                        taken = limit
                        deadline.reschedule(asyncio.get_running_loop().time() + _SECONDS)
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ClientDisconnect
                    parts.append(message["body"])
                    size, more = size + len(parts[-1]), message["more_body"]
                    if size > limit:
                        raise BodyTooLargeError
        except TimeoutError as error:
            raise TooSlowError from error
        yield b"".join(parts)
    finally:
        if taken:
            room.give(taken)
