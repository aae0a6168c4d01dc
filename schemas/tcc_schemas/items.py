"""Observatory's wire items as pydantic models, and a whole run for :func:`tcc_recorder.record`.

All keys have the names of the wire.  A key that was not set is absent, never null.  Keys that these models do not know
are kept: the server decides what it accepts.
"""

from datetime import UTC, datetime
from typing import Annotated, Literal, Self
from uuid import uuid4

import orjson
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    PlainSerializer,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from .endpoints import MAX_FEEDBACK_TEXT


def _as_utc(value: object, parse: ValidatorFunctionWrapHandler) -> datetime:
    moment: datetime = parse(value)
    if moment.tzinfo is None and not isinstance(value, datetime):
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("in UTC, this time is before year 1 or after year 9999") from error


def wire_time(value: datetime) -> str:
    """Return a time as it stands on the wire."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _json_text(value: object) -> object:
    try:
        return orjson.dumps(value).decode() if isinstance(value, dict | list) else value
    except orjson.JSONEncodeError as error:
        raise ValueError("it can't be encoded as JSON, or is nested too deep") from error


def _texts(value: object) -> object:
    if not isinstance(value, dict):
        return value
    try:
        return {str(name): text if isinstance(text, str) else str(text) for name, text in value.items()}
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


Timestamp = Annotated[datetime, WrapValidator(_as_utc), PlainSerializer(wire_time, return_type=str)]
"""UTC; on the wire ISO-8601 with milliseconds and ``Z``.

A naive datetime is local time; a text without a zone, as somebody else may write it, is UTC.
"""

Identifier = Annotated[str, Field(min_length=1)]
JsonText = Annotated[str, BeforeValidator(_json_text, json_schema_input_type=str)]
"""A text; a dict or list is encoded as JSON."""

Status = Annotated[int, Field(description="0 success, 1 partial success, 2 error")]


class _Item(BaseModel):
    model_config = ConfigDict(extra="allow", defer_build=True)

    start_time: Timestamp
    end_time: Timestamp
    status_code: Status = 0
    status_message: str | None = None

    def to_wire(self) -> dict[str, JsonValue]:
        """Return the item as a JSON-ready dict, without the members that are not set."""
        return self.model_dump(mode="json", exclude_none=True)


class Prompt(BaseModel):
    """What a run was asked."""

    model_config = ConfigDict(extra="allow", defer_build=True)

    user_prompt: str
    system_prompt: str | None = None
    full_input: JsonText | None = None


class RunItem(_Item):
    """One agent run."""

    type: Literal["run"] = "run"
    run_id: Identifier
    prompt: Prompt | None = None
    session_id: str | None = None
    conversational: bool | None = None
    response: str | None = None
    full_output: JsonText | None = None
    metadata: Annotated[dict[str, str], BeforeValidator(_texts, json_schema_input_type=dict[str, str])] | None = None


class StepItem(_Item):
    """One LLM call of a run.  Tokens are counts, cost is USD, ``ttft_ms`` milliseconds to the first token."""

    type: Literal["step"] = "step"
    run_id: Identifier
    step_id: Identifier
    prompt: str | None = None
    response: str | None = None
    model_requested: str | None = None
    model_used: str | None = None
    finish_reason: str | None = None
    prompt_uncached_tokens: int | None = None
    prompt_cached_tokens: int | None = None
    completion_tokens: int | None = None
    real_total_cost: float | None = None
    tool_definitions: JsonText | None = None
    ttft_ms: float | None = None
    attributes: JsonValue | None = None


class ToolCallItem(_Item):
    """One tool call of a run."""

    type: Literal["tool_call"] = "tool_call"
    run_id: Identifier
    tool_call_id: Identifier
    tool_name: str
    args: JsonText | None = None
    result: JsonText | None = None
    attributes: JsonValue | None = None


Item = Annotated[RunItem | StepItem | ToolCallItem, Field(discriminator="type")]


class Batch(BaseModel):
    """A run with its children in one request: the run, then its steps, then its tool calls.  One run per batch."""

    model_config = ConfigDict(extra="allow", defer_build=True)

    type: Literal["batch"] = "batch"
    items: Annotated[list[Item], Field(min_length=1)]

    @model_validator(mode="after")
    def _one_run(self) -> Self:
        runs = {item.run_id for item in self.items}
        if len(runs) > 1:
            raise ValueError(f"the batch holds items of {len(runs)} runs; write one line per run")
        if sum(item.type == "run" for item in self.items) > 1:
            raise ValueError("the batch holds the same run twice")
        return self


class Feedback(BaseModel):
    """A user's feedback on a run.  ``runId`` is in camel case, unlike all other members."""

    model_config = ConfigDict(extra="allow", defer_build=True)

    runId: Identifier  # noqa: N815 -- the wire's own spelling
    score: Literal["thumbs_up", "thumbs_down"] | None = None
    text: Annotated[str, Field(max_length=MAX_FEEDBACK_TEXT)] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.score and not self.text:
            raise ValueError("feedback needs a score or a text")
        return self


class RunRecord(RunItem):
    """A whole run with its steps and tool calls, for imports and for logging after the run.

    ``run_id``, ``step_id`` and ``tool_call_id`` are generated if they are missing; each child gets the ``run_id`` of
    the run.  Raises :class:`pydantic.ValidationError`, a ValueError, for values that a wire item can't hold.
    """

    run_id: Identifier = Field(default_factory=lambda: str(uuid4()))
    steps: list[StepItem] = []
    tool_calls: list[ToolCallItem] = []

    @model_validator(mode="before")
    @classmethod
    def _adopt_children(cls, data: object) -> object:
        if not isinstance(data, dict):
            return data
        run_id = data.get("run_id") or str(uuid4())
        adopted = {**data, "run_id": run_id}
        for member, id_name in (("steps", "step_id"), ("tool_calls", "tool_call_id")):
            if isinstance(children := data.get(member), list):
                adopted[member] = [
                    {id_name: str(uuid4()), **child, "run_id": run_id} if isinstance(child, dict) else child
                    for child in children
                ]
        return adopted

    def to_items(self) -> list[dict[str, JsonValue]]:
        """Return the wire items: the run first, then its steps, then its tool calls."""
        run = self.model_dump(mode="json", exclude_none=True, exclude={"steps", "tool_calls"})
        return [run, *(child.to_wire() for child in (*self.steps, *self.tool_calls))]
