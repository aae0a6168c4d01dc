"""Talks to an S3-compatible object store, with obstore: nothing else imports it, and this only where a name needs it.

Keys, region and endpoint come from the environment, as obstore documents it (``AWS_ACCESS_KEY_ID``,
``AWS_ENDPOINT_URL``, web identity, instance role …).  What a store says can hold tokens
and signatures, so none of it is ever told.
"""

import errno
import mmap
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from itertools import islice
from typing import IO, TYPE_CHECKING, Final
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
from obstore.store import S3Store

from tcc_uploader.boundary import Boundary
from tcc_uploader.model.objects import SCHEME, ObjectRef, parts_of
from tcc_uploader.sinks import hold_keys

from .objects import Kind, ObjectStream, StoreError, is_wanted
from .threads import Helpers

if TYPE_CHECKING:
    from obstore.store import ClientConfig

RETRIES: Final = 6
"""How many times a request that failed is made again, over some 6 seconds: a store that is busy says so (503)."""
MOST: Final = 5 * 1024**3
"""Bytes of the largest object that S3 takes in one request, and so all or nothing."""
_PAGE: Final = 1000
_CHUNK: Final = 256 * 1024
_FETCHED_AHEAD: Final = 1024 * 1024
"""Bytes that opening an object fetches: a small one is there, and is read without waiting for the store."""
_LONGEST: Final = timedelta(days=1)
"""For a whole transfer: what stalls is ended by ``_STALLED``."""
_STALLED: Final = timedelta(seconds=30)
_CONNECTING: Final = timedelta(seconds=5)
_SECRETS: Final = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_TOKEN")
_ENDPOINTS: Final = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_NO_CREDENTIALS: Final = re.compile(
    "Generic (S3 error: (Missing|Failed to read token file)|Config error)|/latest/(api/token|meta-data)|/v2/credentials"
)
"""What the client says where it finds no credentials: the last ones are services that give them to a machine."""
_BUSY: Final = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)


class S3:
    """A place in a bucket: an object, or all objects in a folder of objects.  Each call raises :class:`StoreError`."""

    def __init__(self, uri: str) -> None:
        """Raise ValueError if the name can't be that of a place in a bucket."""
        self._bucket, self._key = parts_of(uri)
        self._name = uri
        self._where, self._loopback = _place_of(next(filter(None, map(os.environ.get, _ENDPOINTS)), ""))
        hold_keys(filter(None, map(os.environ.get, _SECRETS)))
        with self._asked():
            self._store = self._opened(stalls=True)

    def _opened(self, *, stalls: bool) -> S3Store:
        """Return a client; ``stalls``: whether a request has failed if no byte comes for a while."""
        options: ClientConfig = {"connect_timeout": _CONNECTING, "timeout": _LONGEST}
        if stalls:
            options["read_timeout"] = _STALLED
        if self._loopback:
            options["allow_http"] = True
        return S3Store(self._bucket, client_options=options, retry_config={"max_retries": RETRIES})

    def check(self, *, may_be_empty: bool = False) -> None:
        """Ask the store for the first time; ``missing`` is an object or folder of this name, unless it may be empty."""
        may_be_empty = may_be_empty or not self._key or self._key.endswith("/")
        with Helpers(1) as helper:
            first = helper.submit(next, self.pages(), None).result()  # a signal may end the process meanwhile
        if first is None and not may_be_empty:
            raise StoreError("missing", "there is no object of this name, and none below it")

    def pages(self) -> Iterator[list[ObjectRef]]:
        """Yield the objects that are to be read, page by page: the one of this name, or those in the folder."""
        if self._key and not self._key.endswith("/"):
            found = self.look()
            if found is not None:
                yield [found]
                return
        with self._asked():
            listed = obstore.list(self._store, self._key or None, chunk_size=_PAGE)
        while True:
            with self._asked():
                page = next(listed, None)
            if page is None:
                return
            yield [
                ObjectRef(f"{SCHEME}{self._bucket}/{meta['path']}", meta["e_tag"] or "", meta["size"])
                for meta in page
                if is_wanted(meta["path"], meta["size"])
            ]

    def look(self, key: str | None = None) -> ObjectRef | None:
        """Return the object of this store's name, or with a key; None if there is none."""
        key = key or self._key
        with self._asked():
            try:
                meta = obstore.head(self._store, key)
            except FileNotFoundError:
                return None
            return ObjectRef(f"{SCHEME}{self._bucket}/{key}", meta["e_tag"] or "", meta["size"])

    def open(self, ref: ObjectRef) -> ObjectStream:
        """Open an object; its first bytes are fetched."""
        return _Stream(self, ref)

    def chunks(self, ref: ObjectRef, start: int) -> Iterator[bytes]:
        """Yield an object's bytes from ``start`` on.  One that has its name by now is never read."""
        options: obstore.GetOptions = {"range": {"offset": start}} if start else {}
        if ref.etag:
            options["if_match"] = ref.etag
        with self._asked():
            stream = obstore.get(self._store, parts_of(ref.uri)[1], options=options).stream(_CHUNK)
        while True:
            with self._asked():
                chunk = next(stream, None)
            if chunk is None:
                return
            yield bytes(chunk)

    def delete(self, ref: ObjectRef) -> None:
        """Delete an object, unless it is another one now."""
        key = parts_of(ref.uri)[1]
        if (now := self.look(key)) is not None and now.etag == ref.etag:
            with self._asked():
                obstore.delete(self._store, key)

    def create(self, file: IO[bytes]) -> ObjectRef:
        """Write a file as the new object of this name, all of it or nothing.  Raises FileExistsError if it is there."""
        size = file.seek(0, os.SEEK_END)
        if size > MOST:
            raise StoreError("denied", f"{size:,} bytes are too many for one object: make a bundle of each spool")
        if self.look() is not None:  # for stores that ignore the condition
            raise self._taken()
        uploading = self._opened(stalls=False)  # a time-out of reading would end a long upload
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        put = partial(obstore.put, uploading, self._key, content, mode="create", use_multipart=False)
        with self._asked(), Helpers(1) as helper:
            try:
                made = helper.submit(put).result()  # a signal may end the process meanwhile
            except (AlreadyExistsError, PreconditionError):
                raise self._taken() from None
        return ObjectRef(self._name, made["e_tag"] or "", size)

    def _taken(self) -> FileExistsError:
        return FileExistsError(errno.EEXIST, "an object of this name is there, and is not replaced", self._name)

    @contextmanager
    def _asked(self) -> Iterator[None]:
        """Turn what the client raises into a :class:`StoreError` that says what to do, and quotes nothing."""
        try:
            with Boundary(self._name, BaseError, OSError):
                yield
        except (BaseError, FileNotFoundError) as error:
            raise StoreError(*self._meaning(error)) from None

    def _meaning(self, error: Exception) -> tuple[Kind, str]:
        """Return what an error of the client means for us, and how it is told."""
        text = str(error)
        found = re.search(r"status code: (\d{3})", text)
        status = int(found[1]) if found else 0
        code = re.search(r"<Code>(\w{1,64})</Code>", text)
        name = code[1] if code else ""
        answer = f"HTTP {status}{name and f', {name}'}"
        if name == "NoSuchBucket":
            return "missing", f"there is no bucket {self._bucket!r} at {self._where}: check name and AWS_ENDPOINT_URL"
        if isinstance(error, FileNotFoundError) or name == "NoSuchKey":
            return "deleted", "it was deleted while it was read"
        if isinstance(error, PreconditionError) or status == HTTPStatus.PRECONDITION_FAILED:
            return "replaced", "it was replaced since it was listed: run it again"
        if odd := re.search('invalid path: .*?"(.*?)"', text, re.DOTALL):
            return (
                "denied",
                f"it holds an object whose name the client refuses ({odd[1][:200]!r}): rename or delete that",
            )
        if _NO_CREDENTIALS.search(text):
            advice = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give this machine a role"
            return "denied", f"there are no credentials for {self._where}, or they can't be used: {advice}"
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _BUSY:
            return "unreachable", f"{self._where} has failed ({answer}): run it again"
        if status:
            return "denied", f"{self._where} refuses it ({answer}): check the AWS_* variables, and what the key may do"
        if "builder error" in text:
            advice = "AWS_ENDPOINT_URL must be https://, or http:// on loopback (elsewhere with AWS_ALLOW_HTTP=true)"
            return "denied", f"{self._where} can't be asked: {advice}"
        return "unreachable", f"{self._where} can't be reached, or broke off: run it again"


_NO_URL: Final = "AWS_ENDPOINT_URL is no URL: it begins with https:// (or http://) and a host"


def _place_of(endpoint: str) -> tuple[str, bool]:
    """Return how a store is told, its host alone, because a URL may hold a password; and whether it is on loopback.

    Raises :class:`StoreError` if the endpoint is no URL.
    """
    try:
        parts = urlsplit(endpoint)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise StoreError("denied", _NO_URL) from None
    if endpoint and (
        parts.scheme not in ("http", "https") or not host or not endpoint.isprintable() or " " in endpoint
    ):
        raise StoreError("denied", _NO_URL)
    where = f"{host}{f':{port}' if port else ''}" if endpoint else "S3"
    return where, host in ("localhost", "::1") or host.startswith("127.")


class _Stream(ObjectStream):
    """The bytes of one object.  After :meth:`seek` they are asked for anew, from there on."""

    def __init__(self, store: S3, ref: ObjectRef) -> None:
        super().__init__()
        self._store = store
        self._ref = ref
        self._at = 0
        self._chunks = store.chunks(ref, 0)
        self._held = memoryview(b"".join(islice(self._chunks, _FETCHED_AHEAD // _CHUNK)))

    @property
    def name(self) -> str:
        """The object's name."""
        return self._ref.uri

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes, at most ``size``; all without.  Raises :class:`StoreError`."""
        if size < 0:
            return b"".join(iter(lambda: self.read(_CHUNK), b""))
        if not self._held and self._at < self._ref.size:
            self._held = memoryview(self._next())
        data = bytes(self._held[:size])
        self._held = self._held[len(data) :]
        self._at += len(data)
        return data

    def _next(self) -> bytes:
        try:
            if chunk := next(self._chunks, b""):
                return chunk
            raise StoreError("unreachable", "the store ended it too early: run it again")  # noqa: TRY301 -- as the others
        except StoreError as error:
            self.failure = error
            raise

    def seekable(self) -> bool:
        """Return True."""
        return True

    def readable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return where the next bytes are."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to another place, and return it."""
        at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._ref.size}[whence]
        if at < 0:
            raise ValueError("a negative place")
        if at != self._at:
            self._at, self._held = at, memoryview(b"")
            self._chunks = self._store.chunks(self._ref, at)
        return at
