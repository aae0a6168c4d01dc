"""The records of a history: what was recorded under one kind, id and key hint, perhaps with several bodies."""

from typing import Any, Final, NamedTuple

import orjson

from support.faults import AT, KEY
from tcc_schemas.endpoints import CUSTOM_PATH, FEEDBACK_PATH, key_hint
from tcc_schemas.lines import Line, LineReader, encode
from tcc_schemas.tally import Tally
from tcc_uploader.delivery.batch import split_batch

KEYS: Final = KEY, "tcc_test_key_of_another_project"
HINTS: Final = None, *map(key_hint, KEYS)
KEY_OF: Final = {**{key_hint(key): key for key in KEYS}, None: KEY}
"""The key with which the records of each hint are sent."""


class Record(NamedTuple):
    """A record with one body: what has another body is another value, and perhaps a conflict."""

    kind: str
    id: str
    hint: str | None
    body: bytes

    @property
    def line(self) -> bytes:
        """Its line in a segment."""
        run_id = str(_run_id(orjson.loads(self.body)))
        path = FEEDBACK_PATH if self.kind == "feedback" else CUSTOM_PATH
        return encode(self.kind, self.id, self.body, at=AT, run_id=run_id, path=path, key=self.hint)

    def changed(self, note: int) -> "Record":
        """Return the same record with another body, of the same length."""
        value = orjson.loads(self.body)
        item = value["items"][0] if value.get("type") == "batch" else value
        item["note"] = note
        return self._replace(body=orjson.dumps(value))

    def conflicts_with(self, other: "Record") -> bool:
        """Whether only one of the two may be delivered, because they are one record with two bodies."""
        return self[:2] == other[:2] and self.body != other.body and matches(self.hint, other.hint)


def matches(hint: str | None, other: str | None) -> bool:
    """Whether records with these hints may be the same: without a hint, a record may be of any key."""
    return hint == other or None in (hint, other)


def parts_of(body: bytes) -> list[bytes]:
    """Return the bodies of the items of a run with children; of anything else its own body."""
    return [part.body for part in split_batch(body)] or [body]


def records_in(data: bytes) -> set[Record]:
    """Return the undamaged records of a segment."""
    return {_record(line) for line in LineReader().read(data) if isinstance(line, Line) and line.is_record}


def with_other_bytes(data: bytes, which: int, note: int, seal: str) -> bytes:
    """Return a segment in which one record has another body; its seal is ``old``, ``new`` or left out."""
    lines = [line for line in LineReader().read(data) if isinstance(line, Line)]
    records = [line for line in lines if line.is_record]
    chosen = records[which % len(records)]
    tally, parts = Tally(), []
    for line in lines:
        raw = data[line.offset : line.offset + line.size]
        if line is chosen:
            raw = _record(line).changed(note).line
        if line.kind != "seal":
            tally.add(LineReader().read(raw)[0].crc, is_record=line.is_record)
        if line.kind != "seal" or seal == "old":
            parts.append(raw)
    if seal == "new":
        body = {"records": tally.records, "refused": 0, "crcs": tally.crcs}
        parts.append(encode("seal", lines[0].id, orjson.dumps(body), at=AT))
    return b"".join(parts)


def _record(line: Line) -> Record:
    return Record(line.kind, line.id, line.key, line.body)


def _run_id(value: Any) -> object:
    return value["items"][0]["run_id"] if value.get("type") == "batch" else value.get("run_id", value.get("runId"))
