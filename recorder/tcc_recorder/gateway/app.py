"""Answers requests.  An ASGI application: it knows of no socket.

Most official SDKs repeat nothing, so the answer is 2xx whenever the disk allows.  It is 507 when the spool takes
nothing more: after 503 two SDKs would repeat the request for seconds, and make their agent wait.
"""

from collections.abc import Callable, Mapping
from typing import Final

from tcc_recorder.config import WriterConfig
from tcc_recorder.limited_log import log
from tcc_recorder.redact.policy import Policy
from tcc_schemas.encodings import TooLargeError

from .answers import METRICS, TEXT, Answer, Receive, Scope, Send, busy, header_map, recorded, refused
from .content import JSON, PROTOBUF, encoding_of, media_type
from .endpoints import Endpoint, endpoint_of
from .guards import hint_of, refusal_of, without_token
from .metrics import Metrics
from .options import Options
from .posts import NotSearchableError, Post
from .readiness import why_not_ready
from .receiving import ROOM, BodyTooLargeError, Room, SenderIsGoneError, received
from .recording import Recording

_MOST_CONNECTIONS: Final = 512
"""With more, a request is answered with 503."""
_MOST_WARNINGS: Final = 100
"""How many different things are said once: what is said may name a path that a stranger chose."""
_NOTHING_HERE: Final = refused(404, "SDKs post to /v1/…; see also /healthz, /readyz and /metrics")


class App:
    """Records what is posted.

    ``hosts`` are what a ``Host`` header may say, None: anything.  ``connections`` returns how many are open.
    """

    def __init__(
        self,
        options: Options,
        config: WriterConfig,
        policy: Policy,
        hosts: frozenset[str] | None,
        connections: Callable[[], int],
    ) -> None:
        self._options, self._config, self._hosts, self._connections = options, config, hosts, connections
        self._recording = Recording(config, policy)
        self.metrics = Metrics()
        self._room = Room(ROOM)
        self._said: set[str] = set()
        self._too_large = refused(
            413, f"a body may have {options.max_body:,} bytes: record less in one run, or see --max-body"
        )
        self.stopping = False
        """Whether a request that begins now is refused."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = header_map(scope["headers"])
        try:
            answer = await self._answer(scope, headers, receive)
        except SenderIsGoneError:
            return
        if "expect" in headers and answer.status >= 400:  # noqa: PLR2004 -- what is refused
            answer = answer._replace(closes=True)  # the body may come or not: what follows can't be told
        self.metrics.answers[str(answer.status)] += 1
        await answer.send(send)

    def close(self) -> None:
        """Seal the spool's segment.  No request is being answered any more."""
        self._recording.close()

    async def _answer(self, scope: Scope, headers: Mapping[str, str], receive: Receive) -> Answer:
        if self.stopping:
            return busy(503, "this gateway is stopping")
        if self._connections() > _MOST_CONNECTIONS:
            return busy(503, "too many connections")
        refusal = refusal_of(headers, self._hosts)
        if refusal is not None:
            self._say_once(f"a request is refused ({refusal.status}): {refusal.why}")
            return refusal
        path: str = scope["raw_path"].decode("latin-1")
        if scope["method"] != "POST":
            return self._probed(path) if scope["method"] in {"GET", "HEAD"} else _NOTHING_HERE
        if self._options.tokens:
            behind = without_token(path, self._options.tokens)
            if behind is None:
                return refused(401, "the base URL must end with /t/ and a token of this gateway")
            path = behind
        endpoint = None if scope["query_string"] else endpoint_of(path)
        return _NOTHING_HERE if endpoint is None else await self._recorded(path, endpoint, headers, receive)

    async def _recorded(self, path: str, endpoint: Endpoint, headers: Mapping[str, str], receive: Receive) -> Answer:
        """Record a post; what is refused is not logged by each request, but once."""
        content_type = headers.get("content-type", "").strip()
        media = media_type(content_type)
        if media is None:
            return refused(415, f"the Content-Type must be {JSON} or {PROTOBUF}, in UTF-8")
        try:
            encoding = encoding_of(headers.get("content-encoding"))
        except ValueError as error:
            return refused(415, str(error))
        declared = int(headers["content-length"]) if "content-length" in headers else None
        limit = self._options.max_body
        if declared is not None and declared > limit:
            return self._too_large
        try:
            body, taken = await received(receive, self._room, declared, limit)
            try:
                post = Post(path, endpoint, media, content_type, encoding, body, self._hint(headers))
                made = await self._recording.record(post)
            finally:
                self._room.give(taken)
        except BodyTooLargeError:
            return self._too_large
        except TooLargeError as error:
            return refused(413, str(error))
        except NotSearchableError as error:
            self._say_once(f"a post to {path} is not recorded: {error}")
            return refused(415, str(error))
        if made is None:
            return refused(507, "the spool is full, or can't be written: see /readyz, and the log")
        if endpoint.is_future:
            self._say_once(f"recorded from an SDK that is newer than this version: {path}; to deliver it, upgrade")
        self.metrics.recorded(made.kind, len(body), made.redacted)
        return recorded(endpoint, media)

    def _hint(self, headers: Mapping[str, str]) -> str | None:
        try:
            return hint_of(headers.get("authorization"))
        except ValueError as error:
            self._say_once(f"{error}; such records are delivered with the default key")
            return None

    def _probed(self, path: str) -> Answer:
        match path:
            case "/healthz":
                return Answer(200, TEXT, b"ok\n")
            case "/readyz":
                why = "this gateway is stopping" if self.stopping else why_not_ready(self._config)
                return Answer(503 if why else 200, TEXT, f"{why or 'ok'}\n".encode())
            case "/metrics":
                gauges = {"connections": self._connections(), "receiving_bytes": self._room.size - self._room.free}
                return Answer(200, METRICS, self.metrics.text(gauges).encode())
        return _NOTHING_HERE

    def _say_once(self, message: str) -> None:
        if message not in self._said and len(self._said) < _MOST_WARNINGS:
            self._said.add(message)
            log.warning(message)
