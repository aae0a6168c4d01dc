"""A firewall before the server: it refuses records for ever, by their content, and lets all others through."""

import hashlib
from collections.abc import Set as AbstractSet
from typing import Final

from torture.items import Item, Key

_LETTERS: Final = 400
"""The refusal that makes a dead letter of a record as soon as the server takes another one."""


def refusal(ident: str) -> int | None:
    """Return the status with which an item of this id is refused; None if it is let through."""
    first, second = hashlib.sha256(ident.encode()).digest()[:2]
    if first == 0:  # alone such a record makes the whole server look ill: few suffice
        return 500 if second < 64 else None
    return {1: 400, 2: 400, 3: 400, 4: 403, 5: 451}.get(first)


class Firewall:
    """One firewall, and what it held back.  ``is_on`` may be changed at any time."""

    def __init__(self, *, is_on: bool) -> None:
        self.is_on = is_on
        self._held: set[Key] = set()

    def refuses(self, items: list[Item]) -> int | None:
        """Return the status with which a body is refused; None if it is let through."""
        refused = {key: status for key, _ in items if (status := refusal(key[1]))} if self.is_on else {}
        if not refused:
            return None
        # of a run that is refused for its content the other items come alone, later
        alone = set(refused.values()) == {_LETTERS}
        self._held.update(refused if alone else (key for key, _ in items))
        return next(iter(refused.values()))

    def holds(self, key: Key) -> bool:
        """Whether an item was refused for ever, or with others of its run."""
        return key in self._held

    def explains(self, missing: AbstractSet[Key]) -> bool:
        """Whether it is the firewall's fault that these did not arrive.  Feedback waits for its run."""
        return all(self.holds(key) or (key[0] == "feedback" and self.holds(("run", key[1]))) for key in missing)


def is_poison(key: Key) -> bool:
    """Whether the firewall makes a dead letter of an item."""
    return refusal(key[1]) == _LETTERS
