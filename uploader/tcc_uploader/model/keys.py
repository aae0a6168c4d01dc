"""What a record is known by: its dedupe key, its idempotency token, and the digest of its bytes.  Pure."""

import hashlib
from uuid import UUID


def dedupe_key(kind: str, ident: str) -> bytes:
    """Return the ledger's 16-byte key for (kind, id).

    For a UUID of version 7 the first 6 bytes are its timestamp: keys of one time lie side by side, which keeps the
    ledger's inserts local; the other 10 are a hash.  For anything else all 16 are a hash.
    """
    digest = hashlib.sha256(f"{kind}\0{ident}".encode("utf-8", "surrogatepass")).digest()
    if len(ident) == 36 and ident[14] == "7":  # noqa: PLR2004 -- a UUID's length
        try:
            return UUID(ident).bytes[:6] + digest[:10]
        except ValueError:
            pass
    return digest[:16]


def invalid_token(raw: bytes) -> bytes:
    """Return what stands for a plain line that no wire item matches."""
    return idempotency_token("invalid", "", raw)


def invalid_key(raw: bytes) -> bytes:
    """Return the ledger's key for a plain line that no wire item matches."""
    return dedupe_key("invalid", invalid_token(raw).hex())


def idempotency_token(kind: str, ident: str, body: bytes) -> bytes:
    """Return the 16 bytes whose hex is sent as ``Idempotency-Key``: the same for every attempt at these bytes."""
    token = hashlib.sha256(f"{kind}\0{ident}\0".encode("utf-8", "surrogatepass"))
    token.update(body)
    return token.digest()[:16]


def digest_of(token: bytes) -> int:
    """Return what the ledger keeps of a token to tell the same bytes from others: its first 6 bytes."""
    return int.from_bytes(token[:6])
