"""Which letters are dead now."""

from pathlib import Path

from tcc_uploader.dead import store
from tcc_uploader.ledger.sqlite import Ledger
from tcc_uploader.model.letter import Letter


def dead_letters(state: Path, ledger: Ledger, unreadable: dict[Path, str]) -> dict[str, Letter]:
    """Return the dead letters by their ids, the oldest first; not those that were requeued, delivered or dropped.

    Adds to ``unreadable`` which files can't be read, and why.  Raises :class:`LedgerError`.
    """
    found = []
    for path in sorted((state / store.FOLDER).glob("*.json")):
        try:
            letter = store.read(path)
        except (OSError, ValueError) as error:
            unreadable[path] = str(error)
            continue
        row = ledger.letter(letter.id)
        if row is None or row.fate == "dead":  # no row: a process died between writing the letter and its row
            found.append(letter)
    return {letter.id: letter for letter in sorted(found, key=lambda letter: letter.died_at)}
