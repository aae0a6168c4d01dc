"""A run as people look at it: plain values, made of whatever was recorded.

Wire items come from strangers, and a view must show also what a server would refuse.  So every member is read as far
as it can be: a member of another type is taken as text, or as if it was missing.  ``wire`` has the item as it is.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from math import isfinite
from pathlib import Path
from typing import Final, NamedTuple

from tcc_schemas.lines import Line
from tcc_uploader.files import file_name
from tcc_uploader.model.body import Wire
from tcc_uploader.spool.format import Format

from .fates import Fate
from .messages import as_text, spoken

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MOST: Final = 10**12
"""The greatest count that is believed, so that sums stay numbers that every database and reader of JSON has."""
_MOST_USD: Final = 1e6
"""The same for the cost of a call: in millionths of a dollar, which a report has, it is the greatest count."""


class Outcome(Enum):
    """How a run, step or tool call ended."""

    SUCCESS = "success"
    PARTIAL = "partial"
    ERROR = "error"
    UNENDED = "unended"
    """There is no record of its end: it still runs, or its process died."""
    MISSING = "missing"
    """Only late steps, tool calls or feedback of the run are here."""
    UNKNOWN = "unknown"
    """What an SDK posted about it does not say."""


class Source(NamedTuple):
    """A file, or a member of an archive, whose lines can be read again.

    ``identity`` is the file's device and inode; None if the lines are in the temporary file.
    """

    name: str
    segment_id: str
    format: Format
    identity: int | None


class Record(NamedTuple):
    """One line about a run, and where it stands."""

    source: Source
    line: Line


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """What runs, steps and tool calls have in common; ``message`` is the status message, empty if there is none."""

    id: str
    start: datetime | None = None
    end: datetime | None = None
    outcome: Outcome
    message: str = ""
    wire: Wire = field(default_factory=dict)

    @property
    def ms(self) -> float | None:
        """How long it took, in milliseconds; None if a time is missing."""
        if self.start is None or self.end is None:
            return None
        return (self.end - self.start).total_seconds() * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(Timed):
    """One LLM call.  Tokens are counts; cost is in USD, None if it is not known."""

    model: str = ""
    """The model that answered; if that is not known, the one that was asked for."""
    tokens_in: int = 0
    """Tokens of the prompt that were not cached."""
    tokens_cached: int = 0
    tokens_out: int = 0
    cost: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall(Timed):
    """One tool call; arguments and result as text, mostly JSON."""

    name: str = ""
    args: str = ""
    result: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span(Timed):
    """Something else that happened, which an SDK posted: a node of a graph, a sub-agent, a message of another type."""

    name: str = ""
    input: str = ""
    output: str = ""


Call = Step | ToolCall | Span


class Post(NamedTuple):
    """A request that is shown as it is, because nothing here can tell what it says."""

    kind: str
    path: str
    type: str
    encoding: str
    """Empty if it was sent as it is."""
    size: int
    """Bytes, as it was sent."""
    reason: str
    """Why it can't be read."""
    body: Wire
    """One member: ``json``, its value; or else ``text`` or ``base64``, the beginning of it."""

    @property
    def title(self) -> str:
        """The facts of it in one line."""
        form = f"{self.type}, {self.encoding}" if self.encoding else self.type
        return f"{self.kind} {self.path}  {self.size:,} bytes  {form}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """A user's feedback; ``score`` is ``thumbs_up``, ``thumbs_down`` or empty, ``at`` when it was given."""

    id: str
    at: str
    score: str = ""
    text: str = ""
    wire: Wire = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run(Timed):
    """A run with all that belongs to it: calls and spans by their start, feedback by its time."""

    key_hint: str | None = None
    """The first 8 hex digits of the sha256 of its API key; None if it was made without one."""
    at: str = ""
    """When it was recorded, as its line tells: ISO-8601."""
    session_id: str = ""
    prompt: str = ""
    response: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    spans: tuple[Span, ...] = ()
    posts: tuple[Post, ...] = ()
    feedback: tuple[Feedback, ...] = ()
    fate: Fate = ""
    records: tuple[Record, ...] = ()
    """The lines that it was made of, the run's own first; journal lines if it has no end."""

    @property
    def source(self) -> str:
        """The file or archive member with its own record."""
        return file_name(Path(self.records[0].source.name)) if self.records else ""

    @property
    def calls(self) -> list[Call]:
        """All steps, tool calls and spans, by their start (a span before what it began with); none: it comes last."""
        return sorted((*self.spans, *self.steps, *self.tool_calls), key=by_start)

    @property
    def title(self) -> str:
        """What it was asked; if that is not told, the first thing that is."""
        if self.prompt:
            return self.prompt
        asked = (
            spoken(call.wire.get("prompt"), "user") if isinstance(call, Step) else call.name for call in self.calls
        )
        return next(filter(None, (text_of(self.attributes, "name"), *asked, *(post.title for post in self.posts))), "")

    @property
    def attributes(self) -> Wire:
        """What an SDK posted of the run itself that has no other place."""
        found = self.wire.get("attributes")
        return found if isinstance(found, dict) else {}

    @property
    def models(self) -> list[str]:
        """The models that answered, each once, in order."""
        return list(dict.fromkeys(step.model for step in self.steps if step.model))

    @property
    def agent(self) -> str:
        """The agent's name, as its metadata tell; empty if they don't."""
        return self.metadata.get("agent") or self.metadata.get("workflow_name", "")

    @property
    def tokens_in(self) -> int:
        """Tokens of all prompts that were not cached."""
        return sum(step.tokens_in for step in self.steps)

    @property
    def tokens_cached(self) -> int:
        """Tokens of all prompts that were cached."""
        return sum(step.tokens_cached for step in self.steps)

    @property
    def tokens_out(self) -> int:
        """Tokens of all answers."""
        return sum(step.tokens_out for step in self.steps)

    @property
    def tokens(self) -> int:
        """All tokens."""
        return self.tokens_in + self.tokens_cached + self.tokens_out

    @property
    def cost(self) -> float | None:
        """What all steps cost in USD; if none tells, what the run itself says; None if that does not tell either."""
        told = [step.cost for step in self.steps if step.cost is not None]
        return sum(told) if told else cost_of(self.wire, "real_total_cost")


def by_start(item: Timed) -> tuple[bool, datetime | None]:
    """Return the key that sorts items by their start; those without one come last."""
    return item.start is None, item.start


def text_of(wire: Wire, name: str) -> str:
    """Return a member as text: what is no text as JSON, and what is missing as ``""``."""
    return as_text(wire.get(name))


def count_of(wire: Wire, name: str) -> int:
    """Return a member that is a count; what is none as 0, and what is more than anybody can have as the most."""
    return int(min(max(0, _number_of(wire, name) or 0), _MOST))


def cost_of(wire: Wire, name: str) -> float | None:
    """Return a member that is USD; what is no number as None, and what no call can cost as the most that one can."""
    value = _number_of(wire, name)
    return None if value is None else min(max(-_MOST_USD, value), _MOST_USD)


def _number_of(wire: Wire, name: str) -> float | None:
    value = wire.get(name)
    return value if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value) else None


def ms_of(moment: datetime | None) -> int:
    """Return a time in milliseconds since 1970; 0, the oldest time of all, if there is none."""
    return (moment - _EPOCH) // timedelta(milliseconds=1) if moment else 0


def outcome_of(wire: Wire) -> Outcome:
    """Return the outcome that an item's status code tells; a code that is none of ours is an error."""
    code = wire.get("status_code")
    if code in (None, 0):
        return Outcome.SUCCESS
    return Outcome.PARTIAL if code == 1 else Outcome.ERROR
