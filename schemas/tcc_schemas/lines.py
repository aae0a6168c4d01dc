"""The spool's line format, version 1: bytes in, bytes out.  No file, clock or environment is touched here.

A *spool* is one flat directory of *segments*.  A segment is an append-only file of lines, written by exactly one
process.  This docstring is the format; a second implementation needs nothing else.

**File.**  ``<utc, as 20260131t120000z>-<16 random hex digits>.jsonl``.  The name means nothing to a reader: it only
sorts by age and never collides.  A segment is never renamed and never rewritten.  Its identity is the ``id`` of its
first line.  Lines end in one LF byte; nothing else separates them (U+2028 and CR are ordinary text).  Bytes behind
the last LF are a *torn tail*: a write that was cut short, never a record.

**Line.**  Plain JSON without white space between members, in this order::

    {"v":1,"crc":"1a2b3c4d","n":1234,"kind":"run","id":"…","run_id":"…","at":"…","path":"/v1/custom","body":{…}}

``v``
    The format's version.  A reader leaves a file whose first line says more than it knows alone.
``crc``
    CRC-32 (zlib), 8 lower-case hex digits, of every other byte of the line without its LF: the seven bytes
    ``{"v":1,`` followed by everything behind ``"crc":"xxxxxxxx",``.
``n``
    The length of ``body`` in bytes.  The last byte of a line is ``}``, the ``n`` bytes before it are the body, and
    the seven bytes before those are ``"body":``; so a reader never has to parse the body.
``kind``
    ``segment`` (first line), ``run``, ``step``, ``tool_call``, ``feedback``, ``journal``, ``seal`` (last line).  A
    line is a *record* if it has a ``path``.  A kind that a reader does not know is a record like the rest if it has a
    ``path``, and is skipped and counted if it has none.
``id``
    run_id, step_id, tool_call_id, or a UUID made when feedback was recorded; for ``segment`` and ``seal`` the
    segment's own id.  (kind, id) is the key that duplicates are found by.
``run_id``
    The run that a record belongs to.  Records only.
``at``
    When the line was made, UTC, ISO-8601 with milliseconds and ``Z``.
``path``
    The endpoint's path: ``/v1/custom`` or ``/v1/feedback``.  Records only.
``url`` (optional)
    The full ingestion URL that the run was given.  A reader trusts it only as far as its own configuration says.
``key`` (optional)
    The first 8 hex digits of sha256 of the API key in effect when the run began.  The key itself is never written.
``converted`` (optional)
    ``true`` if a value could not be encoded as it was (a lone surrogate, a cycle, an unknown type) and was replaced.
``redacted`` (optional)
    How many secrets were replaced in this line's body before it was written; absent if none.
``body``
    The request body, verbatim.  It is the last member, and is sent as it stands.

Members that a reader does not know are ignored, wherever they stand between ``n`` and ``body``.

**First line.**  ``kind`` is ``segment``; its body says who writes (:class:`tcc_schemas.records.SegmentHeader`).

**Journal.**  A writer that keeps one adds a ``journal`` line when a run has got its prompt (the body is the run's wire
item, without an end), whenever that item's metadata changes after, and when a child of an unended run ends (the body is
its wire item).  ``id`` and ``run_id`` are the item's.  The last line of an item counts.  A segment that follows another
of the same process begins with the journal of every run that has not ended: to know what became of a process's open
runs, its last segment is enough.  A journal line has no ``path``: it is no record.

**Seal.**  The last line of a finished segment.  Its body holds ``records``, the number of records before it;
``refused``, the number of records that the writer had to refuse (no room) since its previous seal; and ``crcs``, a
CRC-32 over the ``crc`` fields of all lines before it, the first line included, as 8 hex digits each, in order.  One
missing, extra or changed line shows (:mod:`tcc_schemas.tally`).  A segment is sealed when its last line is a valid
seal.

**Damage.**  A line whose ``crc`` does not match is *corrupt*; one that matches and still does not have this grammar
is *malformed*; one of more than :data:`MAX_LINE` bytes is *oversized*.  Reading goes on behind the next LF.
"""

import re
import zlib
from typing import Any, Final, NamedTuple

import orjson

VERSION: Final = 1
MAX_LINE: Final = 256 * 1024 * 1024
"""A line of more bytes than this is skipped."""

_START: Final = b'{"v":1,"crc":"'
_CRC_END: Final = len(_START) + 8
_REST: Final = _CRC_END + 2
_CRC_SEED: Final = zlib.crc32(b'{"v":1,')
_LENGTH: Final = re.compile(rb'","n":(0|[1-9][0-9]{0,9}),')
_BODY: Final = b',"body":'
_TEXTS: Final = ("kind", "id", "at", "run_id", "path", "url", "key")
_ONLY_TEXTS: Final = {str}
_OTHER_VERSION: Final = re.compile(rb'\{"v":([2-9]|[1-9][0-9]{1,8}),')


class Line(NamedTuple):
    """A verified line.

    ``number`` counts from 1; ``offset`` is where the line starts in its file, ``size`` its length with LF, both in
    bytes; ``crc`` is the field as it stands.  ``data`` is what the body lies in, from ``body_start`` to ``body_end``.
    The other members are those of the format above.
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

    @property
    def body(self) -> bytes:
        """The request body, verbatim: a copy each time, as most lines that are read again are never sent."""
        return self.data[self.body_start : self.body_end]

    @property
    def is_record(self) -> bool:
        """Whether this line counts in the conservation equation and is shipped."""
        return self.path is not None


class Damage(NamedTuple):
    """A line that holds no readable record: ``size`` bytes (LF included) at ``offset``, and why.

    ``raw`` is the line without its LF; empty if it was oversized.
    """

    number: int
    offset: int
    size: int
    reason: str
    raw: bytes


class RawLine(NamedTuple):
    """One line as it stands, without its LF; ``data`` is None if the line was oversized."""

    number: int
    offset: int
    size: int
    data: bytes | None


class LineSplitter:
    """Cut a growing byte stream into lines, holding at most one unfinished line.

    ``number`` and ``offset`` say where in the file the stream begins: how many lines and bytes lie before it.
    """

    __slots__ = ("_parts", "number", "offset", "tail")

    def __init__(self, *, number: int = 0, offset: int = 0) -> None:
        self.number = number
        """Lines seen so far."""
        self.offset = offset
        """Where the unfinished line begins; never beyond the last LF."""
        self.tail = 0
        """Bytes of the unfinished line seen so far: the torn tail, if the file ends here."""
        self._parts: tuple[bytes, ...] = ()  # no list of its own: a spool can hold 100,000 segments

    def feed(self, data: bytes) -> list[RawLine]:
        """Take the next bytes of the file; return the lines that they complete."""
        lines = []
        start = 0
        while (end := data.find(b"\n", start)) >= 0:
            lines.append(self._complete(data[start:end]))
            start = end + 1
        if start < len(data):
            self._hold(data[start:])
        return lines

    def rewind(self) -> None:
        """Forget the unfinished line: its writer may cut it off and write another in its place.  Feed it again."""
        self.tail = 0
        self._parts = ()

    @property
    def rest(self) -> bytes:
        """The unfinished line (empty if it is oversized already)."""
        return b"".join(self._parts)

    def _hold(self, part: bytes) -> None:
        self.tail += len(part)
        self._parts = () if self.tail > MAX_LINE else (*self._parts, part)

    def _complete(self, last: bytes) -> RawLine:
        size = self.tail + len(last) + 1
        data: bytes | None = None
        if size <= MAX_LINE:
            data = b"".join([*self._parts, last]) if self._parts else last
        self.number += 1
        line = RawLine(self.number, self.offset, size, data)
        self.offset += size
        self.tail = 0
        self._parts = ()
        return line


class LineReader(LineSplitter):
    """Read a growing segment: ``LineReader().read(bytes)`` gives its verified lines and its damage, in order.

    Whatever the bytes are, no exception is raised, and cutting them differently gives the same result.
    """

    __slots__ = ()

    def read(self, data: bytes) -> list[Line | Damage]:
        """Take the next bytes of the file; return the lines that they complete."""
        return [decode(raw) for raw in self.feed(data)]


def encode(
    kind: str,
    ident: str,
    body: bytes,
    *,
    at: str,
    run_id: str | None = None,
    path: str | None = None,
    url: str | None = None,
    key: str | None = None,
    converted: bool = False,
    redacted: int = 0,
) -> bytes:
    """Build one line, LF included.  ``body`` is JSON without a newline; texts hold no lone surrogates."""
    members: dict[str, str | int] = {"kind": kind, "id": ident}
    if run_id is not None:
        members["run_id"] = run_id
    members["at"] = at
    if path is not None:
        members["path"] = path
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
    return b'%b%08x",%b%b}\n' % (_START, crc, head, body)


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
    """Return the version that a first line claims if it is one that this module can't read, else None."""
    found = _OTHER_VERSION.match(data)
    return int(found[1]) if found else None


def _line(number: int, offset: int, size: int, crc: bytes, data: bytes) -> Line | None:
    """Return what the bytes of a line say, or None if the grammar does not hold."""
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
    converted = bool(get("converted"))
    run_id, path, url, key = get("run_id"), get("path"), get("url"), get("key")
    return Line(number, offset, size, crc, kind, ident, run_id, at, path, url, key, converted, data, start, -1)
