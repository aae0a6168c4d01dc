"""Which parts of a record may be written: secrets are replaced and texts left out, as the process is configured.

Every record, feedback and journal line passes through :func:`apply_policy` before it is encoded.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson

from tcc_recorder.limited_log import log
from tcc_recorder.values import REDACTED, json_bytes
from tcc_schemas.switches import enabled

Redact = str | Sequence[str | re.Pattern[str] | Callable[[str], str]]
"""``"status"``, ``"secrets"``, or a list of these, of patterns, and of callables that return the text to record."""

WireItem = dict[str, Any]
_NAMES: Final = ("status", "secrets")
_TEXTS: Final = ("full_output", "response", "args", "result", "tool_definitions", "attributes", "prompt", "text")
"""The members that ``content=False`` leaves out."""
_REDACTABLE: Final = (*_TEXTS, "status_message", "metadata")
"""The members that a user's patterns and callables see."""
_SCANNED: Final = (*_REDACTABLE, "session_id")
"""The members that are searched for secrets.  Ids, times and names of models and tools are not."""
_LEFT_OUT: Final = "[left out]"


class Policy(NamedTuple):
    """What is in effect.

    ``content`` is whether texts are kept, ``secrets`` whether secrets are looked for in all of them; ``patterns`` and
    ``callables`` are the user's own.
    """

    content: bool = True
    secrets: bool = False
    patterns: tuple[re.Pattern[str], ...] = ()
    callables: tuple[Callable[[str], object], ...] = ()


class Applied(NamedTuple):
    """What may be written: the items, and the URL that they go to.

    ``redacted`` is how many secrets were replaced, ``converted`` whether a value that can't be encoded was converted.
    """

    items: list[WireItem]
    url: str | None
    redacted: int
    converted: bool


_DEFAULT: Final = Policy()
_arguments: Final[dict[str, Any]] = {}
_current: list[Policy] = []
"""Holds the policy in effect: the first record after :func:`configure` makes it from arguments and environment.

Each :func:`configure` makes a new list.  A thread that is still making the old policy adds it to the old list, which
nobody reads any more.
"""


def configure(redact: Redact | None, content: bool | None) -> None:
    """Change what is not None, for everything recorded from now on, and read the environment again.

    Raises ValueError for an invalid ``redact``.
    """
    global _current  # noqa: PLW0603 -- replaced as a whole, so that threads need no lock
    if redact is not None:
        _arguments["redact"] = _checked(redact)
    if content is not None:
        _arguments["content"] = bool(content)
    _current = []


def reset() -> None:
    """Forget what was configured."""
    _arguments.clear()
    configure(None, None)


def apply_policy(items: list[WireItem], url: str | None = None) -> Applied:
    """Return what may be written of these wire items and the URL that they go to.  The items are not changed."""
    current = _current
    if not current:
        current.append(policy_of(_arguments.get("redact"), _arguments.get("content"), os.environ))
    policy = current[0]
    if policy is _DEFAULT:
        for item in items:
            if "status_message" in item:
                return _with_redacted_status(items, url)
        return Applied(items, url, 0, converted=False)
    if not policy.content:
        items = [_without_content(item) for item in items]
    applied = _with_redacted_status(items, url)
    if policy.secrets:
        applied = _without_secrets(applied)
    if policy.patterns or policy.callables:
        applied = _changed_by_user(applied, policy)
    return applied


def _without_secrets(applied: Applied) -> Applied:
    """Replace the secrets in all texts: they are serialised and scanned once, and read back only if one was found."""
    from .scan import secret_spans  # noqa: PLC0415 -- see _with_redacted_status
    from .spans import replaced  # noqa: PLC0415

    items, url, redacted, _ = applied
    found = [{name: item[name] for name in _SCANNED if name in item} for item in items]
    data, converted = json_bytes([*found, url])
    spans = secret_spans(data)
    if not spans and not converted:
        return applied
    *clean, url = orjson.loads(replaced(data, spans))
    items = [{**item, **members} for item, members in zip(items, clean, strict=True)]
    return Applied(items, url, redacted + len(spans), converted)


def _changed_by_user(applied: Applied, policy: Policy) -> Applied:
    """Let the user's patterns and callables see every text."""
    texts: list[str] = []

    def collect(text: str) -> str:
        texts.append(text)
        return text

    for item in applied.items:
        _walked(item, collect)
    clean = changed_texts(texts, policy)
    more = sum(_count(before, after) for before, after in zip(texts, clean, strict=True))
    if not more:
        return applied
    replacements = iter(clean)
    items = [_walked(item, lambda _text: next(replacements)) for item in applied.items]
    return applied._replace(items=items, redacted=applied.redacted + more)


def _count(before: str, after: str) -> int:
    """Return how many replacements turned the first text into the second."""
    return 0 if before == after else max(1, after.count(REDACTED) - before.count(REDACTED))


def changed_texts(texts: list[str], policy: Policy) -> list[str]:
    """Return texts as the user's patterns and callables leave them."""
    for pattern in policy.patterns:
        texts = [pattern.sub(lambda match: REDACTED if match[0] else "", text) for text in texts]
    for change in policy.callables:
        texts = [_changed(change, text) for text in texts]
    return texts


def _changed(change: Callable[[str], object], text: str) -> str:
    try:
        found = change(text)
        if isinstance(found, str):
            return str.__str__(found)
        problem = f"returned {type(found).__name__}"
    except (Exception, SystemExit) as error:  # noqa: BLE001 -- it may raise anything; the error's text may hold the secret
        problem = f"raised {type(error).__name__}"
    log.warning(f"a text is recorded as {REDACTED}: a callable of configure(redact=…) {problem}, it must return str")
    return REDACTED


def _walked(item: WireItem, visit: Callable[[str], str]) -> WireItem:
    """Return a wire item in which ``visit(text)`` has replaced each text."""

    def walk(value: Any) -> Any:
        if type(value) is str:
            return visit(value)
        if type(value) is dict:
            return {name: walk(member) for name, member in value.items()}
        if type(value) is list:
            return [walk(member) for member in value]
        return value

    return {name: walk(value) if name in _REDACTABLE else value for name, value in item.items()}


def _with_redacted_status(items: list[WireItem], url: str | None) -> Applied:
    from .status import redact_status_message  # noqa: PLC0415 -- its patterns take milliseconds to compile

    found, replaced = [], 0
    for item in items:
        if "status_message" in item:
            before = item["status_message"]
            item = {**item, "status_message": redact_status_message(before)}  # noqa: PLW2901 -- its redacted copy
            replaced += _count(before, item["status_message"])
        found.append(item)
    return Applied(found, url, replaced, converted=False)


def _without_content(item: WireItem) -> WireItem:
    found = {name: value for name, value in item.items() if name not in _TEXTS}
    if "text" in item and "score" not in item:
        found["text"] = _LEFT_OUT  # the server needs a score or a text
    return found


def policy_of(redact: Redact | None, content: bool | None, environment: Mapping[str, str]) -> Policy:
    """Return the policy of these arguments of :func:`configure`; None is as the environment says.

    Raises ValueError for an invalid ``redact``.
    """
    chosen = _from_environment(environment.get("TCC_REDACT", "")) if redact is None else _checked(redact)
    if content is None:
        content = enabled(environment, "TCC_CONTENT", log.warning, default=True)
    policy = Policy(
        content,
        "secrets" in chosen,
        tuple(item for item in chosen if isinstance(item, re.Pattern)),
        tuple(item for item in chosen if callable(item)),
    )
    return _DEFAULT if policy == _DEFAULT else policy


def _from_environment(value: str) -> list[object]:
    name = value.strip().lower()
    if name and name not in _NAMES:
        # the user wanted more than the default
        log.warning(f"TCC_REDACT is taken as secrets: it must be one of {', '.join(_NAMES)}")
        name = "secrets"
    return [name]


def _checked(value: object) -> list[object]:
    items = value if isinstance(value, list | tuple) else [value]
    if not isinstance(value, list | tuple) and value not in _NAMES:
        raise ValueError(f"[TCC] redact must be one of {', '.join(_NAMES)}, or a list, not {type(value).__name__}")
    return list(_checked_items(items))


def _checked_items(items: Sequence[object]) -> Iterator[object]:
    for item in items:
        if isinstance(item, str) and item not in _NAMES:
            try:
                yield re.compile(item)
            except re.error as error:
                raise ValueError(f"[TCC] redact: not a valid pattern, {error}") from None
        elif (
            isinstance(item, str) or callable(item) or (isinstance(item, re.Pattern) and isinstance(item.pattern, str))
        ):
            yield item
        else:
            raise ValueError(
                f"[TCC] redact: an item must be a name, a pattern or a callable, not {type(item).__name__}"
            )
