"""What ``dead requeue`` and ``dead drop`` ask of whoever holds the state's lock: one small file each."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ValidationError

from tcc_uploader.files import make_durably, write_whole

FOLDER: Final = "requests"
_log = logging.getLogger(__name__)


class LetterRequest(BaseModel):
    """Send a letter again, or give it up.  ``letter_json`` is the letter as the operator edited it."""

    action: Literal["requeue", "drop"]
    letter: str
    letter_json: str | None = None


def ask(state: Path, request: LetterRequest) -> None:
    """Leave a request.  Raises OSError."""
    folder = state / FOLDER
    make_durably(folder)
    write_whole(folder / f"{request.letter}.json", request.model_dump_json().encode())


def waiting(state: Path) -> Iterator[tuple[Path, LetterRequest]]:
    """Yield the requests that wait, and the file of each: remove it once the ledger knows."""
    try:
        files = sorted((state / FOLDER).glob("*.json"))
    except OSError:
        return
    for file in files:
        try:
            yield file, LetterRequest.model_validate_json(file.read_bytes())
        except (OSError, ValidationError) as error:
            _log.warning("%s is no request, and is left alone: %s", file, error)
