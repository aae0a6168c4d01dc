"""Turns ended items into lines of the spool.  Pure functions: dicts in, bytes out."""

from typing import Any, Final, NamedTuple

from tcc_schemas.endpoints import CUSTOM_PATH, FEEDBACK_PATH
from tcc_schemas.lines import encode
from tcc_schemas.splitter import MAX_LINE

from .redact.policy import apply_policy
from .values import json_bytes, without_surrogates

_LARGE: Final = 4 * 1024 * 1024
"""If the body of a run with its children is larger (in bytes), the run and each child become separate records."""
_REFUSED_CHILDREN: Final = "tcc.refused_children"
"""In a run's metadata: how many of its children were too long to be recorded."""
_ID: Final = {"run": "run_id", "step": "step_id", "tool_call": "tool_call_id"}


Ended = tuple[dict[str, Any], bool]
"""An ended item: its wire dict, and whether one of its values was converted already."""


class Route(NamedTuple):
    """Where an item goes: its own ``tcc_url`` if it has one, and the hint of the key that was set when it was made."""

    url: str | None
    key: str | None


def item_lines(item: Ended, route: Route) -> list[bytes]:
    """Return the line of one item alone."""
    wire, was_converted = item
    (wire,), url, redacted, was_cleaned = apply_policy([wire], route.url)
    body, converted = json_bytes(wire)
    converted |= was_converted or was_cleaned
    return [_item_line(wire, body, Route(url, route.key), converted=converted, redacted=redacted)]


def run_lines(run: Ended, children: list[Ended], route: Route) -> list[bytes]:
    """Return the lines of a run: one line, or, if that is too large, one line for each child and then the run's."""
    if not children:
        return item_lines(run, route)
    first, was_converted = run
    steps: list[dict[str, Any]] = []
    tool_calls: list[dict[str, Any]] = []
    for wire, converted in children:
        (steps if wire["type"] == "step" else tool_calls).append(wire)
        was_converted |= converted
    bodies, url, redacted, was_cleaned = apply_policy([first, *steps, *tool_calls], route.url)
    body, converted = json_bytes({"type": "batch", "items": bodies})
    if len(body) > _LARGE:
        ordered = sorted(children, key=lambda child: child[0]["type"] != "step")
        lines = [line for child in ordered for line in item_lines(child, route)]
        if too_long := sum(len(line) > MAX_LINE for line in lines):  # the writer refuses these
            metadata = {**first.get("metadata", {}), _REFUSED_CHILDREN: str(too_long)}
            run = {**first, "metadata": metadata}, was_converted
        return [*lines, *item_lines(run, route)]
    converted |= was_converted or was_cleaned
    return [_item_line(first, body, Route(url, route.key), converted=converted, redacted=redacted)]


def journal_lines(items: list[Ended], route: Route, at: str) -> list[bytes]:
    """Return a journal line for each item of a run that has not ended: the run can be recovered from them."""
    lines = []
    for ended, was_converted in items:
        (item,), url, redacted, was_cleaned = apply_policy([ended], route.url)
        body, converted = json_bytes(item)
        ident, run_id, to = item[_ID[item["type"]]], item["run_id"], Route(url, route.key)
        converted |= was_converted or was_cleaned
        lines.append(_line("journal", ident, run_id, None, at, body, to, converted=converted, redacted=redacted))
    return [line for line in lines if len(line) <= MAX_LINE]


def feedback_lines(ident: str, feedback: dict[str, str], route: Route, at: str) -> list[bytes]:
    """Return the line of one feedback; ``at`` is when it was given."""
    (redacted_feedback,), url, redacted, was_cleaned = apply_policy([feedback], route.url)
    body, converted = json_bytes(redacted_feedback)
    run_id, to = feedback["runId"], Route(url, route.key)
    converted |= was_cleaned
    return [_line("feedback", ident, run_id, FEEDBACK_PATH, at, body, to, converted=converted, redacted=redacted)]


def _item_line(item: dict[str, Any], body: bytes, route: Route, *, converted: bool, redacted: int) -> bytes:
    kind, at = item["type"], item["end_time"]
    ident, run_id = item[_ID[kind]], item["run_id"]
    return _line(kind, ident, run_id, CUSTOM_PATH, at, body, route, converted=converted, redacted=redacted)


def _line(
    kind: str,
    ident: str,
    run_id: str,
    path: str | None,
    at: str,
    body: bytes,
    route: Route,
    *,
    converted: bool,
    redacted: int,
) -> bytes:
    url, key = route
    if converted:  # the body lost its lone surrogates; ids and URL must still match it
        ident, run_id, url = without_surrogates(ident), without_surrogates(run_id), url and without_surrogates(url)
    return encode(
        kind, ident, body, at=at, run_id=run_id, path=path, url=url, key=key, converted=converted, redacted=redacted
    )
