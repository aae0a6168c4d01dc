"""A list of what is to be told, of bounded length: input from elsewhere can cause any number of problems."""

from collections.abc import Iterable
from typing import Final, Self, TypeVar

T = TypeVar("T")
MOST: Final = 1000
"""Items that a list of a report holds: nobody reads more."""


class Shortlist(list[T]):
    """Keeps the first :data:`MOST` items that are added, and counts the others in ``more``."""

    def __init__(self, items: Iterable[T] = ()) -> None:
        super().__init__()
        self.more = 0
        self.extend(items)

    @property
    def number(self) -> int:
        """The number of all items that were added."""
        return len(self) + self.more

    def append(self, item: T) -> None:
        """Add an item."""
        if len(self) < MOST:
            super().append(item)
        else:
            self.more += 1

    def extend(self, items: Iterable[T]) -> None:
        """Add items, and what another list of this kind has counted."""
        for item in items:
            self.append(item)
        if isinstance(items, Shortlist):
            self.more += items.more

    def __iadd__(self, items: Iterable[T]) -> Self:  # type: ignore[override, misc]  # list's own takes more types
        self.extend(items)
        return self
