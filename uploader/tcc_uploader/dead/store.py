"""A folder of dead letters, one JSON file each, and beside it one of requests: what operators ask of the uploader."""

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from tcc_schemas.faults import fault_text
from tcc_uploader.boundary import Boundary
from tcc_uploader.files import make_durably, write_whole
from tcc_uploader.model.letter import Letter, LetterRequest

LETTERS: Final = "dead"
REQUESTS: Final = "requests"
_ENDING: Final = ".json"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LetterFolder:
    """The letters and requests in a target's folder: see :class:`tcc_uploader.model.letter_store.LetterStore`."""

    state: Path

    def ids(self) -> set[str]:
        """Return the ids of all letters.  Raises OSError if the folder can't be read: that is not the same as none."""
        try:
            names = os.listdir(self.state / LETTERS)  # noqa: PTH208 -- glob() hides errors
        except FileNotFoundError:
            return set()
        return {name.removesuffix(_ENDING) for name in names if name.endswith(_ENDING)}

    def read(self, ident: str) -> Letter:
        """Return the letter with this id.  Raises OSError; ValueError if the file is not a letter, or another one."""
        file = self._file(LETTERS, ident)
        with Boundary(str(file), OSError, ValueError):
            letter = Letter.model_validate_json(file.read_bytes())
        if letter.id != ident:
            raise ValueError("the file of this name holds another letter")
        return letter

    def write(self, letter: Letter) -> None:
        """Write a letter durably; after a crash it is complete or not there.  Raises OSError."""
        self._write(LETTERS, letter.id, letter)

    def remove(self, ident: str) -> None:
        """Remove a letter, if it is there.  Raises OSError."""
        self._file(LETTERS, ident).unlink(missing_ok=True)

    def ask(self, request: LetterRequest) -> None:
        """Leave a request for whoever holds the state's lock.  Raises OSError."""
        self._write(REQUESTS, request.letter, request)

    def requests(self) -> dict[str, LetterRequest]:
        """Return the requests that wait, by their names; log which can't be read."""
        found = {}
        for file in sorted((self.state / REQUESTS).glob(f"*{_ENDING}")):
            try:
                with Boundary(str(file), OSError, ValueError):
                    found[file.stem] = LetterRequest.model_validate_json(file.read_bytes())
            except (OSError, ValueError) as error:
                _log.warning(
                    "%(file)s is not a valid request and is ignored: %(why)s",
                    {"action": "request_ignored", "file": file, "why": fault_text(error)},
                )
        return found

    def remove_request(self, name: str) -> None:
        """Remove a request that was carried out.  Raises OSError."""
        self._file(REQUESTS, name).unlink(missing_ok=True)

    def _file(self, folder: str, name: str) -> Path:
        return self.state / folder / f"{name}{_ENDING}"

    def _write(self, folder: str, name: str, content: BaseModel) -> None:
        make_durably(self.state / folder)
        write_whole(self._file(folder, name), content.model_dump_json(indent=1).encode() + b"\n")
