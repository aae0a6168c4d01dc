"""What tells one post from another.  Pure."""

from hashlib import sha256


def ident_of(path: str, encoding: str | None, body: bytes) -> str:
    """Return the id of a post: 32 hex digits, the same for the same bytes at the same path.

    An SDK that repeats a request repeats it byte for byte, so the uploader finds the second one by its id.  A run's id
    would not do: several different posts may belong to one run.
    """
    digest = sha256()
    for part in (path.encode(), (encoding or "").encode(), body):
        digest.update(len(part).to_bytes(8, "big"))  # else a part's end could be taken for the next one's beginning
        digest.update(part)
    return digest.hexdigest()[:32]
