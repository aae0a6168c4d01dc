"""What a store of dead letters can do: ``dead/store.py`` is a folder; a shared ledger has its own."""

from typing import Protocol

from .letter import Letter, LetterRequest


class LetterStore(Protocol):
    """Dead letters, and the operators' requests about them.  Each method raises OSError if that is not possible."""

    def ids(self) -> set[str]:
        """Return the ids of all letters."""

    def read(self, ident: str) -> Letter:
        """Return the letter with this id.  Raises ValueError if what is stored is no letter."""

    def write(self, letter: Letter) -> None:
        """Write a letter durably; after a crash it is complete or not there."""

    def remove(self, ident: str) -> None:
        """Remove a letter, if it is there."""

    def ask(self, request: LetterRequest) -> None:
        """Leave a request for the uploader."""

    def requests(self) -> dict[str, LetterRequest]:
        """Return the requests that wait, by their names.  Remove each when its result is committed."""

    def remove_request(self, name: str) -> None:
        """Remove a request that was carried out."""
