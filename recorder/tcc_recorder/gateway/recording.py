"""Writes posts to the spool: small ones between two turns of the server's loop, all that takes long in threads."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from tcc_recorder.config import WriterConfig
from tcc_recorder.redact.policy import Policy
from tcc_recorder.spool.writer import SpoolWriter

from .posts import Made, Post, line_of

_QUICK: Final = 64 * 1024
"""Bytes of a body whose line is made and written at once: other connections wait for less than a millisecond."""
_TOGETHER: Final = 32
"""Requests that may wait for the same sync of the disk."""


class Recording:
    """The spool's writer, and what makes lines for it.  A writer's failures are in its log."""

    def __init__(self, config: WriterConfig, policy: Policy) -> None:
        self._policy = policy
        self._writer = SpoolWriter(config)
        self._syncs = config.durability == "power"
        self._making = ThreadPoolExecutor(1, "tcc-gateway-making")  # one, because a large body's line takes memory
        self._writing = ThreadPoolExecutor(_TOGETHER, "tcc-gateway-writing")

    async def record(self, post: Post) -> Made | None:
        """Write a post; return what was written, None if that failed.

        Raises what :func:`.posts.line_of` raises.
        """
        loop = asyncio.get_running_loop()
        is_quick = post.encoding is None and len(post.body) <= _QUICK
        made = (
            line_of(post, self._policy)
            if is_quick
            else await loop.run_in_executor(self._making, line_of, post, self._policy)
        )
        if is_quick and not self._syncs:
            stored = self._writer.record([made.line])
        else:
            stored = await loop.run_in_executor(self._writing, self._writer.record, [made.line])
        return made if stored else None

    def close(self) -> None:
        """Write what has begun, and seal the spool's segment."""
        self._making.shutdown()
        self._writing.shutdown()
        self._writer.close()
