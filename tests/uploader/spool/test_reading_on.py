"""A file that changes while it is read never keeps the reader busy for ever."""

from pathlib import Path

from tcc_uploader.files import CHUNK
from tcc_uploader.spool import reader


def test_a_plain_file_that_becomes_shorter_is_read_to_its_new_end(tmp_path: Path) -> None:
    """Its end is where it is now: without this the engine would read nothing, again and again."""
    path = tmp_path / "plain.jsonl"
    path.write_bytes(b'{"a":1}\n' * (CHUNK // 4))
    segment, _ = reader.identify(path)
    reader.read_on(segment)
    assert not segment.at_end
    with path.open("r+b") as file:
        file.truncate(segment.size)
    reader.read_on(segment)
    assert segment.at_end
