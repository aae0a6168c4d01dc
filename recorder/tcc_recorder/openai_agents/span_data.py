"""Converts the data of spans to values of a record.  Pure functions."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from agents.tracing import Span

from .content import as_text
from .details import is_a, member, word
from .guard import guard
from .llm_calls import Attempt


def attempt_of(span: Span[Any], *, content_wanted: bool) -> Attempt:
    """Return the attempt that an LLM span describes."""
    began, ended = times_of(span)
    data = member(span, "span_data")
    return Attempt(
        began=began,
        ended=ended,
        error=error_of(span, content_wanted=content_wanted),
        model=word(data, "model"),
        response=member(data, "response"),
    )


def times_of(span: Span[Any]) -> tuple[datetime | None, datetime | None]:
    """Return when a span began and ended."""
    return _datetime(word(span, "started_at")), _datetime(word(span, "ended_at"))


@guard
def _datetime(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def error_of(span: Span[Any], *, content_wanted: bool) -> str | None:
    """Return a span's error as one line, or None; details that may quote content only if ``content_wanted``."""
    error = member(span, "error")
    if error is None or not is_a(error, Mapping):
        return None
    message = word(error, "message") or "error"
    quoted = as_text(member(member(error, "data"), "error"))
    return f"{message}: {quoted}" if quoted and content_wanted else message
