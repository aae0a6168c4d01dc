"""pydantic models of the spool's lines.  :mod:`tcc_schemas.lines` describes, reads and writes the format."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from .endpoints import OTHER_PATHS
from .items import Batch, Feedback, Identifier, Item, Timestamp
from .room import DEFAULT_MAX_BYTES, MIN_FREE, Room

Crc = Annotated[str, Field(pattern="^[0-9a-f]{8}$")]
KeyHint = Annotated[str, Field(pattern="^[0-9a-f]{8}$")]
Whole = Annotated[int, Field(ge=-(2**63), lt=2**63)]
"""An integer that every database and language has."""
Count = Annotated[int, Field(ge=0, lt=2**63)]
ContentType = Annotated[str, Field(pattern="^application/(json|x-protobuf)( *; *charset=utf-8)?$")]
Base64Text = Annotated[str, Field(pattern="^[A-Za-z0-9+/]*={0,2}$")]
"""Only with ``base64``: any bytes."""


class SegmentHeader(BaseModel):
    """The body of a segment's first line: who writes it."""

    model_config = ConfigDict(extra="allow", defer_build=True)

    segment_id: Identifier
    host: str
    boot_id: str = Field(description="the kernel's boot, empty if it is not known: with it a lock can be trusted")
    pid: Whole
    process: str = Field(default="", description="a name of the writing process that no other will ever have")
    sequence: Whole = Field(default=0, description="grows from one segment of a process to its next")
    inode: int = Field(default=0, ge=0, le=2**64 - 1, description="the file's own when it was made: a copy has another")
    sdk_version: str
    durability: Literal["process", "power"]
    max_bytes: Count | None = Field(default=None, description="the most that the writer lets the spool hold")
    min_free: Count | None = Field(default=None, description="bytes of the spool's disk that the writer leaves free")

    @property
    def room(self) -> Room:
        """How much room the writer leaves; what an older one does not tell is what it left."""
        return Room(self.max_bytes or DEFAULT_MAX_BYTES, MIN_FREE if self.min_free is None else self.min_free)


class Seal(BaseModel):
    """The body of a finished segment's last line."""

    model_config = ConfigDict(extra="allow", defer_build=True)

    records: Count
    refused: Count
    crcs: Crc


class _Line(BaseModel):
    model_config = ConfigDict(extra="allow", defer_build=True)

    v: Literal[1] = 1
    crc: Crc
    n: Count
    id: Identifier
    at: Timestamp


class SegmentLine(_Line):
    """The first line of a segment."""

    kind: Literal["segment"]
    body: SegmentHeader


class SealLine(_Line):
    """The last line of a finished segment."""

    kind: Literal["seal"]
    body: Seal


class JournalLine(_Line):
    """What a run without an end would be recovered from: the run as it was, or a child of it that had ended."""

    kind: Literal["journal"]
    run_id: str
    url: str | None = None
    key: KeyHint | None = None
    converted: Literal[True] | None = None
    body: dict[str, JsonValue]


class _RecordLine(_Line):
    run_id: str | None = None
    path: str
    type: ContentType | None = None
    encoding: Literal["gzip", "deflate"] | None = None
    base64: Literal[True] | None = Field(default=None, description="the body is a JSON string of base64")
    url: str | None = None
    key: KeyHint | None = None
    converted: Literal[True] | None = None


class ItemLine(_RecordLine):
    """A run, alone or with the children that had ended, or a late step or tool call."""

    kind: Literal["run", "step", "tool_call"]
    run_id: str
    path: Literal["/v1/custom"]
    body: Annotated[Item | Batch | Base64Text, Field(union_mode="left_to_right")]


class FeedbackLine(_RecordLine):
    """Feedback on a run."""

    kind: Literal["feedback"]
    run_id: str
    path: Literal["/v1/feedback"]
    body: Annotated[Feedback | Base64Text, Field(union_mode="left_to_right")]


class PostLine(_RecordLine):
    """A request of another official package, as it was posted."""

    kind: Literal["claude", "mastra", "pi", "openclaw", "otlp", "otlp-steps", "post"]
    path: Annotated[str, Field(pattern=f"^{OTHER_PATHS}$")]
    body: JsonValue


SpoolLine = Annotated[
    SegmentLine | SealLine | JournalLine | ItemLine | FeedbackLine | PostLine, Field(discriminator="kind")
]
