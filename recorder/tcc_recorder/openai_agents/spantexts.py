"""What a span tells, in the terms of a record.  Pure."""

from datetime import datetime
from typing import Any

from agents.tracing import Span

from . import content
from .calls import Attempt


def attempt_of(span: Span[Any], *, content_wanted: bool) -> Attempt:
    """Return what an LLM span tells."""
    began, ended = times_of(span)
    model = content.member(span.span_data, "model")
    return Attempt(
        began=began,
        ended=ended,
        error=error_of(span, content_wanted=content_wanted),
        model=model if isinstance(model, str) else None,
        response=content.member(span.span_data, "response"),
    )


def times_of(span: Span[Any]) -> tuple[datetime | None, datetime | None]:
    """Return when a span began and ended."""
    return _moment(span.started_at), _moment(span.ended_at)


def _moment(said: str | None) -> datetime | None:
    return datetime.fromisoformat(said) if said else None


def error_of(span: Span[Any], *, content_wanted: bool) -> str | None:
    """Return a span's error as one line, or None if it has none; what it quotes is content."""
    error = span.error
    if error is None:
        return None
    message = error.get("message") or "error"
    quoted = (error.get("data") or {}).get("error")
    return f"{message}: {quoted}" if quoted and content_wanted else message
