"""What runs, steps and tool calls have in common: ids, times, status, and that each ends once."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Any, ClassVar, Final, Self

from .clock import ELAPSED, from_datetime, wire_time
from .limited_log import log
from .records import Ended, Route
from .values import Converted, given_text, json_text, text, whole_number

PROMPT: Final = 1
RESPONSE: Final = 2
NAME: Final = 4
OTHER: Final = 8
"""What was called on an item so far, as bits: ``end()`` needs some of them; a run without any is not recorded."""


_NOT_ENDED: Final[dict[str, Any]] = {}


class RunChildren:
    """The children of a run that have ended, until the run takes them.  The run and its children share it.

    Each ended child must be in exactly one record, without a lock.  So a child adds itself here, and whoever removes it
    writes it: the run when it ends, or the child itself if the run has already ended.
    """

    __slots__ = ("_ended", "_taken", "closed")

    def __init__(self, *, closed: bool = False) -> None:
        self.closed = closed
        """Whether the run has taken its children, or takes them now: a later child is recorded alone."""
        self._ended: dict[int, Ended] = {}
        self._taken: list[Ended] = []

    def add(self, child: Ended) -> bool:
        """Add an ended child; return whether it must be recorded alone."""
        ident = id(child)
        self._ended[ident] = child
        return self.closed and self._ended.pop(ident, None) is not None

    def ended(self) -> list[Ended]:
        """Return the children that have ended, taken or not."""
        return [*self._taken, *self._ended.values()]

    def take(self) -> list[Ended]:
        """Close, then return the children that have ended; at every moment each of them is in at least one list."""
        self.closed = True
        ended, taken = self._ended, self._taken
        for ident, child in list(ended.items()):
            taken.append(child)
            if ended.pop(ident, None) is None:
                taken.pop()  # the child removed itself, and is recorded alone
        return taken


class Item(ABC):
    """A run, step or tool call that is being recorded; base class of the three.

    Setters accept any value, never raise, and return the item itself.
    """

    __slots__ = ("_body", "_children", "_claim", "_clock", "_converted", "_final", "_route", "_run_id", "_seen")
    _label: ClassVar[str]
    _kind: ClassVar[str]
    _id_member: ClassVar[str]
    """The member of the wire dict that holds the item's own id."""
    _needs: ClassVar[int]
    """What must have been called before :meth:`end`, as bits."""

    def __init__(self, run_id: str, ident: str, route: Route, children: RunChildren) -> None:
        self._claim = [True]
        started = time.time_ns()
        self._clock = started - ELAPSED.monotonic_ns()
        """Monotonic time plus this is the time since the epoch."""
        self._body: dict[str, Any] = {
            "type": self._kind,
            "run_id": run_id,
            self._id_member: ident,
            "start_time": wire_time(started),
        }
        self._final = _NOT_ENDED
        """The wire dict, once it has ended."""
        self._run_id = run_id
        self._route = route
        self._children = children
        self._converted = False
        self._seen = 0

    def status(self, code: int, message: str | None = None) -> Self:
        """Set the status: 0 success, 1 partial success, 2 error.  Secrets in ``message`` are redacted."""
        self._seen |= OTHER
        number = whole_number(code)
        if number is not None:
            self._body["status_code"] = number
        if message is not None:
            self._body["status_message"] = text(message)
        return self

    def start_time(self, value: datetime) -> Self:
        """Set when it began; without this call, when this object was made.  A naive datetime is local time."""
        return self._put_time("start_time", value)

    def end_time(self, value: datetime) -> Self:
        """Set when it ended; without this call, when ``end()`` is called.  A naive datetime is local time."""
        return self._put_time("end_time", value)

    def end(self) -> None:
        """Record it.

        Raises RuntimeError if it has already ended, ValueError if something that the server needs is not set.
        """
        if self._seen & self._needs != self._needs and self._claim:
            raise ValueError(self._missing())
        self._record(self._take())

    def error(self, status_message: str = "") -> None:
        """Record it as failed.  Secrets in ``status_message`` are redacted.

        Raises RuntimeError if it has already ended.
        """
        body = self._take()
        body["status_code"] = 2
        message = given_text(status_message)
        if message:
            body["status_message"] = message
        self._record(body)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._claim:
            return  # the block has ended it
        if error is None:
            self.end()
        else:
            self.error(f"{type(error).__name__}: {text(error)}")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)

    @abstractmethod
    def _missing(self) -> str:
        """Return what the error says if something that the server needs is not set."""

    @abstractmethod
    def _record(self, body: dict[str, Any]) -> None:
        """Write it, or add it to its run."""

    def _take(self, status_code: int = 0) -> dict[str, Any]:
        """End it: return its wire dict, which no setter can change any more.

        ``status_code`` is the default if no status was set.  Raises RuntimeError if it has already ended; if two
        threads end it at the same time, in one of them.
        """
        try:
            self._claim.pop()
        except IndexError:
            raise RuntimeError(f"[TCC] {self._label} has already ended") from None
        self._final, self._body = self._body, {}  # in this order: another thread's journal uses one or the other
        body = self._final
        if "end_time" not in body:
            body["end_time"] = wire_time(self._clock + ELAPSED.monotonic_ns())
        if body["end_time"] < body["start_time"]:  # noqa: PLR1730 -- max() would cost a call
            # told by clocks that differ: it took no time, rather than less
            body["end_time"] = body["start_time"]
        if "status_code" not in body:
            body["status_code"] = status_code
        return body

    def _put(self, member: str, value: object) -> Self:
        """Set a text; None leaves the member out."""
        if value is None:
            self._body.pop(member, None)
        elif type(value) is str:
            self._body[member] = value
        else:
            self._converted |= type(value) is Converted
            self._body[member] = text(value)
        return self

    def _put_json(self, member: str, value: object) -> Self:
        """Set a text, or the JSON text of the value as it is now; None leaves the member out."""
        if value is not None:
            value, converted = json_text(value)
            self._converted |= converted
        return self._put(member, value)

    def _put_number(self, member: str, value: object, number: Callable[[object], float | None]) -> None:
        """Set a number, if the value is one; None leaves the member as it was."""
        if value is not None and (found := number(value)) is not None:
            self._body[member] = found

    def _put_time(self, member: str, value: object) -> Self:
        self._seen |= OTHER
        try:
            if not isinstance(value, datetime):
                raise TypeError(f"{type(value).__name__} is not a datetime")  # noqa: TRY301 -- handled as the conversion's errors are
            self._body[member] = from_datetime(value)
        except Exception as error:  # noqa: BLE001 -- a time zone's own code may raise anything
            log.warning(f"{member} is ignored: {text(error)}")
        return self
