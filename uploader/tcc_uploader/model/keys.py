"""The values that identify a record: its dedupe key, its idempotency token, and the digest of its bytes.  Pure."""

import hashlib
from collections.abc import Iterator
from typing import Generic, TypeVar
from uuid import UUID

from .fate import NO_HINT

Value = TypeVar("Value")


def dedupe_key(kind: str, ident: str) -> bytes:
    """Return the ledger's 16-byte key for (kind, id).

    If the id is a UUID of version 7, the first 6 bytes are its timestamp and the other 10 a hash: keys of the same time
    are neighbours in the ledger, so inserts touch few pages.  For any other id all 16 bytes are a hash.
    """
    digest = hashlib.sha256(f"{kind}\0{ident}".encode("utf-8", "surrogatepass")).digest()
    if len(ident) == 36 and ident[14] == "7":  # noqa: PLR2004 -- a UUID's length
        try:
            return UUID(ident).bytes[:6] + digest[:10]
        except ValueError:
            pass
    return digest[:16]


def invalid_token(raw: bytes) -> bytes:
    """Return the idempotency token of a plain line that is no valid wire item."""
    return idempotency_token("invalid", "", raw)


def invalid_key(token: bytes) -> bytes:
    """Return the ledger's key for a plain line that is no valid wire item, from its idempotency token."""
    return dedupe_key("invalid", token.hex())


def hint_number(hint: str | None) -> int:
    """Return a key hint (8 hex digits) as the ledger stores it: a number, -1 for a record without a key."""
    return NO_HINT if hint is None else int(hint, 16)


def idempotency_token(kind: str, ident: str, body: bytes) -> bytes:
    """Return the 16 bytes whose hex is sent as ``Idempotency-Key``: the same each time that this body is sent."""
    token = hashlib.sha256(f"{kind}\0{ident}\0".encode("utf-8", "surrogatepass"))
    token.update(body)
    return token.digest()[:16]


def digest_of(token: bytes) -> int:
    """Return the first 6 bytes of a token as a number: with it the ledger tells equal bodies from different ones."""
    return int.from_bytes(token[:6])


class ByKey(Generic[Value]):
    """Values by dedupe key and key hint."""

    def __init__(self) -> None:
        self._values: dict[bytes, dict[int, Value]] = {}
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[tuple[bytes, int, Value]]:
        for key, values in self._values.items():
            for hint, value in values.items():
                yield key, hint, value

    def get(self, key: bytes, hint: int) -> Value | None:
        """Return the value under this key and hint."""
        return self._values.get(key, {}).get(hint)

    def under(self, key: bytes) -> list[Value]:
        """Return the values under this key, whatever their hints."""
        return list(self._values.get(key, {}).values())

    def put(self, key: bytes, hint: int, value: Value) -> None:
        """Set the value under this key and hint."""
        values = self._values.setdefault(key, {})
        self._size += hint not in values
        values[hint] = value

    def remove(self, key: bytes, hint: int) -> None:
        """Remove the value under this key and hint.  Raises KeyError if there is none."""
        values = self._values[key]
        del values[hint]
        self._size -= 1
        if not values:
            del self._values[key]
