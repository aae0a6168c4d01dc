"""Dead letters: one JSON file each in the state's ``dead`` folder, kept until an operator decides."""

from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from tcc_schemas.lines import Line
from tcc_uploader.files import file_name, identity_of, make_durably, opened, write_whole
from tcc_uploader.ledger.sqlite import Ledger
from tcc_uploader.model.letter import Letter, body_text, letter_id, now_text
from tcc_uploader.sinks import shown
from tcc_uploader.spool.format import Format
from tcc_uploader.spool.journal import Span
from tcc_uploader.spool.reader import read_again
from tcc_uploader.spool.segment import Segment
from tcc_uploader.transport.answers import Answer

FOLDER: Final = "dead"
_MAX_ANSWER: Final = 64 * 1024
"""Characters of one line of a server's answer."""


class Cause(NamedTuple):
    """Why a record is dead; ``body`` is the part of the record that could not be delivered."""

    reason: str
    detail: str
    body: bytes
    answer: Answer | None = None
    url: str | None = None


def letter_of(segment: Segment, line: Line, cause: Cause, digest: int) -> Letter:
    """Return the letter for a record that can't be delivered, or for a line that is no record."""
    return Letter(
        id=letter_id(segment.id, line.number),
        reason=cause.reason,
        detail=shown(cause.detail),
        status=cause.answer.status if cause.answer else None,
        answer=shown(cause.answer.text.decode(errors="replace"), most=_MAX_ANSWER) if cause.answer else "",
        url=cause.url and shown(cause.url),
        segment=segment.id,
        source=_source_of(segment),
        line=line.number,
        kind=line.kind,
        record_id=line.id,
        run_id=line.run_id or "",
        path=line.path or "",
        record_url=line.url,
        key=line.key,
        type=line.type,
        encoding=line.encoding,
        digest=digest,
        died_at=now_text(),
        body=body_text(cause.body),
    )


def _source_of(segment: Segment) -> str:
    """Return the file that held a record.  If the record came from a letter, this is the ``source`` of that letter."""
    if segment.format is Format.LETTER:
        with suppress(OSError, ValueError):
            return read(segment.path).source
    return file_name(segment.path)


def write(state: Path, letter: Letter) -> None:
    """Write a letter durably; after a crash it is complete or not there.  Raises OSError."""
    path = path_of(state, letter.id)
    make_durably(path.parent)
    write_whole(path, letter.model_dump_json(indent=1).encode() + b"\n")


def path_of(state: Path, ident: str) -> Path:
    """Return the path of the letter with this id."""
    return state / FOLDER / f"{ident}.json"


def read(path: Path) -> Letter:
    """Read a letter.  Raises OSError; ValueError if the file is not a letter."""
    return Letter.model_validate_json(path.read_bytes())


def files(state: Path) -> list[Path]:
    """Return the files of all letters."""
    return sorted((state / FOLDER).glob("*.json"))


def dead_letters(state: Path, ledger: Ledger, unreadable: dict[Path, str]) -> dict[str, Letter]:
    """Return the dead letters by id, oldest first, without those that were requeued, delivered or dropped.

    Adds the files that can't be read to ``unreadable``, each with the reason.  Raises :class:`LedgerError`.
    """
    found = []
    for path in files(state):
        try:
            letter = read(path)
        except (OSError, ValueError) as error:
            unreadable[path] = str(error)
            continue
        row = ledger.letter(letter.id)
        if row is None or row.fate == "dead":  # no row: a process died before it committed the row
            found.append(letter)
    return {letter.id: letter for letter in sorted(found, key=lambda letter: letter.died_at)}


def open_letter(path: Path, number: int) -> tuple[Segment, Line]:
    """Return a letter as a segment with one record, which is counted in the ledger's segment ``number``.

    Raises OSError; ValueError if the file is not a letter.
    """
    with opened(path) as (file, status):
        data = file.read() or b""
    letter = Letter.model_validate_json(data)
    identity = identity_of(status)
    segment = Segment(str(path), identity, Format.LETTER, letter.segment, number=number, limit=len(data))
    return segment, letter_line(letter)._replace(size=len(data))


def fetch(segment: Segment, place: Span) -> Line:
    """Read a letter's record again.  Raises OSError; ValueError if the file is no longer a letter."""
    return letter_line(Letter.model_validate_json(read_again(segment, place)))


def letter_line(letter: Letter) -> Line:
    """Return the record that a letter holds."""
    return Line(
        number=letter.line,
        offset=0,
        size=0,
        crc=b"",
        kind=letter.kind,
        id=letter.record_id,
        run_id=letter.run_id,
        at=letter.died_at,
        path=letter.path,
        url=letter.record_url,
        key=letter.key,
        converted=False,
        data=letter.body_bytes,
        type=letter.type,
        encoding=letter.encoding,
    )
