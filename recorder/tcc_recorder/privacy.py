"""What of a record may reach the disk: secrets are replaced, and texts left out, as the process is configured.

Everything that is recorded passes through :func:`kept` on its way to a line, and by no other way.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

import orjson

from .complaints import complaints
from .values import MARK

Redact = str | Sequence[str | re.Pattern[str] | Callable[[str], str]]
"""``"status"``, ``"secrets"``, or a list of these, patterns, and callables that return a text as it may be recorded."""

Body = dict[str, Any]
_NAMES: Final = ("status", "secrets")
_TEXTS: Final = ("full_output", "response", "args", "result", "tool_definitions", "attributes", "prompt", "text")
"""The members that ``content=False`` leaves out."""
_REDACTED: Final = (*_TEXTS, "status_message", "metadata")
_LEFT_OUT: Final = "[left out]"


class Policy(NamedTuple):
    """What is in effect: whether texts are kept, whether secrets are looked for in all of them, and what else is."""

    content: bool = True
    secrets: bool = False
    patterns: tuple[re.Pattern[str], ...] = ()
    callables: tuple[Callable[[str], object], ...] = ()


_DEFAULT: Final = Policy()
_arguments: Final[dict[str, Any]] = {}
_current: list[Policy] = []
"""Holds what is in effect, once the first record after :func:`configure` has made it of arguments and environment.

Another list after each :func:`configure`: a thread that makes an old policy meanwhile puts it where nobody looks.
"""


def configure(redact: Redact | None, content: bool | None) -> None:
    """Change what is not None for all that is recorded from now on, and ask the environment again.

    Raises ValueError for a redaction that is none.
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


def kept(bodies: list[Body]) -> tuple[list[Body], int]:
    """Return what may be written of these wire items, and how many replacements were made.  They are not changed."""
    present = _current
    if not present:
        present.append(_policy(os.environ))
    policy = present[0]
    if policy is _DEFAULT:
        for body in bodies:
            if "status_message" in body:
                return _with_redacted_status(bodies)
        return bodies, 0
    if not policy.content:
        bodies = [_without_content(body) for body in bodies]
    bodies, replaced = _with_redacted_status(bodies)
    texts: list[tuple[str, bool]] = []

    def note(text: str, named: bool) -> str:
        texts.append((text, named))
        return text

    for body in bodies:
        _walked(body, note, policy)
    clean = _clean(texts, policy)
    more = sum(_count(before, after) for (before, _), after in zip(texts, clean, strict=True))
    if more:
        left = iter(clean)
        bodies = [_walked(body, lambda _text, _named: next(left), policy) for body in bodies]
    return bodies, replaced + more


def _count(before: str, after: str) -> int:
    """Return how many replacements made one text of the other."""
    return 0 if before == after else max(1, after.count(MARK) - before.count(MARK))


def _clean(found: list[tuple[str, bool]], policy: Policy) -> list[str]:
    """Return texts without secrets, given each text, and whether it stands under a secret name."""
    texts = [MARK if named and text else text for text, named in found]
    if policy.secrets:
        from .secretspans import without_secrets  # noqa: PLC0415 -- see below

        texts = without_secrets(texts)
    for pattern in policy.patterns:
        texts = [pattern.sub(lambda found: MARK if found[0] else "", text) for text in texts]
    for change in policy.callables:
        texts = [_changed(change, text) for text in texts]
    return texts


def _changed(change: Callable[[str], object], text: str) -> str:
    try:
        found = change(text)
        if isinstance(found, str):
            return str.__str__(found)
        problem = f"returned {type(found).__name__}"
    except (Exception, SystemExit) as error:  # noqa: BLE001 -- whatever it raises; its text may hold the secret
        problem = f"raised {type(error).__name__}"
    complaints.complain(
        f"a text is recorded as {MARK}: a callable of configure(redact=…) {problem}, it must return str"
    )
    return MARK


def _walked(body: Body, visit: Callable[[str, bool], str], policy: Policy) -> Body:
    """Return a wire item with each of its redactable texts as ``visit(text, whether its name is secret)`` gives it."""
    if policy.secrets:
        from .secretspans import is_secret_name  # noqa: PLC0415 -- see above

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

    return {name: walk(value, secret=False) if name in _REDACTED else value for name, value in body.items()}


def _parsed(text: str) -> Any:
    """Return what JSON text of an object or a list says; None for any other text."""
    if text[:1] in {"{", "["} and text[-1:] in {"}", "]"}:
        with suppress(ValueError, RecursionError):
            return orjson.loads(text)
    return None


def _with_redacted_status(bodies: list[Body]) -> tuple[list[Body], int]:
    from .redaction import redact  # noqa: PLC0415 -- its patterns take milliseconds to compile

    found, replaced = [], 0
    for body in bodies:
        if "status_message" in body:
            before = body["status_message"]
            body = {**body, "status_message": redact(before)}  # noqa: PLW2901 -- the item, as it may be kept
            replaced += _count(before, body["status_message"])
        found.append(body)
    return found, replaced


def _without_content(body: Body) -> Body:
    found = {name: value for name, value in body.items() if name not in _TEXTS}
    if "text" in body and "score" not in body:
        found["text"] = _LEFT_OUT  # the server wants one of both
    return found


def _policy(environment: Mapping[str, str]) -> Policy:
    chosen = _arguments.get("redact")
    if chosen is None:
        chosen = _from_environment(environment.get("TCC_REDACT", ""))
    content = _arguments.get("content")
    if content is None:
        content = environment.get("TCC_CONTENT", "").strip().lower() not in {"0", "off", "false"}
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
        # whoever set it wanted more than the default
        complaints.complain(f"TCC_REDACT is taken for secrets: it must be one of {', '.join(_NAMES)}")
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
                raise ValueError(f"[TCC] redact: this is no pattern, {error}") from None
        elif (
            isinstance(item, str) or callable(item) or (isinstance(item, re.Pattern) and isinstance(item.pattern, str))
        ):
            yield item
        else:
            raise ValueError(
                f"[TCC] redact: an item must be a name, a pattern or a callable, not {type(item).__name__}"
            )
