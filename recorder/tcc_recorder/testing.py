"""Helpers for the tests of programs that record."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import orjson

from tcc_schemas.lines import Line, LineReader

from . import sink


class Captured:
    """What was recorded, in order, in the form that the spool would hold."""

    def __init__(self) -> None:
        self._raw: list[bytes] = []

    def record(self, lines: Sequence[bytes], done: Callable[[], object] | None = None) -> bool:
        """Keep lines."""
        self._raw.extend(lines)
        if done is not None:
            done()
        return True

    def flush(self) -> bool:
        """Do nothing: records in memory can't be more durable."""
        return True

    @property
    def lines(self) -> list[Line]:
        """The records, as lines of the spool."""
        return [line for line in LineReader().read(b"".join(self._raw)) if isinstance(line, Line)]

    @property
    def runs(self) -> list[dict[str, Any]]:
        """The runs as they would be sent, without their children."""
        return self._items("run")

    @property
    def steps(self) -> list[dict[str, Any]]:
        """The steps as they would be sent."""
        return self._items("step")

    @property
    def tool_calls(self) -> list[dict[str, Any]]:
        """The tool calls as they would be sent."""
        return self._items("tool_call")

    @property
    def feedback(self) -> list[dict[str, Any]]:
        """The feedback as it would be sent."""
        return [orjson.loads(line.body) for line in self.lines if line.kind == "feedback"]

    def _items(self, kind: str) -> list[dict[str, Any]]:
        bodies = [orjson.loads(line.body) for line in self.lines]
        items = [item for body in bodies for item in body.get("items", [body])]
        return [item for item in items if item.get("type") == kind]


@contextmanager
def capture() -> Iterator[Captured]:
    """Keep what this process records in memory instead of on disk, until the block ends.

    ::

        with capture() as captured:
            my_agent("hello")
        assert captured.runs[0]["response"] == "hello to you"

    Blocks may be nested; the innermost one gets the records of all threads.
    """
    captured = Captured()
    sink.push(captured)
    try:
        yield captured
    finally:
        sink.remove(captured)
