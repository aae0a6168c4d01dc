"""Names of places in an object store, and what identifies an object."""

import re
from importlib.util import find_spec
from typing import Final, NamedTuple

SCHEME: Final = "s3://"
CLIENT: Final = "obstore"
"""The library that talks to stores."""


class ObjectRef(NamedTuple):
    """One object: its name (``s3://bucket/key``) and etag, which identify it, and its size in bytes."""

    uri: str
    etag: str
    size: int


def parts_of(uri: str) -> tuple[str, str]:
    """Return bucket and key.  Raises ValueError, which does not quote the name: it may hold a password."""
    found = re.fullmatch(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*))?", uri, re.DOTALL)
    if found is None:
        raise ValueError("it must be s3://BUCKET/PREFIX, without a key or host: these come from AWS_* variables")
    return found[1], found[2] or ""


def checked_place(uri: str) -> str:
    """Return the name of a place in an object store.  Raises ValueError if it can't be one, or no library is there."""
    parts_of(uri)
    if find_spec(CLIENT) is None:
        raise ValueError("s3:// needs a library: pip install 'tcc-offline[s3]'")
    return uri
