"""Converts the data of spans to values of a record.  Pure functions."""

from datetime import datetime
from typing import Any

from agents.tracing import Span

from . import content
from .llm_calls import Attempt


def attempt_of(span: Span[Any], *, content_wanted: bool) -> Attempt:
    """Return the attempt that an LLM span describes."""
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
    return _datetime(span.started_at), _datetime(span.ended_at)


def _datetime(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def error_of(span: Span[Any], *, content_wanted: bool) -> str | None:
    """Return a span's error as one line, or None; details that may quote content only if ``content_wanted``."""
    error = span.error
    if error is None:
        return None
    message = error.get("message") or "error"
    quoted = (error.get("data") or {}).get("error")
    return f"{message}: {quoted}" if quoted and content_wanted else message
