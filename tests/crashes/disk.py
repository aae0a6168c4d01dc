"""A model of a disk: the operations on it, and the states that may be found after a crash.

A *trace* is a list of operations, in the order in which the system calls returned.  After a **kill** the disk holds all
operations of a prefix of the trace, and any part of the next write.  After a **loss of power**

* each write and truncation of a file since its last fsync is there or not, and a write may be there by half, in any
  combination; a hole reads as zeros;
* each creation, removal or change of a name in a directory since its last fsync is there or not;
* the changes that a failed fsync should have made durable stay undecided for ever, also after an fsync that succeeds;
* a commit of SQLite is there completely or not at all.  SQLite syncs the directory before it writes (for its journal's
  name), and commits by removing this journal.  With ``synchronous=EXTRA`` it then syncs the directory again; with FULL
  the last commit is undecided until somebody syncs the directory.  (Seen with strace.)

The model assumes only POSIX: an fsync of a file does not make its name durable.
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
    """A name was created in a directory: of a file, or (``file`` is None) of a directory."""

    folder: str
    name: str
    file: int | None


class Write(NamedTuple):
    """Bytes were written into a file."""

    file: int
    offset: int
    data: bytes


class Truncate(NamedTuple):
    """A file's size was changed."""

    file: int
    size: int


class Sync(NamedTuple):
    """A file was synced; without ``success`` it is undecided which changes are durable."""

    file: int
    success: bool = True


class Unlink(NamedTuple):
    """A name was removed."""

    folder: str
    name: str


class Rename(NamedTuple):
    """A file was renamed in its directory, and replaced any file of the new name."""

    folder: str
    old: str
    new: str
    file: int


class SyncFolder(NamedTuple):
    """A directory was synced."""

    folder: str


class Commit(NamedTuple):
    """The ledger committed: the complete file, and SQLite's ``synchronous`` setting."""

    content: bytes
    synchronous: int


class Promised(NamedTuple):
    """``end()`` returned for these items: they must survive a kill and, if ``power``, a loss of power."""

    items: frozenset[str]
    power: bool


class Stored(NamedTuple):
    """The server stored a body with this idempotency token and these items."""

    token: bytes
    items: frozenset[str]


class Waived(NamedTuple):
    """Another program destroyed these items: they are no longer promised."""

    items: frozenset[str]


Operation = Create | Write | Truncate | Sync | Unlink | Rename | SyncFolder | Commit | Promised | Stored | Waived
Change = Create | Unlink | Rename
"""The operations on a directory."""


@dataclass(frozen=True)
class State:
    """The state after a crash.  ``files`` maps (folder, name) to content; ``folders`` are the existing directories."""

    where: str
    """A description of the crash, for people."""
    power: bool
    folders: frozenset[str]
    files: Mapping[tuple[str, str], bytes]
    ledger: bytes | None
    promised: frozenset[str]
    """Items that must not be lost."""
    stored: tuple[Stored, ...]

    @property
    def fingerprint(self) -> int:
        """A hash that is equal for equal states."""
        return hash((self.folders, frozenset(self.files.items()), self.ledger, self.promised, self.stored, self.power))


@dataclass
class _Data:
    """A change to a file's content.  ``doomed``: a failed fsync may have dropped it; ``kept``: it is durable."""

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
        """Return the file's content if only these changes were made."""
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
    """The disk after the operations that were applied so far."""

    def __init__(self) -> None:
        self._files: dict[int, _File] = {}
        self._names: dict[str, dict[str, int | None]] = {ROOT: {}}
        """The durable entries of each directory."""
        self._changes: list[Change] = []
        """The changes to directories that are not durable yet, in order."""
        self._ledger: bytes | None = None
        self._undecided_ledger: list[bytes | None] = []
        """The ledger's content before the last commit, if this commit is not durable yet; else empty."""
        self._promised: dict[bool, set[str]] = {False: set(), True: set()}
        self._stored: list[Stored] = []
        self._ledger_folder = "state"

    def apply(self, operation: Operation) -> None:
        """Apply an operation to the disk."""
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
        """Yield the states after a kill; ``last`` is the operation that the kill interrupted."""
        everything = {number: file.content(data.operation for data in file.changes) for number, file in self._all()}
        yield self._state(where, everything, self._changes, self._ledger, power=False)
        if isinstance(last, Write):
            for size in sorted({1, len(last.data) // 2, len(last.data) - 1} - {0, len(last.data)}):
                part = Write(last.file, last.offset, last.data[:size])
                torn = everything | {last.file: _File(everything[last.file]).content([part])}
                yield self._state(f"{where}, {size} bytes of it", torn, self._changes, self._ledger, power=False)

    def after_power_loss(self, where: str, most: int, chance: random.Random) -> Iterator[State]:
        """Yield the states after a loss of power: all, or only ``most`` of them, the extreme ones first."""
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
        for folder in sorted(names):  # a directory exists if its name and its parent exist
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
    """Yield the different states after a crash at any point of the trace; at most ``most`` for each loss of power."""
    disk, chance = Disk(), random.Random(seed)  # noqa: S311 -- selects states, makes no secret
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
    """Yield all picks if there are at most ``most``; else none, all, all but one, only one, and random picks."""
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
    """Yield the picked changes of a file.  A pick of 0 means no change, 1 a complete one, 2 half of a write."""
    for data in changes:
        operation, pick = data.operation, picked.get(id(data), 1)
        if pick == 2 and isinstance(operation, Write):
            yield operation._replace(data=operation.data[: len(operation.data) // 2])
        elif pick:
            yield operation


def _brief(operation: Operation | None) -> str:
    text = repr(operation) if not isinstance(operation, Commit) else "Commit"
    return text if len(text) < 120 else text[:119] + "…"
