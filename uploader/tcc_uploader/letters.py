"""Dead letters: one JSON file each in the state's ``dead`` folder, kept until an operator decides."""

from pathlib import Path
from typing import Final

from tcc_uploader.model.letter import Letter

from .files import make_durably, write_whole

FOLDER: Final = "dead"


def write(state: Path, letter: Letter) -> None:
    """Write a letter so that it is whole on disk, or not there: temp, fsync, rename, fsync of the folder."""
    path = path_of(state, letter.id)
    make_durably(path.parent)
    write_whole(path, letter.model_dump_json(indent=1).encode() + b"\n")


def path_of(state: Path, ident: str) -> Path:
    """Return where the letter with this id lies."""
    return state / FOLDER / f"{ident}.json"


def read(path: Path) -> Letter:
    """Read a letter.  Raises OSError, or ValueError if it is none."""
    return Letter.model_validate_json(path.read_bytes())
