"""Answers requests.  An ASGI application: it knows of no socket."""

from hashlib import sha256

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tcc_recorder.clock import now
from tcc_recorder.spool.writer import SpoolWriter
from tcc_schemas.lines import encode

from .endpoints import endpoint_of


class App:
    """Records what is posted, with ``writer``."""

    def __init__(self, writer: SpoolWriter) -> None:
        self._writer = writer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        response = await self._answer(request)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        endpoint = endpoint_of(request.url.path)
        if request.method != "POST" or endpoint is None:
            return Response(status_code=404)
        body = await request.body()
        line = encode(
            endpoint.kind or "run",
            sha256(body).hexdigest()[:32],
            body,
            at=now(),
            path=request.url.path,
            type=request.headers.get("content-type"),
            encoding=request.headers.get("content-encoding"),
            base64=True,
        )
        if not self._writer.record([line]):
            return Response(status_code=507)
        return Response(b'{"ok":true}', media_type="application/json")
