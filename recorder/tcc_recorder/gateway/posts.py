"""Turns a request into a line of the spool.  Pure, but for the time and a feedback's id.

The body is written as it came, so that it can be sent as it came: verbatim if it is JSON on one line, else as base64.
"""

from typing import Final, NamedTuple

from tcc_recorder.clock import now
from tcc_recorder.ids import new_id
from tcc_recorder.limited_log import log
from tcc_recorder.redact.policy import Policy
from tcc_recorder.values import without_surrogates
from tcc_schemas.encodings import Encoding, unpacked
from tcc_schemas.lines import encode
from tcc_schemas.splitter import MAX_LINE

from . import json_body, otlp
from .content import JSON, packed
from .endpoints import Endpoint
from .identity import ident_of
from .redaction import redacted_json, redacted_protobuf, searches_all

_KINDS: Final = {"run": "run", "step": "step", "tool_call": "tool_call", "batch": "run"}
"""The kind of what is posted to ``/v1/custom``, by its ``type``: a batch is a run with its children."""
_OTHER: Final = "post"
"""The kind of what is none of those."""
_LONGEST_RUN_ID: Final = 512
"""Characters; what is longer is no id, and would be written twice."""


class Post(NamedTuple):
    """A request: ``path`` without what stands before ``/v1/``, and ``key``, the hint of the key that came with it."""

    path: str
    endpoint: Endpoint
    media_type: str
    content_type: str
    encoding: Encoding | None
    body: bytes
    key: str | None


class Made(NamedTuple):
    """The line of a request, and what metrics count of it."""

    line: bytes
    kind: str
    redacted: int


class NotSearchableError(ValueError):
    """A body in which secrets must be looked for can't be read."""


def line_of(post: Post, policy: Policy) -> Made:
    """Return the line that records a request.

    Raises TooLargeError if the body unpacks to more than a line may have, and NotSearchableError.
    """
    plain = unpacked(post.body, post.encoding, MAX_LINE)
    body, redacted = post.body, 0
    try:
        if plain is None:
            raise ValueError("it is not encoded as its Content-Encoding says")  # noqa: TRY301 -- like what can't be parsed
        plain, redacted, kind, run_id = _read(post, plain, policy)
        readable = True
    except Exception as error:  # whatever is the matter with it, the server shall judge
        why = str(error) if isinstance(error, ValueError) else type(error).__name__
        if not isinstance(error, ValueError):
            log.warning(
                f"a post to {post.path} can't be read ({why}), which is a fault of tcc-record: please report it"
            )
        if searches_all(policy):
            raise NotSearchableError(f"secrets can't be looked for in this body: {why}") from error
        readable, kind, run_id = False, post.endpoint.kind or _OTHER, None
    if redacted and plain is not None:
        body = packed(plain, post.encoding)
    is_verbatim = readable and post.media_type == JSON and post.encoding is None and b"\n" not in body
    return Made(
        encode(
            kind,
            new_id() if kind == "feedback" else ident_of(post.path, post.encoding, post.body),
            body,
            at=now(),
            run_id=run_id,
            path=post.path,
            type=None if post.content_type == JSON else post.content_type,
            encoding=post.encoding,
            base64=not is_verbatim,
            key=post.key,
            redacted=redacted,
        ),
        kind,
        redacted,
    )


class _Read(NamedTuple):
    plain: bytes
    redacted: int
    kind: str
    run_id: str | None


def _read(post: Post, plain: bytes, policy: Policy) -> _Read:
    """Parse a body, and take secrets out.  Raises ValueError if it can't be read."""
    endpoint = post.endpoint
    kind = endpoint.kind or _OTHER
    if post.media_type == JSON:
        value = json_body.parsed(plain)
        plain, redacted = redacted_json(plain, policy, is_otlp=endpoint.is_otlp)
        if redacted:
            value = json_body.parsed(plain)  # the run's id is that of the body as it is written
        if endpoint.is_otlp:
            run_id = otlp.run_id_of_json(value, endpoint.run_id[0])
        else:
            if endpoint.kind is None:
                kind, value = _custom(value)
            run_id = json_body.text_at(value, endpoint.run_id) if endpoint.run_id else None
    elif endpoint.is_otlp:
        plain, redacted = redacted_protobuf(plain, policy)
        run_id = otlp.run_id_of_protobuf(otlp.parsed_protobuf(plain), endpoint.run_id[0])
    else:
        raise ValueError("it is protobuf of an unknown kind")
    return _Read(plain, redacted, kind, _checked(run_id))


def _custom(value: object) -> tuple[str, object]:
    """Return the kind of what is posted to ``/v1/custom``, and the item that has the run's id."""
    kind = json_body.text_at(value, ("type",)) or ""
    if kind == "batch" and isinstance(value, dict) and isinstance(value.get("items"), list):
        value = next((item for item in value["items"] if json_body.text_at(item, ("type",)) == "run"), None)
    return _KINDS.get(kind, _OTHER), value


def _checked(run_id: str | None) -> str | None:
    return without_surrogates(run_id) if run_id and len(run_id) <= _LONGEST_RUN_ID else None
