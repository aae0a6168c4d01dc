import json
import os
from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.redaction_corpus import FIND, LEAVE
from tcc_recorder.redact.scan import secret_spans
from tcc_recorder.redact.spans import replaced
from tcc_recorder.values import REDACTED

THOROUGH = bool(os.environ.get("TCC_TORTURE"))
OPEN = [
    *(
        'password="',
        "password='",
        'token = "',
        "--password '",
        '"password": "',
        "api_key=",
        "Passwort: „",
        "pwd:",
        "secret=&quot;",
    ),
    *(
        "-----BEGIN PRIVATE KEY-----\nMIIEowIBAAKCAQEA1234",
        "Cookie: a=",
        "Authorization: Bearer ",
        "https://u:",
        "curl -u a:",
        "password: |\n",
    ),
    *(
        "password\\",
        '"secret\\": \\"',
        "{'token': '",
        "<password>",
        "value=",
        "name: password\n  value: ",
        "passwords:\n  - ",
        "pass",
        " as ",
    ),
]
"""Beginnings that nothing closes."""
PIECES = [
    *FIND,
    *LEAVE,
    *OPEN,
    *"\\\"'{}[],:=@$%&<>|`\n\t",
    "\\n",
    '\\"',
    '\\\\"',
    "é日",
    "\x00",
    "\u2028",
    REDACTED,
    "12345678",
    "hunter22",
]
NAMES = [
    "password",
    "api_key",
    "a",
    "token",
    "credentials",
    "passwords",
    'my "secret"',
    "x\\",
    "DB_PASSWORD",
    "value",
    "name",
]

texts = st.lists(st.sampled_from(PIECES) | st.text(max_size=6), max_size=5).map("".join) | st.lists(
    st.sampled_from(PIECES), max_size=4
).map(" ".join)
names = st.sampled_from(NAMES) | texts.filter(lambda name: REDACTED not in name)
numbers = (
    st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | st.none()
)


def structures(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return lists, objects, and JSON texts of these."""
    values = st.lists(leaves, max_size=3) | st.dictionaries(names, leaves, max_size=3)
    return values | values.map(json.dumps) | values.map(lambda value: json.dumps(value, ensure_ascii=False, indent=1))


values = st.recursive(texts | numbers, structures, max_leaves=12)


def parsed(value: Any) -> Any:
    """Return what a JSON text holds, if that is an object or a list; else the value itself."""
    if isinstance(value, str) and value[:1] in {"{", "["}:
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def same_shape(before: Any, after: Any) -> bool:
    """Return whether a value became another only in texts, in names, and in numbers that are a mark now."""
    if isinstance(before, str):
        inner = parsed(before)
        if isinstance(inner, str) or after == before:
            return isinstance(after, str)
        return after == REDACTED or (not isinstance(parsed(after), str) and same_shape(inner, parsed(after)))
    if isinstance(before, dict):
        if not isinstance(after, dict) or len(before) != len(after):
            return False
        return all(map(same_shape, before.values(), after.values()))
    if isinstance(before, list):
        return isinstance(after, list) and len(before) == len(after) and all(map(same_shape, before, after))
    return after in (REDACTED, before)


@given(values)
@settings(max_examples=60_000 if THOROUGH else 600, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_stands_around_a_span_stays_json(value: Any) -> None:
    """A record with any texts in it, and each JSON text in them at any depth, is JSON of the same shape afterwards."""
    data = orjson.dumps(value)
    clean = replaced(data, secret_spans(data))
    assert same_shape(value, orjson.loads(clean)), (data, clean)
