"""The spool's line format, version 1.  Pure functions of bytes: they use no file, clock or environment.

A *spool* is one flat directory of *segments*.  A segment is an append-only file of lines, written by exactly one
process.  This docstring specifies the format completely: a second implementation needs nothing else.

**File.**  ``<utc, as 20260131t120000z>-<16 random hex digits>.jsonl``.  A reader does not interpret the name: names
sort by age and never collide.  A segment is never renamed and never rewritten.  Its identity is the ``id`` of its first
line.  Lines end in one LF byte; nothing else separates them (U+2028 and CR are ordinary text).  Bytes after the last LF
are a *torn tail*: a write that was not completed, never a record.

**Line.**  Plain JSON without white space between members, in this order::

    {"v":1,"crc":"1a2b3c4d","n":1234,"kind":"run","id":"…","run_id":"…","at":"…","path":"/v1/custom","body":{…}}

``v``
    The format's version.  A reader leaves a file alone if its first line has a version that the reader does not know.
``crc``
    CRC-32 (zlib), 8 lower-case hex digits, of every other byte of the line without its LF: the seven bytes
    ``{"v":1,`` followed by everything after ``"crc":"xxxxxxxx",``.
``n``
    The length of ``body`` in bytes.  The last byte of a line is ``}``, the ``n`` bytes before it are the body, and
    the seven bytes before those are ``"body":``; so a reader never has to parse the body.
``kind``
    ``segment`` (first line), ``run``, ``step``, ``tool_call``, ``feedback``, ``journal``, ``seal`` (last line); for
    requests of other SDKs ``claude``, ``mastra``, ``pi``, ``openclaw``, ``otlp``, ``otlp-steps`` and ``post``.  A
    line is a *record* if it has a ``path``.  A kind that a reader does not know is a record like the rest if it has a
    ``path``; if it has none, it is skipped and counted, and its file is never removed.
``id``
    run_id, step_id, tool_call_id, or a UUID made when feedback was recorded; for ``segment`` and ``seal`` the
    segment's own id; for a request of another kind a hash of it.  Two records are duplicates if ``kind`` and ``id``
    are equal, and ``key`` too, where both have one.
``run_id``
    The run that a record belongs to.  Records only.
``at``
    When the line was made: UTC, ISO-8601 with milliseconds and ``Z``.
``path``
    The endpoint's path, one of :data:`tcc_schemas.endpoints.PATHS`.  A reader that does not know a path of the form
    ``/v1/[a-z0-9-]{1,64}`` leaves the record pending.  Records only.
``type`` (optional)
    The content type of the request: ``application/json`` (also if it is absent) or ``application/x-protobuf``, with
    ``;charset=utf-8`` behind it at most.
``encoding`` (optional)
    The content encoding of the request, ``gzip`` or ``deflate``; the body is sent as it is encoded.
``base64`` (optional)
    ``true`` if the body is no JSON on one line: it stands here as a JSON string of base64, and is sent decoded.
``url`` (optional)
    The full ingestion URL that was set for the run, without user name, password and query.  A reader uses it only if
    its own configuration allows it.
``key`` (optional)
    The first 8 hex digits (lower case) of sha256 of the API key in effect when the run began; absent if there was none.
    The key itself is never written.
``converted`` (optional)
    ``true`` if a value could not be encoded (a lone surrogate, a cycle, an unknown type) and was converted.
``redacted`` (optional)
    How many secrets were replaced in this line's body before it was written; absent if none.
``body``
    The request body.  It is the last member, and is sent unchanged.

A reader ignores a member that it does not know if its name begins with ``x``.  A record with any other unknown member
stays pending: a newer version knows what to do with it.  Members may be anywhere between ``n`` and ``body``.

**First line.**  ``kind`` is ``segment``; its body describes the writer (:class:`tcc_schemas.records.SegmentHeader`).

**Journal.**  A writer that keeps a journal adds a ``journal`` line when a run gets its prompt (the body is the run's
wire item, without an end), when the metadata of that run changes later, and when a child of a run that has not ended
ends (the body is the child's wire item).  ``id`` and ``run_id`` are those of the item.  If an item has several lines,
the last one counts.  If a process starts another segment, that begins with the journal of every run that has not ended.
So the last segment of a process is enough to recover its open runs.  A journal line has no ``path``: it is not a
record.

**Seal.**  The last line of a finished segment.  Its body holds ``records``, the number of records before it;
``refused``, the number of records that the writer had to refuse (no room) since its previous seal; and ``crcs``, a
CRC-32 over the ``crc`` fields of all lines before it, the first line included, as 8 hex digits each, in order.  It
detects every missing, extra or changed line (:mod:`tcc_schemas.tally`).  A segment is sealed when its last line is a
valid seal.

**Damage.**  A line whose ``crc`` does not match is *corrupt*.  A line whose ``crc`` matches but that does not follow
this format is *malformed*.  A line of more than 64 MiB (:data:`tcc_schemas.splitter.MAX_LINE`) is *oversized*.  In each
case a reader goes on after the next LF.
"""

import binascii
import re
import zlib
from typing import Any, Final, NamedTuple

import orjson

from .splitter import LineSplitter, RawLine

VERSION: Final = 1

_START: Final = b'{"v":1,"crc":"'
_CRC_END: Final = len(_START) + 8
_REST: Final = _CRC_END + 2
_CRC_SEED: Final = zlib.crc32(b'{"v":1,')
_LENGTH: Final = re.compile(rb'","n":(0|[1-9][0-9]{0,9}),')
_BODY: Final = b',"body":'
_TEXTS: Final = frozenset({"kind", "id", "at", "run_id", "path", "url", "key", "type", "encoding"})
_USUAL: Final = _TEXTS - {"type", "encoding"} | {"converted", "redacted"}
_MEMBERS: Final = _TEXTS | {"converted", "redacted", "base64"}
_ONLY_TEXTS: Final = {str}
_HINT: Final = re.compile("[0-9a-f]{8}")
CONTENT_TYPE: Final = re.compile("(application/(?:json|x-protobuf))(?: *; *charset=utf-8)?", re.IGNORECASE)
"""The content types that a line can hold; the first group is the type alone."""
_ENCODINGS: Final = ("gzip", "deflate")
_OTHER_VERSION: Final = re.compile(rb'\{"v":([2-9]|[1-9][0-9]{1,8}),')


class Line(NamedTuple):
    """A verified line.

    ``number`` counts from 1; ``offset`` is where the line starts in its file, ``size`` its length with LF, both in
    bytes; ``crc`` is the field, unchanged.  The body is ``data[body_start:body_end]``.  ``unknown`` is the name of a
    member that only a newer version knows; None if there is none.  The other members are those of the format above.
    """

    number: int
    offset: int
    size: int
    crc: bytes
    kind: str
    id: str
    run_id: str | None
    at: str
    path: str | None
    url: str | None
    key: str | None
    converted: bool
    data: bytes
    body_start: int = 0
    body_end: int | None = None
    type: str | None = None
    encoding: str | None = None
    unknown: str | None = None

    @property
    def body(self) -> bytes:
        """The request body, as it is sent.  Each call copies it: most lines that are read again are never sent."""
        return self.data[self.body_start : self.body_end]

    @property
    def is_record(self) -> bool:
        """Whether this line is a record: it is delivered, and counted."""
        return self.path is not None


class Damage(NamedTuple):
    """A line that can't be read: ``size`` bytes (LF included) at ``offset``, and the reason.

    ``raw`` is the line without its LF; empty if it was oversized.
    """

    number: int
    offset: int
    size: int
    reason: str
    raw: bytes


class LineReader(LineSplitter):
    """Read a growing segment: ``LineReader().read(bytes)`` returns its verified lines and its damage, in order.

    It never raises, and the result does not depend on how the bytes are split into calls.
    """

    __slots__ = ()

    def read(self, data: bytes) -> list[Line | Damage]:
        """Take the next bytes of the file; return the lines that are complete now."""
        return [decode(raw) for raw in self.feed(data)]


def encode(  # noqa: PLR0913 -- one argument for each member of the format
    kind: str,
    ident: str,
    body: bytes,
    *,
    at: str,
    run_id: str | None = None,
    path: str | None = None,
    type: str | None = None,  # noqa: A002 -- the member's name
    encoding: str | None = None,
    base64: bool = False,
    url: str | None = None,
    key: str | None = None,
    converted: bool = False,
    redacted: int = 0,
) -> bytes:
    """Build one line, LF included.  ``body`` is JSON without a newline; with ``base64``, any bytes.

    Texts must not have lone surrogates.
    """
    members: dict[str, str | int] = {"kind": kind, "id": ident}
    if run_id is not None:
        members["run_id"] = run_id
    members["at"] = at
    if path is not None:
        members["path"] = path
    if type is not None:
        members["type"] = type
    if encoding is not None:
        members["encoding"] = encoding
    if base64:
        members["base64"] = True
        body = b'"%b"' % binascii.b2a_base64(body, newline=False)
    if url is not None:
        members["url"] = url
    if key is not None:
        members["key"] = key
    if converted:
        members["converted"] = True
    if redacted:
        members["redacted"] = redacted
    head = b'"n":%d,%b,"body":' % (len(body), orjson.dumps(members)[1:-1])
    crc = zlib.crc32(b"}", zlib.crc32(body, zlib.crc32(head, _CRC_SEED)))
    return b"".join((b'%b%08x",' % (_START, crc), head, body, b"}\n"))  # formatting would copy the body more than once


def crc_of(line: bytes) -> bytes:
    """Return the ``crc`` field of a line that :func:`encode` built."""
    return line[len(_START) : _CRC_END]


def decode(raw: RawLine) -> Line | Damage:
    """Verify one line."""
    number, offset, size, data = raw
    if data is None:
        return Damage(number, offset, size, "oversized", b"")
    crc = data[len(_START) : _CRC_END]
    if not data.startswith(_START) or b"%08x" % zlib.crc32(memoryview(data)[_REST:], _CRC_SEED) != crc:
        return Damage(number, offset, size, "corrupt", data)
    return _line(number, offset, size, crc, data) or Damage(number, offset, size, "malformed", data)


def other_version(data: bytes) -> int | None:
    """Return the version of a first line if this module can't read that version, else None."""
    found = _OTHER_VERSION.match(data)
    return int(found[1]) if found else None


def is_whole_in_other_version(line: bytes) -> bool:
    """Whether a line is of a version that this module can't read, and whole: its checksum is right.

    A flipped bit in the version of a line of ours is none: the checksum is made over the version, too.
    """
    found = _OTHER_VERSION.match(line)
    if found is None or not line.startswith(b'"crc":"', found.end()):
        return False
    start = found.end() + len(b'"crc":"')
    crc = zlib.crc32(memoryview(line)[start + 10 :], zlib.crc32(found[0]))
    return line[start : start + 10] == b'%08x",' % crc


def _line(number: int, offset: int, size: int, crc: bytes, data: bytes) -> Line | None:
    """Return the line that these bytes encode, or None if they do not follow the format."""
    length = _LENGTH.match(data, _CRC_END)
    if length is None:
        return None
    start = len(data) - 1 - int(length[1])
    envelope_end = start - len(_BODY)
    if envelope_end < length.end() or data[envelope_end:start] != _BODY or not data.endswith(b"}"):
        return None
    try:
        envelope: dict[str, Any] = orjson.loads(b"{%b}" % data[length.end() : envelope_end])
        kind, ident, at = envelope["kind"], envelope["id"], envelope["at"]
    except (orjson.JSONDecodeError, KeyError):
        return None
    get = envelope.get
    if set(map(type, envelope.values())) != _ONLY_TEXTS and not all(isinstance(get(name, ""), str) for name in _TEXTS):
        return None
    run_id, path, url, key = get("run_id"), get("path"), get("url"), get("key")
    if key is not None and not _HINT.fullmatch(key):
        return None
    converted = bool(get("converted"))
    line = Line(number, offset, size, crc, kind, ident, run_id, at, path, url, key, converted, data, start, -1)
    return line if envelope.keys() <= _USUAL else _unusual(line, envelope)


def _unusual(line: Line, envelope: dict[str, Any]) -> Line | None:
    """Return a line with members that few lines have, or None if they do not follow the format."""
    content_type, encoding, base64 = map(envelope.get, ("type", "encoding", "base64"))
    if content_type is not None and not CONTENT_TYPE.fullmatch(content_type):
        return None
    if encoding not in (None, *_ENCODINGS) or not (base64 is None or base64 is True):
        return None
    unknown = next((name for name in envelope if name not in _MEMBERS and not name.startswith("x")), None)
    line = line._replace(type=content_type, encoding=encoding, unknown=unknown)
    if not base64:
        return line
    body = line.body
    if len(body) < len('""') or not body.startswith(b'"') or not body.endswith(b'"'):
        return None
    try:
        decoded = binascii.a2b_base64(body[1:-1], strict_mode=True)
    except ValueError:
        return None
    return line._replace(data=decoded, body_start=0, body_end=None)
