"""Make a dead letter of a record, and a record of a letter."""

from contextlib import suppress
from typing import Final, NamedTuple

from tcc_schemas.faults import fault_text
from tcc_schemas.lines import Line
from tcc_uploader.files import file_name
from tcc_uploader.model.ledger import Ledger
from tcc_uploader.model.letter import Letter, body_text, letter_id, now_text
from tcc_uploader.model.letter_store import LetterStore
from tcc_uploader.sinks import shown
from tcc_uploader.spool.format import Format
from tcc_uploader.spool.segment import Segment
from tcc_uploader.transport.answers import Answer

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
        id=letter_id(segment.id, line.number, digest, line.key),
        reason=cause.reason,
        detail=shown(cause.detail),
        status=cause.answer.status if cause.answer else None,
        answer=shown(cause.answer.text.decode(errors="replace"), most=_MAX_ANSWER) if cause.answer else "",
        url=cause.url and shown(cause.url),
        segment=segment.id,
        source=file_name(segment.file),
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


def segment_of(letter: Letter, number: int) -> Segment:
    """Return a letter as a segment with one record, which is counted in the ledger's segment ``number``.

    Its ``file`` is the file that held the record.
    """
    return Segment(letter.source, 0, Format.LETTER, letter.segment, number=number, letter=letter.id)


def letter_line(letter: Letter) -> Line:
    """Return the record that a letter holds."""
    return Line(
        number=letter.line,
        offset=0,
        size=len(letter.body),
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


def dead_letters(letters: LetterStore, ledger: Ledger, unreadable: dict[str, str]) -> dict[str, Letter]:
    """Return the dead letters by id, oldest first, without those that were requeued, delivered or dropped.

    Adds the letters that can't be read to ``unreadable``, each with the reason.  Raises :class:`LedgerError`.
    """
    found = []
    for ident in letters.ids():
        try:
            letter = letters.read(ident)
        except (OSError, ValueError) as error:
            unreadable[f"letter {ident}"] = fault_text(error)
            continue
        row = ledger.letter(letter.id)
        if row is None or row.fate == "dead":  # no row: a process died before it committed the row
            found.append(letter)
    return {letter.id: letter for letter in sorted(found, key=lambda letter: (letter.died_at, letter.id))}


def requeued_letters(letters: LetterStore, ledger: Ledger) -> list[Letter]:
    """Return the letters that wait to be sent again, without those that can't be read.  Raises :class:`LedgerError`."""
    found = []
    for row in ledger.letters_with("requeued"):
        with suppress(OSError, ValueError):
            found.append(letters.read(row.id))
    return found
