"""Recorded values as texts, and what is said in messages, in the shapes in which SDKs write them.  Pure."""

from typing import Any, Final

import orjson

_TEXTS: Final = ("text", "content")
"""Members of a part with its text: the first in the APIs of providers, the second in OpenTelemetry's convention."""


def as_text(value: object) -> str:
    """Return a value as text: what is no text as JSON, and None as ``""``."""
    if value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value, default=str).decode()


def inside(text: object) -> Any:
    """Return the value of a text that is JSON of an object or a list; anything else as it is."""
    if isinstance(text, str) and text[:1] in ("{", "["):
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            return text
    return text


def spoken(value: object, role: str) -> str:
    """Return what was said: the words of the last message of this role, if messages are told, and nothing but words.

    Anything else comes as text, whole.
    """
    found = inside(value)
    found = found.get("messages", found) if isinstance(found, dict) else found
    said = (
        [each for each in found if isinstance(each, dict) and each.get("role") == role]
        if isinstance(found, list)
        else []
    )
    words = _words(said[-1].get("content", said[-1].get("parts"))) if said and "tool_calls" not in said[-1] else None
    return as_text(value) if words is None else words


def _words(content: object) -> str | None:
    """Return a message's content that is text, or parts that all are; else None."""
    if not isinstance(content, list):
        return content if isinstance(content, str) else None
    texts = [
        next((each[name] for name in _TEXTS if isinstance(each.get(name), str)), None)
        if isinstance(each, dict) and each.get("type") == "text"
        else None
        for each in content
    ]
    return None if None in texts or not texts else "\n".join(map(str, texts))
