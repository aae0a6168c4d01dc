"""Dead letters and operators' requests in two tables: see :class:`tcc_uploader.model.letter_store.LetterStore`.

A letter is written by the commit that says that its record is dead, so that neither can be there without the other.
"""

import logging
from collections.abc import Callable
from typing import Final

import psycopg

from tcc_schemas.faults import fault_text
from tcc_uploader.boundary import Boundary
from tcc_uploader.model.ledger import Unavailable
from tcc_uploader.model.letter import Letter, LetterRequest

from .connection import Connection, Result
from .texts import loaded, stored

_IDS: Final = "SELECT id FROM tcc.letter WHERE body IS NOT NULL"
_READ: Final = "SELECT body FROM tcc.letter WHERE id = %s AND body IS NOT NULL"
_REMOVE: Final = "UPDATE tcc.letter SET body = NULL WHERE id = %s AND body IS NOT NULL"
_ASK: Final = (
    "INSERT INTO tcc.request (letter, action, body) VALUES (%s, %s, %s) "
    "ON CONFLICT (letter) DO UPDATE SET action = excluded.action, body = excluded.body"
)
_REQUESTS: Final = "SELECT letter, body FROM tcc.request ORDER BY letter"
_DROP_REQUEST: Final = "DELETE FROM tcc.request WHERE letter = %s"
_log = logging.getLogger(__name__)


class PostgresLetters:
    """The letters of a shared ledger, which the same connection reads and writes."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.unwritten: dict[str, bytes] = {}
        """By id: letters that the next commit writes."""

    def ids(self) -> set[str]:
        """Return the ids of all letters.  Raises :class:`Unavailable`."""
        rows = self._connection.run(lambda opened: opened.execute(_IDS).fetchall())
        return {loaded(ident) for (ident,) in rows} | self.unwritten.keys()

    def read(self, ident: str) -> Letter:
        """Return the letter with this id.  Raises OSError; ValueError if what is stored is no letter."""
        body = self.unwritten.get(ident)
        if body is None:
            row = self._run(lambda opened: opened.execute(_READ, (stored(ident),)).fetchone())
            if row is None:
                raise FileNotFoundError("the shared ledger has no such letter")
            (body,) = row
        with Boundary(f"letter {ident}", ValueError):
            return Letter.model_validate_json(body)

    def write(self, letter: Letter) -> None:
        """Let the next commit write a letter."""
        self.unwritten[letter.id] = letter.model_dump_json().encode()

    def remove(self, ident: str) -> None:
        """Remove a letter, if it is there; its row stays.  Raises OSError."""
        self._run(lambda opened: opened.execute(_REMOVE, (stored(ident),)))

    def ask(self, request: LetterRequest) -> None:
        """Leave a request for whichever uploader sees it first.  Raises :class:`Unavailable`."""
        values = stored(request.letter), request.action, request.model_dump_json().encode()
        self._connection.run(lambda opened: opened.execute(_ASK, values))

    def requests(self) -> dict[str, LetterRequest]:
        """Return the requests that wait, by their names; log which can't be read.  Raises OSError."""
        found = {}
        for name, body in self._run(lambda opened: opened.execute(_REQUESTS).fetchall()):
            try:
                with Boundary(f"request {loaded(name)}", ValueError):
                    found[loaded(name)] = LetterRequest.model_validate_json(body)
            except ValueError as error:
                _log.warning("the request %s is not valid and is ignored: %s", loaded(name), fault_text(error))
        return found

    def remove_request(self, name: str) -> None:
        """Remove a request that was carried out.  Raises OSError."""
        self._run(lambda opened: opened.execute(_DROP_REQUEST, (stored(name),)))

    def _run(self, work: Callable[[psycopg.Connection], Result]) -> Result:
        """Do some work.  Raises OSError, as a folder does where this is called."""
        try:
            return self._connection.run(work)
        except Unavailable as error:
            raise OSError(str(error)) from error
