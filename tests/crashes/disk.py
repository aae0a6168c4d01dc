"""A model of a disk: what was done to it, and what may be found on it after a crash.

A *trace* is a list of operations, in the order in which the system calls returned.  After a **kill** the disk holds
every operation of a prefix of the trace; of a write that was under way, any part.  After a **loss of power**

* the writes and truncations of a file since its last fsync are each there, not there, or (a write) half there, in any
  combination: a hole reads as zeros;
* the names that were made, removed or changed in a directory since its last fsync are each as before or as after;
* what a failed fsync should have kept stays undecided for ever: a later fsync that succeeds says nothing about it;
* a commit of SQLite is whole or not there at all.  It syncs its directory before it writes (for its journal's name),
  and what makes it durable is the removal of that journal: with ``synchronous=EXTRA`` the directory is synced once
  more, with FULL the last commit is undecided until somebody syncs the directory.  (Seen with strace.)

Nothing is assumed of any file system beyond POSIX: an fsync of a file says nothing of its name.
"""

import itertools
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

ROOT: Final = ""
EXTRA: Final = 3
"""SQLite's number for ``synchronous=EXTRA``."""


class Create(NamedTuple):
    """A name was made in a directory: for a file, or (``file`` is None) for a directory."""

    folder: str
    name: str
    file: int | None


class Write(NamedTuple):
    """Bytes were written into a file."""

    file: int
    offset: int
    data: bytes


class Truncate(NamedTuple):
    """A file was cut, or made longer."""

    file: int
    size: int


class Sync(NamedTuple):
    """A file was synced; without ``success`` nobody knows what of it is durable."""

    file: int
    success: bool = True


class Unlink(NamedTuple):
    """A name was removed."""

    folder: str
    name: str


class Rename(NamedTuple):
    """A file took another name in its directory, and the place of what had it."""

    folder: str
    old: str
    new: str
    file: int


class SyncFolder(NamedTuple):
    """A directory was synced."""

    folder: str


class Commit(NamedTuple):
    """The ledger committed: its whole file, and how it syncs."""

    content: bytes
    synchronous: int


class Promised(NamedTuple):
    """``end()`` returned for these items: they survive a kill and, if ``power``, a loss of power."""

    items: frozenset[str]
    power: bool


class Stored(NamedTuple):
    """The server stored a body under this idempotency token: these items."""

    token: bytes
    items: frozenset[str]


class Waived(NamedTuple):
    """Somebody else destroyed these items: nothing is promised for them any more."""

    items: frozenset[str]


Operation = Create | Write | Truncate | Sync | Unlink | Rename | SyncFolder | Commit | Promised | Stored | Waived
Change = Create | Unlink | Rename
"""What happens to a directory."""


@dataclass(frozen=True)
class State:
    """What is found after a crash.  ``files`` maps folder and name to content; ``folders`` are the directories."""

    where: str
    """Which crash this is, for people."""
    power: bool
    folders: frozenset[str]
    files: Mapping[tuple[str, str], bytes]
    ledger: bytes | None
    promised: frozenset[str]
    """Items that must not be lost."""
    stored: tuple[Stored, ...]

    @property
    def fingerprint(self) -> int:
        """The same for states that are the same."""
        return hash((self.folders, frozenset(self.files.items()), self.ledger, self.promised, self.stored, self.power))


@dataclass
class _Data:
    """A change to a file's content.  ``doomed`` if a failed fsync may have dropped it, ``kept`` if it is durable."""

    operation: Write | Truncate
    doomed: bool = False
    kept: bool = False


@dataclass
class _File:
    durable: bytes = b""
    changes: list[_Data] = field(default_factory=list)

    def sync(self, *, success: bool) -> None:
        for data in self.changes:
            if not data.doomed:
                data.doomed, data.kept = not success and not data.kept, success or data.kept
        if all(data.kept for data in self.changes):
            self.durable = self.content([data.operation for data in self.changes])
            self.changes.clear()

    def content(self, operations: Iterable[Write | Truncate]) -> bytes:
        """Return what the file holds if these of its changes were made."""
        content = bytearray(self.durable)
        for op in operations:
            if isinstance(op, Truncate):
                del content[op.size :]
                content.extend(bytes(op.size - len(content)))
            else:
                content.extend(bytes(max(0, op.offset - len(content))))
                content[op.offset : op.offset + len(op.data)] = op.data
        return bytes(content)


class Disk:
    """The disk after some operations."""

    def __init__(self) -> None:
        self._files: dict[int, _File] = {}
        self._names: dict[str, dict[str, int | None]] = {ROOT: {}}
        """What the directories durably hold."""
        self._changes: list[Change] = []
        """Changes to directories that are not durable yet, in their order."""
        self._ledger: bytes | None = None
        self._undecided_ledger: list[bytes | None] = []
        """What the ledger's file was before the last commit, if that may be undone."""
        self._promised: dict[bool, set[str]] = {False: set(), True: set()}
        self._stored: list[Stored] = []
        self._ledger_folder = "state"

    def apply(self, operation: Operation) -> None:
        """Do what was done."""
        match operation:
            case Write(file) | Truncate(file):
                self._files[file].changes.append(_Data(operation))
            case Sync(file, success):
                self._files[file].sync(success=success)
            case Create() | Unlink() | Rename():
                self._changes.append(operation)
                if isinstance(operation, Create) and operation.file is not None:
                    self._files[operation.file] = _File()
            case SyncFolder(folder):
                self._sync_folder(folder)
            case Commit(content, synchronous):
                self._sync_folder(self._ledger_folder)
                self._undecided_ledger = [] if synchronous >= EXTRA else [self._ledger]
                self._ledger = content
            case _:
                self._hear(operation)

    def _hear(self, operation: Promised | Stored | Waived) -> None:
        match operation:
            case Promised(items, power):
                self._promised[False] |= items
                self._promised[True] |= items if power else frozenset()
            case Waived(items):
                self._promised = {power: promised - items for power, promised in self._promised.items()}
            case Stored():
                self._stored.append(operation)

    def after_kill(self, where: str, last: Operation | None = None) -> Iterator[State]:
        """Yield the states after a kill; ``last`` is the operation that was under way."""
        everything = {number: file.content(data.operation for data in file.changes) for number, file in self._all()}
        yield self._state(where, everything, self._changes, self._ledger, power=False)
        if isinstance(last, Write):
            for size in sorted({1, len(last.data) // 2, len(last.data) - 1} - {0, len(last.data)}):
                part = Write(last.file, last.offset, last.data[:size])
                torn = everything | {last.file: _File(everything[last.file]).content([part])}
                yield self._state(f"{where}, {size} bytes of it", torn, self._changes, self._ledger, power=False)

    def after_power_loss(self, where: str, most: int, chance: random.Random) -> Iterator[State]:
        """Yield the states after a loss of power: all of them, or ``most`` of them, the extremes first."""
        undecided = [data for _, file in self._all() for data in file.changes if not data.kept]
        ledgers = [self._ledger, *self._undecided_ledger]
        choices = [range(3 if isinstance(data.operation, Write) else 2) for data in undecided]
        choices += [range(2)] * len(self._changes) + [range(len(ledgers))]
        for picks in _some(choices, most, chance):
            picked = {id(data): pick for data, pick in zip(undecided, picks, strict=False)}
            contents = {number: file.content(_picked(file.changes, picked)) for number, file in self._all()}
            changed = picks[len(undecided) : -1]
            changes = [change for change, pick in zip(self._changes, changed, strict=True) if pick]
            told = f"{where}, power lost: kept {''.join(map(str, picks))}"
            yield self._state(told, contents, changes, ledgers[picks[-1]], power=True)

    def _all(self) -> list[tuple[int, _File]]:
        return list(self._files.items())

    def _state(
        self, where: str, contents: Mapping[int, bytes], changes: list[Change], ledger: bytes | None, *, power: bool
    ) -> State:
        names = {folder: dict(entries) for folder, entries in self._names.items()}
        for change in changes:
            _change(names, change)
        folders = {ROOT}
        for folder in sorted(names):  # a directory is there if its name is, and its parent
            parent, _, name = folder.rpartition("/")
            if folder != ROOT and parent in folders and name in names[parent]:
                folders.add(folder)
        files = {
            (folder, name): contents[file]
            for folder in folders
            for name, file in names[folder].items()
            if file is not None
        }
        there = self._ledger_folder in folders
        promised = frozenset(self._promised[power])
        return State(where, power, frozenset(folders), files, ledger if there else None, promised, tuple(self._stored))

    def _sync_folder(self, folder: str) -> None:
        for change in [change for change in self._changes if change.folder == folder]:
            _change(self._names, change)
            self._changes.remove(change)
        if folder == self._ledger_folder:
            self._undecided_ledger = []


def crashes(
    trace: list[Operation], *, most: int, kill: bool = True, power: bool = True, seed: int = 0
) -> Iterator[State]:
    """Yield the states after a crash at any point of the trace, each once; at most ``most`` per loss of power."""
    disk, chance = Disk(), random.Random(seed)  # noqa: S311 -- a choice among states, no secret
    seen: set[int] = set()
    for number, operation in enumerate([*trace, None]):
        where = f"before operation {number} of {len(trace)}, {_brief(operation)}"
        states: list[Iterator[State]] = [disk.after_kill(where, operation)] if kill else []
        states += [disk.after_power_loss(where, most, chance)] if power else []
        for state in itertools.chain(*states):
            if state.fingerprint not in seen:
                seen.add(state.fingerprint)
                yield state
        if operation is not None:
            disk.apply(operation)


def _some(choices: list[range], most: int, chance: random.Random) -> Iterator[tuple[int, ...]]:
    """Yield picks: all if there are at most ``most``; else none, all, all but one, one alone, and some by chance."""
    count = 1
    for choice in choices:
        count *= len(choice)
    if count <= most:
        yield from itertools.product(*choices)
        return
    none, whole = tuple(0 for _ in choices), tuple(1 if len(choice) > 1 else 0 for choice in choices)
    picked = {none, whole}
    for base in (none, whole):
        for place, choice in enumerate(choices):
            picked.update((*base[:place], pick, *base[place + 1 :]) for pick in choice)
    ordered = sorted(picked)
    if len(ordered) > most:
        ordered = [none, whole, *chance.sample(ordered, max(0, most - 2))]
    yield from dict.fromkeys(ordered)
    for _ in range(most - len(ordered)):
        yield tuple(chance.choice(choice) for choice in choices)


def _change(names: dict[str, dict[str, int | None]], change: Change) -> None:
    entries = names.setdefault(change.folder, {})
    match change:
        case Create(folder, name, file):
            entries[name] = file
            if file is None:
                names.setdefault(f"{folder}/{name}".lstrip("/"), {})
        case Unlink(_, name):
            entries.pop(name, None)
        case Rename(_, old, new, file):
            entries.pop(old, None)
            entries[new] = file


def _picked(changes: list[_Data], picked: Mapping[int, int]) -> Iterator[Write | Truncate]:
    """Yield what of a file's changes is there: 1 means whole, 2 means half of a write."""
    for data in changes:
        operation, pick = data.operation, picked.get(id(data), 1)
        if pick == 2 and isinstance(operation, Write):
            yield operation._replace(data=operation.data[: len(operation.data) // 2])
        elif pick:
            yield operation


def _brief(operation: Operation | None) -> str:
    text = repr(operation) if not isinstance(operation, Commit) else "Commit"
    return text if len(text) < 120 else text[:119] + "…"
