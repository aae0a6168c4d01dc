"""What runs, steps and tool calls have in common: identity, times, status, and being ended once."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Any, ClassVar, Final, Self

from .clock import from_datetime, wire_time
from .complaints import complaints
from .records import Ended, Route
from .values import given_text, json_text, text, whole_number

PROMPT: Final = 1
RESPONSE: Final = 2
NAME: Final = 4
OTHER: Final = 8
"""What was called on an item so far, as bits: ``end()`` asks for some, and a run without any is not worth a record."""


_NOT_ENDED: Final[dict[str, Any]] = {}


class Family:
    """What a run and its children share: the children that have ended, until the run takes them.

    An ended child is in exactly one record, without a lock: it is put here, and whoever takes it out writes it.  That
    is the run when it ends; or, if the run has ended by then, the child itself.
    """

    __slots__ = ("_ended", "_taken", "closed")

    def __init__(self, *, closed: bool = False) -> None:
        self.closed = closed
        """Whether nobody will take the children any more."""
        self._ended: dict[int, Ended] = {}
        self._taken: list[Ended] = []

    def add(self, child: Ended) -> bool:
        """Hand in an ended child; return whether it is on its own."""
        ident = id(child)
        self._ended[ident] = child
        return self.closed and self._ended.pop(ident, None) is not None

    def journal(self) -> list[Ended]:
        """Return the children that have ended, whether they were taken or not."""
        return [*self._taken, *self._ended.values()]

    def take(self) -> list[Ended]:
        """Close, and return the children that have ended, in that order; at no moment is one in neither list."""
        self.closed = True
        for ident, child in list(self._ended.items()):
            self._taken.append(child)
            if self._ended.pop(ident, None) is None:
                self._taken.pop()  # it is on its own, after all
        return self._taken


class Item(ABC):
    """A run, step or tool call that is being recorded.

    Setters accept any value, never raise, and return the item itself.
    """

    __slots__ = ("_body", "_claim", "_clock", "_converted", "_family", "_final", "_route", "_run_id", "_seen")
    _label: ClassVar[str]
    _kind: ClassVar[str]
    _id_member: ClassVar[str]
    """The wire dict's member that holds the item's own id."""

    def __init__(self, run_id: str, ident: str, way: Route, family: Family) -> None:
        self._claim = [True]
        started = time.time_ns()
        self._clock = started - time.monotonic_ns()
        """What turns the monotonic clock into time since the epoch."""
        self._body: dict[str, Any] = {
            "type": self._kind,
            "run_id": run_id,
            self._id_member: ident,
            "start_time": wire_time(started),
        }
        self._final = _NOT_ENDED
        """The wire dict, once it has ended."""
        self._run_id = run_id
        self._route = way
        self._family = family
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
        """Say when it began, if that was not when this object was made.  A naive datetime is local time."""
        return self._put_time("start_time", value)

    def end_time(self, value: datetime) -> Self:
        """Say when it ended, if that is not when ``end()`` is called.  A naive datetime is local time."""
        return self._put_time("end_time", value)

    def end(self) -> None:
        """Record it.

        Raises RuntimeError if it has ended already, ValueError if something that the server needs is not set.
        """
        if self._claim:
            self._check()
        self._record(self._take())

    def error(self, status_message: str = "") -> None:
        """Record it as failed.  Secrets in ``status_message`` are redacted.

        Raises RuntimeError if it has ended already.
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
            return  # the block ended it
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
    def _check(self) -> None:
        """Raise ValueError if this may not end yet."""

    @abstractmethod
    def _record(self, body: dict[str, Any]) -> None:
        """Write it, or hand it to the run that it belongs to."""

    def _take(self, status_code: int = 0) -> dict[str, Any]:
        """End it: return its wire dict, which nobody can change any more.

        ``status_code`` is for an item whose status was never set.  Raises RuntimeError if another call ended it
        already; of two threads that end it, in one.
        """
        try:
            self._claim.pop()
        except IndexError:
            raise RuntimeError(f"[TCC] {self._label} has already ended") from None
        self._final, self._body = self._body, {}  # in this order: the journal looks for one or the other
        body = self._final
        if "end_time" not in body:
            body["end_time"] = wire_time(self._clock + time.monotonic_ns())
        if "status_code" not in body:
            body["status_code"] = status_code
        return body

    def _put(self, member: str, value: object) -> Self:
        """Set a text; None leaves the member out."""
        if value is None:
            self._body.pop(member, None)
        else:
            self._body[member] = value if type(value) is str else text(value)
        return self

    def _put_json(self, member: str, value: object) -> Self:
        """Set a text, or JSON text of what the value is now; None leaves the member out."""
        if value is not None:
            value, converted = json_text(value)
            self._converted |= converted
        return self._put(member, value)

    def _put_number(self, member: str, value: object, number: Callable[[object], float | None]) -> None:
        """Set a number, if the value is one; None leaves the member as it was."""
        if type(value) is int:  # nearly always
            self._body[member] = value
        elif value is not None and (found := number(value)) is not None:
            self._body[member] = found

    def _put_time(self, member: str, value: object) -> Self:
        self._seen |= OTHER
        try:
            if not isinstance(value, datetime):
                raise TypeError(f"{type(value).__name__} is no datetime")  # noqa: TRY301 -- both kinds end alike
            self._body[member] = from_datetime(value)
        except Exception as error:  # noqa: BLE001 -- a time zone's own code may raise anything
            complaints.complain(f"{member} is ignored: {text(error)}")
        return self
