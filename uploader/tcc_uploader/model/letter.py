"""A dead letter: a record that can't be delivered as it is, with the reason and the server's answer.  Pure."""

import base64
import hashlib
from datetime import UTC, datetime

import orjson
from pydantic import BaseModel

from tcc_schemas.endpoints import PATHS
from tcc_schemas.lines import Line, RawLine
from tcc_schemas.plain import plain_record


class Letter(BaseModel):
    """A record that can't be delivered as it is, or a damaged line.

    ``body`` is what could not be delivered, base64: a record's body, or those items of it that were refused alone.
    """

    id: str
    reason: str
    detail: str
    status: int | None = None
    answer: str = ""
    url: str | None = None
    segment: str
    line: int
    source: str = ""
    """The file that the record stood in."""
    kind: str = ""
    record_id: str = ""
    run_id: str = ""
    path: str = ""
    record_url: str | None = None
    key: str | None = None
    """The hint of the key that the record was made under."""
    died_at: str
    body: str

    @property
    def body_bytes(self) -> bytes:
        """The bytes that could not be delivered."""
        return base64.b64decode(self.body)


def letter_id(segment_id: str, line: int) -> str:
    """Return the letter's id for a line of a segment: 12 hex digits, the same every time."""
    return hashlib.sha256(f"{segment_id}\0{line}".encode("utf-8", "surrogatepass")).hexdigest()[:12]


def body_text(body: bytes) -> str:
    """Return the bytes as a letter holds them."""
    return base64.b64encode(body).decode()


def with_body(letter: Letter, body: bytes) -> Letter:
    """Return a letter with other bytes.  If it was no record, the bytes must make it one now.

    Raises ValueError if they are no JSON, or no wire item where one is needed.
    """
    changed = letter.model_copy(update={"body": body_text(body)})
    if letter.kind and letter.path in PATHS:
        orjson.loads(body)
        return changed
    record = plain_record(RawLine(letter.line, 0, len(body), body.replace(b"\n", b" ")))
    if not isinstance(record, Line):
        raise ValueError(record.detail if record else "it is empty")  # noqa: TRY004 -- the value is wrong
    identity = {"kind": record.kind, "record_id": record.id, "run_id": record.run_id, "path": record.path}
    return changed.model_copy(update={**identity, "body": body_text(record.body)})


def now_text() -> str:
    """Return the time as the letters and the status tell it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
