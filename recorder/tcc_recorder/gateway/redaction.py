"""Takes secrets out of what is posted, as ``configure(redact=…)`` says for what is recorded.

``status``, the default, looks at messages of failures: ``status_message`` in JSON, and in OpenTelemetry's requests
``status.message``, ``exception.message`` and ``exception.stacktrace``.  What it can't read is taken as it is.
``secrets``, patterns and callables look at every text; then what can't be read is refused.  Without a hit no byte is
changed.
"""

from typing import Final, NamedTuple

import orjson

from tcc_recorder.redact.policy import Policy, changed_texts
from tcc_recorder.redact.scan import secret_spans
from tcc_recorder.redact.spans import replaced
from tcc_recorder.redact.status import redact_status_message
from tcc_recorder.values import json_bytes

from .json_body import Text, replaced_texts, texts_of
from .otlp import change_texts, parsed_protobuf

_OF_FAILURES: Final = frozenset({"status_message", "status.message", "exception.message", "exception.stacktrace"})
"""Names of texts that tell of failures; all but the first are OpenTelemetry's."""
_HINTS: Final = {False: (b'"status_message"',), True: (b'"message"', b'"exception.')}
"""A JSON body without one of these has no message of a failure; by whether it is OTLP."""


class Redacted(NamedTuple):
    """A body without its secrets, and how many were replaced."""

    data: bytes
    secrets: int


def redacted_json(data: bytes, policy: Policy, *, is_otlp: bool) -> Redacted:
    """Return a JSON body without its secrets; spans of it are replaced, the rest stays as it is."""
    count = 0
    if policy.secrets:
        spans = secret_spans(data)
        data, count = replaced(data, spans), len(spans)
    if not searches_all(policy) and not any(hint in data for hint in _HINTS[is_otlp]):
        return Redacted(data, count)
    changes: list[tuple[Text, str]] = []
    for text in texts_of(data):
        if is_otlp and text.name == "key":  # an attribute's name, which is no text
            continue
        name = text.attribute
        if is_otlp and text.within == "status" and text.name == "message":
            name = "status.message"
        elif not is_otlp and text.name == "status_message":
            name = text.name
        new = _clean(name, text.value, policy)
        if new != text.value:
            changes.append((text, new))
    return Redacted(replaced_texts(data, changes), count + len(changes))


def redacted_protobuf(data: bytes, policy: Policy) -> Redacted:
    """Return an OTLP request without its secrets.  Raises ValueError if it is none."""
    request = parsed_protobuf(data)
    count = change_texts(request, lambda name, text: _clean(name, text, policy))
    return Redacted(request.SerializeToString(), count) if count else Redacted(data, 0)


def searches_all(policy: Policy) -> bool:
    """Return whether every text is searched, not only messages of failures."""
    return policy.secrets or bool(policy.patterns or policy.callables)


def _clean(name: str, text: str, policy: Policy) -> str:
    """Return a text without its secrets; ``name`` is what it is called, which tells of some."""
    if name in _OF_FAILURES:
        text = redact_status_message(text)
    if policy.secrets:
        data, _ = json_bytes({name: text})
        spans = secret_spans(data)
        if spans:
            text = next(iter(orjson.loads(replaced(data, spans)).values()))
    return changed_texts([text], policy)[0] if searches_all(policy) else text
