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


class _Cleaned(NamedTuple):
    """What the policy lets be written of one item or more; ``body`` is their JSON."""

    items: list[dict[str, Any]]
    body: bytes
    route: Route
    converted: bool
    redacted: int


def _cleaned(items: list[dict[str, Any]], route: Route, *, converted: bool) -> _Cleaned:
    """Apply the policy; ``converted`` is whether a value of the items was converted before.  Several are a batch."""
    items, url, redacted, was_converted = apply_policy(items, route.url)
    body, is_converted = json_bytes(items[0] if len(items) == 1 else {"type": "batch", "items": items})
    if url != route.url:
        route = Route(url, route.key)
    return _Cleaned(items, body, route, converted or was_converted or is_converted, redacted)


def item_lines(item: Ended, route: Route) -> list[bytes]:
    """Return the line of one item alone."""
    wire, was_converted = item
    return [_item_line(_cleaned([wire], route, converted=was_converted))]


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
    cleaned = _cleaned([first, *steps, *tool_calls], route, converted=was_converted)
    if len(cleaned.body) > _LARGE:
        ordered = sorted(children, key=lambda child: child[0]["type"] != "step")
        lines = [line for child in ordered for line in item_lines(child, route)]
        if too_long := sum(len(line) > MAX_LINE for line in lines):  # the writer refuses these
            metadata = {**first.get("metadata", {}), _REFUSED_CHILDREN: str(too_long)}
            run = {**first, "metadata": metadata}, was_converted
        return [*lines, *item_lines(run, route)]
    return [_item_line(cleaned)]


def journal_lines(items: list[Ended], route: Route, at: str) -> list[bytes]:
    """Return a journal line for each item of a run that has not ended: the run can be recovered from them."""
    lines = []
    for item, was_converted in items:
        ident, run_id = item[_ID[item["type"]]], item["run_id"]
        lines.append(_line("journal", ident, run_id, None, at, _cleaned([item], route, converted=was_converted)))
    return [line for line in lines if len(line) <= MAX_LINE]


def feedback_lines(ident: str, feedback: dict[str, str], route: Route, at: str) -> list[bytes]:
    """Return the line of one feedback; ``at`` is when it was given."""
    cleaned = _cleaned([feedback], route, converted=False)
    return [_line("feedback", ident, feedback["runId"], FEEDBACK_PATH, at, cleaned)]


def _item_line(cleaned: _Cleaned) -> bytes:
    item = cleaned.items[0]
    kind = item["type"]
    return _line(kind, item[_ID[kind]], item["run_id"], CUSTOM_PATH, item["end_time"], cleaned)


def _line(kind: str, ident: str, run_id: str, path: str | None, at: str, cleaned: _Cleaned) -> bytes:
    _, body, (url, key), converted, redacted = cleaned
    if converted:  # the body lost its lone surrogates; ids and URL must still match it
        ident, run_id, url = without_surrogates(ident), without_surrogates(run_id), url and without_surrogates(url)
    return encode(
        kind, ident, body, at=at, run_id=run_id, path=path, url=url, key=key, converted=converted, redacted=redacted
    )
