"""Spool lines of what the official packages post, as a gateway writes them.

``official_requests/`` has requests that the real packages sent on 2026-11-25, with a dummy key: Python
``contextcompany`` 2.0.0 with its integrations, and the TypeScript packages.  Of the headers only those are left that a
line keeps.
"""

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from support.faults import SegmentFile
from tcc_schemas.lines import encode

POSTED: Final = "2026-11-25T23:00:00.000Z"
"""When a gateway got them: after all that they tell of."""
JSON: Final = "application/json"
PROTOBUF: Final = "application/x-protobuf"
_FOLDER: Final = Path(__file__).parent / "official_requests"
_RUN_IDS: Final = {
    "py_agno": "295651ef-d21f-4b89-bfad-75679c520b94",
    "py_langchain": "11111111-1111-1111-1111-111111111111",
    "py_litellm": "run-1",
    "py_litellm_gzip": "run-1",
    "py_litellm_deflate": "run-1",
}
"""The runs of recordings in protobuf."""
_KINDS: Final = {
    "/v1/feedback": "feedback",
    "/v1/traces": "otlp",
    "/v1/otel-steps": "otlp-steps",
    **{f"/v1/{kind}": kind for kind in ("claude", "mastra", "pi", "openclaw")},
}


class Posted(NamedTuple):
    """A request as it was sent."""

    path: str
    body: bytes
    type: str = JSON
    encoding: str | None = None

    @property
    def id(self) -> str:
        """The first 32 hex digits of sha256 over path, encoding and body, each with its length before it."""
        digest = hashlib.sha256()
        for part in (self.path.encode(), (self.encoding or "").encode(), self.body):
            digest.update(len(part).to_bytes(8, "big") + part)
        return digest.hexdigest()[:32]

    def line(
        self, run_id: str | None = None, *, kind: str | None = None, at: str = POSTED, key: str | None = None
    ) -> bytes:
        """Return the line of it; ``kind`` is that of the path, or of the item in the body."""
        verbatim = self.type == JSON and self.encoding is None and b"\n" not in self.body and _is_json(self.body)
        return encode(
            kind or self._kind(),
            self.id,
            self.body,
            at=at,
            run_id=run_id,
            path=self.path,
            type=None if self.type == JSON else self.type,
            encoding=self.encoding,
            base64=not verbatim,
            key=key,
        )

    def _kind(self) -> str:
        if self.path != "/v1/custom":
            return _KINDS.get(self.path, "post")
        kind = json.loads(self.body)["type"]
        return "run" if kind == "batch" else str(kind)


def official(name: str) -> list[Posted]:
    """Return the requests of one recording, in their order."""
    return [
        Posted(found["path"], base64.b64decode(found["body_base64"]), found["content-type"], found["content-encoding"])
        for found in orjson.loads((_FOLDER / f"{name}.json").read_bytes())
    ]


def official_lines(*names: str) -> list[bytes]:
    """Return the lines of recordings, each with the id of its run."""
    return [posted.line(_RUN_IDS.get(name) or _told_run_id(posted)) for name in names for posted in official(name)]


def _told_run_id(posted: Posted) -> str | None:
    """Return the run's id that a JSON body tells."""
    body = json.loads(posted.body)
    for item in body.get("items", [body]):
        if found := item.get("run_id") or item.get("runId") or item.get("metadata", {}).get("tcc.runId"):
            return str(found)
    found = re.search(rb'"key":"tcc.runId","value":\{"stringValue":"([^"]*)"', posted.body)
    return found[1].decode() if found else None


def post(path: str, value: Any, **members: Any) -> Posted:
    """Return a request with this value as JSON."""
    return Posted(path, orjson.dumps(value), **members)


def segment_of(*lines: bytes) -> SegmentFile:
    """Return a sealed segment with these lines."""
    segment = SegmentFile().later(POSTED)
    for line in lines:
        segment.line(line)
    return segment.seal()


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True
