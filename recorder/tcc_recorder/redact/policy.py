"""Which parts of a record may be written: secrets are replaced and texts left out, as the process is configured.

Every record, feedback and journal line passes through :func:`apply_policy` before it is encoded.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

import orjson

from tcc_recorder.environment import enabled
from tcc_recorder.limited_log import log
from tcc_recorder.values import REDACTED

Redact = str | Sequence[str | re.Pattern[str] | Callable[[str], str]]
"""``"status"``, ``"secrets"``, or a list of these, of patterns, and of callables that return the text to record."""

WireItem = dict[str, Any]
_NAMES: Final = ("status", "secrets")
_TEXTS: Final = ("full_output", "response", "args", "result", "tool_definitions", "attributes", "prompt", "text")
"""The members that ``content=False`` leaves out."""
_REDACTABLE: Final = (*_TEXTS, "status_message", "metadata")
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


def apply_policy(items: list[WireItem]) -> tuple[list[WireItem], int]:
    """Return what may be written of these wire items, and the number of replacements.  The items are not changed."""
    current = _current
    if not current:
        current.append(_policy(os.environ))
    policy = current[0]
    if policy is _DEFAULT:
        for item in items:
            if "status_message" in item:
                return _with_redacted_status(items)
        return items, 0
    if not policy.content:
        items = [_without_content(item) for item in items]
    items, replaced = _with_redacted_status(items)
    texts: list[tuple[str, bool]] = []

    def collect(text: str, secret: bool) -> str:
        texts.append((text, secret))
        return text

    for item in items:
        _walked(item, collect, policy)
    clean = _clean(texts, policy)
    more = sum(_count(before, after) for (before, _), after in zip(texts, clean, strict=True))
    if more:
        replacements = iter(clean)
        items = [_walked(item, lambda _text, _secret: next(replacements), policy) for item in items]
    return items, replaced + more


def _count(before: str, after: str) -> int:
    """Return how many replacements turned the first text into the second."""
    return 0 if before == after else max(1, after.count(REDACTED) - before.count(REDACTED))


def _clean(found: list[tuple[str, bool]], policy: Policy) -> list[str]:
    """Return texts without secrets.  Each is given with whether it is the value of a secret name."""
    texts = [REDACTED if secret and text else text for text, secret in found]
    if policy.secrets:
        from .secrets import without_secrets  # noqa: PLC0415 -- see _with_redacted_status

        texts = without_secrets(texts)
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


def _walked(item: WireItem, visit: Callable[[str, bool], str], policy: Policy) -> WireItem:
    """Return a wire item in which ``visit(text, secret)`` has replaced each text that may hold secrets.

    ``secret`` is whether the text is the value of a secret name, such as ``password``.
    """
    if policy.secrets:
        from .secrets import is_secret_name  # noqa: PLC0415 -- see _with_redacted_status

    def walk(value: Any, secret: bool) -> Any:
        if type(value) is str:
            inner = _parsed(value) if policy.secrets and not secret else None
            if inner is None:
                return visit(value, secret)
            clean = walk(inner, secret)
            return value if clean == inner else orjson.dumps(clean).decode()
        if type(value) is dict:
            return {
                name: walk(member, secret or (policy.secrets and is_secret_name(name)))
                for name, member in value.items()
            }
        if type(value) is list:
            return [walk(member, secret) for member in value]
        if secret and value is not None and type(value) is not bool:
            return visit(str(value), secret)  # a number
        return value

    return {name: walk(value, secret=False) if name in _REDACTABLE else value for name, value in item.items()}


def _parsed(text: str) -> Any:
    """Return the value of a JSON text, if that is an object or a list; None for any other text."""
    if text[:1] in {"{", "["} and text[-1:] in {"}", "]"}:
        with suppress(ValueError, RecursionError):
            return orjson.loads(text)
    return None


def _with_redacted_status(items: list[WireItem]) -> tuple[list[WireItem], int]:
    from .status import redact_status_message  # noqa: PLC0415 -- its patterns take milliseconds to compile

    found, replaced = [], 0
    for item in items:
        if "status_message" in item:
            before = item["status_message"]
            item = {**item, "status_message": redact_status_message(before)}  # noqa: PLW2901 -- its redacted copy
            replaced += _count(before, item["status_message"])
        found.append(item)
    return found, replaced


def _without_content(item: WireItem) -> WireItem:
    found = {name: value for name, value in item.items() if name not in _TEXTS}
    if "text" in item and "score" not in item:
        found["text"] = _LEFT_OUT  # the server needs a score or a text
    return found


def _policy(environment: Mapping[str, str]) -> Policy:
    chosen = _arguments.get("redact")
    if chosen is None:
        chosen = _from_environment(environment.get("TCC_REDACT", ""))
    content = _arguments.get("content")
    if content is None:
        content = enabled(environment, "TCC_CONTENT", default=True, safe=False)
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
