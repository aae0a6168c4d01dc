"""Requests of ``dead requeue`` and ``dead drop`` to the process that holds the state's lock: one small file each."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ValidationError, field_validator

from tcc_uploader.files import make_durably, write_whole
from tcc_uploader.model.letter import Letter

FOLDER: Final = "requests"
_log = logging.getLogger(__name__)


class LetterRequest(BaseModel):
    """A request to send a letter again, or to drop it.  ``letter_json`` is the letter after the operator's edits."""

    action: Literal["requeue", "drop"]
    letter: str
    letter_json: str | None = None

    @field_validator("letter_json")
    @classmethod
    def _is_letter(cls, text: str | None) -> str | None:
        if text is not None:
            Letter.model_validate_json(text)
        return text


def ask(state: Path, request: LetterRequest) -> None:
    """Write a request for the uploader.  Raises OSError."""
    folder = state / FOLDER
    make_durably(folder)
    write_whole(folder / f"{request.letter}.json", request.model_dump_json().encode())


def waiting(state: Path) -> Iterator[tuple[Path, LetterRequest]]:
    """Yield each waiting request and its file.  Remove the file after the request's result is committed."""
    try:
        files = sorted((state / FOLDER).glob("*.json"))
    except OSError:
        return
    for file in files:
        try:
            yield file, LetterRequest.model_validate_json(file.read_bytes())
        except (OSError, ValidationError) as error:
            _log.warning("%s is not a valid request and is ignored: %s", file, error)
