"""Content encodings are undone within a limit."""

import gzip
import tracemalloc
import zlib

import pytest

from tcc_schemas.encodings import TooLargeError, unpacked


@pytest.mark.parametrize("members", [1, 30])
def test_no_more_of_a_bomb_is_unpacked_than_a_line_may_have(members: int) -> None:
    """Also if it is in several members, each of which is small enough."""
    bomb = gzip.compress(bytes(30_000_000 // members)) * members
    tracemalloc.start()
    try:
        with pytest.raises(TooLargeError):
            unpacked(bomb, "gzip", 1_500_000)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 6_000_000


@pytest.mark.parametrize(
    ("body", "encoding", "inside"),
    [
        (b"plain", None, b"plain"),
        (gzip.compress(b"one", mtime=0) + gzip.compress(b"two", mtime=0), "gzip", b"onetwo"),
        (zlib.compress(b"one"), "deflate", b"one"),
        (zlib.compress(b"one")[2:-4], "deflate", b"one"),  # without the header of zlib, as some send it
        (gzip.compress(b"one", mtime=0)[:-1], "gzip", None),
        (zlib.compress(b"one"), "gzip", None),
        (b"plain", "deflate", None),
    ],
)
def test_what_is_inside_or_that_it_is_not_encoded_so(body: bytes, encoding: str | None, inside: bytes | None) -> None:
    """Several members are one body; what is cut, or something else, is told."""
    assert unpacked(body, encoding, 100) == inside
