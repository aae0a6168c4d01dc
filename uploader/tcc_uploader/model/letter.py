"""A dead letter: a record that can't be delivered as it is, with the reason and the server's answer."""

import base64
import hashlib
from datetime import UTC, datetime
from typing import Annotated, Literal, Self

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from tcc_schemas.endpoints import can_be_path
from tcc_schemas.faults import fault_text
from tcc_schemas.lines import CONTENT_TYPE, Line
from tcc_schemas.plain import plain_record
from tcc_schemas.records import Count, Whole
from tcc_schemas.splitter import RawLine


class Letter(BaseModel, defer_build=True):
    """A record that can't be delivered as it is, or a plain line that is no record.

    ``body`` is what could not be delivered, in base64: a record's body, or only those of its items that were refused.
    """

    id: str
    reason: str
    detail: str
    status: Whole | None = None
    answer: str = ""
    url: str | None = None
    segment: str
    line: Count
    source: str = ""
    """The path of the file that held the record."""
    kind: str = ""
    record_id: str = ""
    run_id: str = ""
    path: str = ""
    record_url: str | None = None
    key: Annotated[str, Field(pattern="^[0-9a-f]{8}$")] | None = None
    """The hint of the API key that the record was made with."""
    default_key: Annotated[str, Field(pattern="^[0-9a-f]{8}$")] | None = None
    """The hint of the default key of the uploader that made the letter: that is the key of a record without a hint."""
    type: str | None = None
    """The body's content type; None: JSON."""
    encoding: Literal["gzip", "deflate"] | None = None
    """The body's content encoding; None: it is not encoded."""
    digest: Whole
    """The digest of the whole record, of which ``body`` may be a part: see :func:`.keys.digest_of`."""
    died_at: str
    body: str

    @field_validator("type")
    @classmethod
    def _is_content_type(cls, text: str | None) -> str | None:
        if text is not None and not CONTENT_TYPE.fullmatch(text):  # it becomes a header
            raise ValueError("it is no content type of a line")
        return text

    @field_validator("body")
    @classmethod
    def _is_base64(cls, text: str) -> str:
        base64.b64decode(text)  # raises ValueError
        return text

    @property
    def is_record(self) -> bool:
        """Whether it can be sent as it is: it is of some kind, and for something that can be an endpoint."""
        return bool(self.kind) and can_be_path(self.path)

    @property
    def is_json(self) -> bool:
        """Whether its body is JSON text, which an operator can edit."""
        return self.encoding is None and "protobuf" not in (self.type or "")

    @property
    def body_bytes(self) -> bytes:
        """The bytes that could not be delivered."""
        return base64.b64decode(self.body)


class PendingRecord(BaseModel):
    """A pending record that an operator wants to drop: where it stands, and what the ledger would store of it."""

    segment: str
    source: str
    """The path of the file that holds it."""
    line: Count
    end: Count
    """Where its line ends in the file, in bytes."""
    recovered: bool
    """Whether it will be made of the journal of a process that died: it is not counted yet."""
    key: bytes
    hint: Whole
    digest: Whole

    model_config = ConfigDict(ser_json_bytes="hex", val_json_bytes="hex", defer_build=True)


class LetterRequest(BaseModel, defer_build=True):
    """A request to send a letter again, or to drop it.  ``letter_json`` is the letter after the operator's edits.

    If ``pending`` is given, the record is to be dropped before it is sent, and there is no letter yet.
    """

    action: Literal["requeue", "drop"]
    letter: str
    letter_json: str | None = None
    pending: PendingRecord | None = None

    @model_validator(mode="after")
    def _is_about_one_letter(self) -> Self:
        try:
            edited = self.letter_json and Letter.model_validate_json(self.letter_json)
        except ValidationError as error:
            raise ValueError(f"letter_json: {fault_text(error)}") from error
        if edited and edited.id != self.letter:
            raise ValueError("letter_json is another letter")
        return self


def letter_id(segment_id: str, line: int, digest: int, hint: str | None) -> str:
    """Return the id of the letter for a record with this digest and key hint: 32 hex digits, whatever the target.

    Two copies of a segment may have different records on one line, if one is damaged or was changed: each has a letter
    of its own.
    """
    text = f"{segment_id}\0{line}\0{digest}\0{hint or ''}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def body_text(body: bytes) -> str:
    """Return the bytes in base64, the form in which a letter holds them."""
    return base64.b64encode(body).decode()


def with_body(letter: Letter, body: bytes) -> Letter:
    """Return a copy of the letter with a new body.  If the letter held no record, the new body must be a wire item.

    Raises ValueError if the body is not JSON, or is not a wire item although it must be.
    """
    changed = letter.model_copy(update={"body": body_text(body)})
    if letter.is_record:
        orjson.loads(body)
        return changed
    record = plain_record(RawLine(letter.line, 0, len(body), body.replace(b"\n", b" ")))
    if not isinstance(record, Line):
        raise ValueError(record.detail if record else "it is empty")  # noqa: TRY004 -- the value is wrong
    identity = {"kind": record.kind, "record_id": record.id, "run_id": record.run_id, "path": record.path}
    return changed.model_copy(update={**identity, "body": body_text(record.body)})


def now_text() -> str:
    """Return the present time (UTC, milliseconds) in the form that letters and the status file use."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
