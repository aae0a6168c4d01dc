"""Runs recorder and uploader together: every seam adds to a trace, and may end the turn of an actor.

The recorder's writers and the uploader's engine are the real ones, in one process, on real files.  The locks of writers
and uploader still exclude each other, because a flock belongs to the open file, not to the process.  Nothing waits:
requests are answered when they are sent, and the clock jumps.

``stage.play({"a": f, "b": g}, (("a", 5), ("b", 3)))`` runs actors in turns: ``a`` up to its fifth seam, then ``b`` up
to its third, then each to its end.
"""

import copy
import errno
import hashlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import inf
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Self

import orjson
import pytest

from crashes import seams
from crashes.disk import (
    ROOT,
    Commit,
    Create,
    Operation,
    Promised,
    Rename,
    Stored,
    Sync,
    SyncFolder,
    Truncate,
    Unlink,
    Waived,
    Write,
)
from support.faults import AT, KEY, batch_of, run_item, step_item
from tcc_recorder import ids
from tcc_recorder.config import writer_config
from tcc_recorder.spool import segment as segment_file
from tcc_recorder.spool.system import SYSTEM
from tcc_recorder.spool.writer import SpoolWriter
from tcc_schemas.endpoints import CUSTOM_PATH, origin_of
from tcc_schemas.lines import encode
from tcc_uploader.clock import Clock
from tcc_uploader.dead.store import LetterFolder
from tcc_uploader.delivery.engine import Engine, Limits
from tcc_uploader.delivery.host import Host
from tcc_uploader.delivery.result import ReplayResult
from tcc_uploader.files import DISK, Disk
from tcc_uploader.ledger.sqlite import FILE_NAME, SqliteLedger
from tcc_uploader.settings import Settings
from tcc_uploader.sources.given import Sources
from tcc_uploader.spool import removal
from tcc_uploader.state import held
from tcc_uploader.transport.answers import Answer
from tcc_uploader.transport.client import Request

URL = "http://127.0.0.1:9"
SPOOL, STATE = "spool", "state"
_WATCHED = (f"{STATE}/dead", f"{STATE}/requests")
"""Folders in which not every step has a seam: the stage looks for their changes at the next seam."""


class Server:
    """A server that answers at once.  It refuses the items in ``refused``; while ``down``, every answer is a 503."""

    def __init__(self) -> None:
        self.stored: list[tuple[bytes, bytes]] = []
        """Token and body of every request that was accepted."""
        self.refused: frozenset[str] = frozenset()
        self.down = False
        self.told: Callable[[Stored], None] = lambda _: None

    def answer(self, request: Request) -> Answer:
        """Accept or refuse a request."""
        if self.down:
            return Answer(503)
        items = items_of(request.body)
        if items & self.refused:
            return Answer(400, text=b"no")
        self.stored.append((request.token, request.body))
        self.told(Stored(request.token, items))
        return Answer(200)


class _Sender:
    """Replaces the pool of sending threads."""

    def __init__(self, server: Server, done: Callable[[Any, Answer], None]) -> None:
        self.server = server
        self._done = done

    def submit(self, tag: Any, request: Request) -> None:
        """Let the server answer at once."""
        self._done(tag, self.server.answer(request), 0.0)

    def take_back(self) -> list[Any]:
        """Return nothing: every request was answered."""
        return []

    def give_up_failed(self) -> list[Any]:
        """Return nothing, see take_back."""
        return []

    def last_progress(self) -> float:
        """When a request last came on: never, see take_back."""
        return -inf

    def close(self) -> None:
        """Do nothing: there are no threads."""


class Inbox:
    """An engine's inbox that never waits: if it is empty, simulated time passes."""

    def __init__(self, moment: list[float]) -> None:
        self._queue: SimpleQueue[Any] = SimpleQueue()
        self._moment = moment

    def put(self, message: object) -> None:
        """Add a message."""
        self._queue.put(message)

    def get_nowait(self) -> Any:
        """Take a message.  Raises Empty if there is none."""
        return self._queue.get_nowait()

    def get(self, timeout: float) -> Any:
        """Take a message.  If there is none, let ``timeout`` simulated seconds pass and raise Empty."""
        try:
            return self._queue.get_nowait()
        except Empty:
            self._moment[0] += timeout
            raise


class Uploader:
    """An engine on a spool and a state, as the daemon runs it."""

    def __init__(self, root: Path, server: Server, disk: Disk = DISK, *, removes: bool = True) -> None:
        self._moment = [1_000.0]
        self._dead = False
        clock = Clock(lambda: self._moment[0], lambda: time.time() + self._moment[0], lambda: 0.5)
        settings = Settings(
            spools=(root / SPOOL,),
            state_dir=root / STATE,
            api_keys=(KEY,),
            base_url=URL,
            allowed_origins=frozenset({origin_of(URL)}),
            in_flight=4,
        )
        self._held = held(root / STATE)
        self._held.__enter__()
        self.ledger = SqliteLedger.open(root / STATE)
        host = Host(clock, disk, lambda: Inbox(self._moment), lambda _, done, **more: _Sender(server, done))
        letters, sources = LetterFolder(root / STATE), Sources(list(settings.spools))
        self.engine = Engine(settings, self.ledger, letters, sources, host=host, keep_for=0.0 if removes else inf)
        self.engine._requeue.send_requeued()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.die()

    def die(self) -> None:
        """End as after a kill: only close the open files."""
        if not self._dead:
            self._dead = True
            self.ledger.close()
            self._held.__exit__(None, None, None)

    def round(self) -> None:
        """Do what the daemon does from one regular scan until the next."""
        engine = self.engine
        engine._requeue.take_requests()
        self._scan()
        for _ in range(1000):
            engine._step()
            heard = self._hear()
            if not heard and not engine._reads_on() and engine._rescan <= self._moment[0]:
                self._scan()
            elif not heard and not engine._reads_on():
                due = engine.dispatcher.next_due()
                if due is None or engine.committer.trouble:
                    break
                self._moment[0] = max(self._moment[0], due)
                if self._down():
                    break
        else:
            raise AssertionError("the engine does not become idle")
        self._moment[0] += 60.0

    def _scan(self) -> None:
        engine = self.engine
        engine._rescan = self._moment[0] + Limits().rescan
        engine.intake.scan()
        engine._recover_and_remove(engine.intake.live)
        engine.intake.sweep()

    def once(self) -> ReplayResult:
        """Run the engine as a one-shot command does."""
        return self.engine.run_once(60.0)

    def _down(self) -> bool:
        return bool(self.engine._pool.server.down)  # type: ignore[attr-defined]

    def _hear(self) -> bool:
        heard = False
        while True:
            try:
                call = self.engine.inbox.get_nowait()
            except Empty:
                return heard
            call()
            heard = True


class Writer:
    """A process that records."""

    def __init__(self, stage: "Stage", durability: str = "process", spool: SpoolWriter | None = None) -> None:
        self._stage = stage
        self._power = durability == "power"
        path = str(stage.root / SPOOL)
        self.spool = spool or SpoolWriter(
            writer_config({"spool_dir": path, "durability": durability, "journal": True}, {})
        )
        stage.writers.append(self)

    def record(self, run_id: str, *steps: str) -> bool:
        """Record a run with its steps; return whether the recorder accepted, and so promised, them."""
        run = run_item(run_id)
        body = orjson.dumps(batch_of(run, *(step_item(run_id, step) for step in steps)) if steps else run)
        line = encode("run", run_id, body, at=AT, run_id=run_id, path=CUSTOM_PATH)
        recorded = self.spool.record([line])
        if recorded:
            self._stage.log(Promised(frozenset((run_id, *steps)), self._power))
        else:
            self._stage.refused.append(run_id)
        return recorded

    def note(self, run_id: str, *steps: str) -> None:
        """Write journal lines for a run that has not ended, and for its ended steps."""
        for item in (run_item(run_id), *(step_item(run_id, step) for step in steps)):
            self.spool.journal(
                [encode("journal", item.get("step_id", run_id), orjson.dumps(item), at=AT, run_id=run_id)]
            )

    def seal(self) -> None:
        """End normally, as a process does at its exit."""
        self.spool.close()
        self.spool.flush()

    def die(self) -> None:
        """End as after a kill: only close the open segment."""
        segment = self.spool._segment
        if segment is not None:
            segment.close()

    def fork(self) -> "Writer":
        """Return the child of a fork; its descriptor refers to the same open file as its parent's."""
        spool = copy.copy(self.spool)
        segment = copy.copy(spool._segment)
        if segment is not None:
            segment._descriptor = os.dup(segment._descriptor)
            segment.tally, segment.unsynced = copy.copy(segment.tally), segment.unsynced.copy()
        spool._segment = segment
        child = Writer(self._stage, "power" if self._power else "process", spool)
        spool.reset_after_fork()
        return child


class Stage:
    """Holds writers, uploaders and the trace.  The constructor replaces the seams; ``patch`` restores them."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.trace: list[Operation] = []
        self.writers: list[Writer] = []
        self.refused: list[str] = []
        """Runs that a recorder refused."""
        self.server = Server()
        self.server.told = self.log
        self.short_writes: set[int] = set()
        """The numbers (from 1) of the writes that are short."""
        self.failing_syncs: set[int] = set()
        """The numbers (from 1) of the fdatasyncs that fail."""
        self._writes = self._syncs = self._random = 0
        self._inodes: dict[tuple[int, int], int] = {}
        self._files = 0
        self._folders: set[str] = {ROOT}
        self._seen: dict[str, dict[str, tuple[int, bytes]]] = {}
        self._turns = _Turns()
        self._uploaders: list[Uploader] = []
        root.mkdir()
        self._install(patch)

    def writer(self, durability: str = "process") -> Writer:
        """Start a process that records."""
        return Writer(self, durability)

    def uploader(self, *, removes: bool = True) -> Uploader:
        """Start an uploader."""
        uploader = Uploader(self.root, self.server, self._disk, removes=removes)
        self._log_ledger(uploader.ledger)
        self._uploaders.append(uploader)
        return uploader

    def play(self, actors: Mapping[str, Callable[[], None]], turns: Sequence[tuple[str, int]] = ()) -> dict[str, int]:
        """Run actors in turns of some seams, then each to its end; return how many seams each reached."""
        return self._turns.play(actors, turns)

    def clean(self, writer: Writer) -> None:
        """Remove the segment that a writer is writing, as another program that cleans up might do."""
        segment = writer.spool._segment
        assert segment is not None
        self._unlink(segment.path)

    def waive(self, *items: str) -> None:
        """Note that another program destroyed items."""
        self.log(Waived(frozenset(items)))

    def log(self, operation: Operation) -> None:
        """Add an operation to the trace."""
        self._observe()
        self.trace.append(operation)

    def close(self) -> list[Operation]:
        """End all writers and uploaders, and return the trace."""
        for writer in self.writers:
            writer.die()
        for uploader in self._uploaders:
            uploader.die()
        return self.trace

    def _install(self, patch: pytest.MonkeyPatch) -> None:
        lock, commit = SYSTEM.lock, SqliteLedger.commit

        def at_seam(call: Callable[..., Any]) -> Callable[..., Any]:
            def seam(*args: Any) -> Any:
                self._turns.pause()
                return call(*args)

            return seam

        def committed(ledger: SqliteLedger, changes: Any) -> None:
            self._turns.pause()
            commit(ledger, changes)
            self._log_ledger(ledger)

        seams.RECORDER_OPEN.replace(patch, at_seam(self._open))
        seams.RECORDER_WRITE.replace(patch, at_seam(self._write))
        seams.RECORDER_TRUNCATE.replace(patch, at_seam(self._ftruncate))
        seams.RECORDER_FDATASYNC.replace(patch, at_seam(self._fdatasync))
        seams.RECORDER_FSYNC.replace(patch, at_seam(self._fsync))
        seams.RECORDER_UNLINK.replace(patch, at_seam(self._unlink))
        seams.RECORDER_LOCK.replace(patch, at_seam(lock))
        header = segment_file._header
        # a state is checked on copied files, which have other inodes than the headers say
        patch.setattr(segment_file, "_header", lambda *args: orjson.dumps(orjson.loads(header(*args)) | {"inode": 0}))
        self._disk = replace(DISK, lock=at_seam(DISK.lock), remove=at_seam(self._unlink))
        patch.setattr(removal, "ABANDONED_AFTER", 0.0)
        seams.FILE_FSYNC.replace(patch, at_seam(self._fsync))
        seams.FILE_REPLACE.replace(patch, at_seam(self._replace))
        seams.LEDGER_COMMIT.replace(patch, committed)
        patch.setattr(os, "urandom", self._urandom)
        patch.setattr(ids, "_tails", [])  # random bytes left from an earlier run

    def _open(self, path: str, flags: int, mode: int = 0o777) -> int:
        self._observe_folders()
        descriptor = os.open(path, flags, mode)
        if flags & os.O_CREAT:
            folder, name = self._split(path)
            self.log(Create(folder, name, self._new_file(descriptor)))
        return descriptor

    def _write(self, descriptor: int, data: bytes) -> int:
        self._writes += 1
        written = data[: len(data) // 2] if self._writes in self.short_writes else data
        offset = os.fstat(descriptor).st_size
        assert os.write(descriptor, written) == len(written)
        if os.fstat(descriptor).st_size == offset + len(written):
            self.log(Write(self._file(descriptor), offset, bytes(written)))
        return len(written)

    def _ftruncate(self, descriptor: int, size: int) -> None:
        os.ftruncate(descriptor, size)
        self.log(Truncate(self._file(descriptor), size))

    def _fdatasync(self, descriptor: int) -> None:
        self._syncs += 1
        fails = self._syncs in self.failing_syncs
        self.log(Sync(self._file(descriptor), success=not fails))
        if fails:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    def _fsync(self, descriptor: int) -> None:
        self._observe()
        status = os.fstat(descriptor)
        for folder in self._folders:
            path = self.root / folder
            if path.exists() and os.path.samestat(path.stat(), status):
                self.log(SyncFolder(folder))
                return
        self.log(Sync(self._file(descriptor)))

    def _unlink(self, path: str | Path) -> None:
        Path(path).unlink()
        self.log(Unlink(*self._split(path)))

    def _replace(self, old: Path, new: Path) -> None:
        self._observe()
        folder, name = self._split(old)
        number, content = self._seen[folder].pop(name)
        old.replace(new)
        self._seen[folder][new.name] = (number, content)
        self.trace.append(Rename(folder, name, new.name, number))

    def _log_ledger(self, ledger: SqliteLedger) -> None:
        synchronous = ledger._database.execute("PRAGMA synchronous").fetchone()[0]
        self.log(Commit((self.root / STATE / FILE_NAME).read_bytes(), synchronous))

    def _new_file(self, descriptor: int) -> int:
        self._files += 1
        status = os.fstat(descriptor)
        self._inodes[status.st_dev, status.st_ino] = self._files
        return self._files

    def _file(self, descriptor: int) -> int:
        status = os.fstat(descriptor)
        return self._inodes[status.st_dev, status.st_ino]

    def _split(self, path: str | Path) -> tuple[str, str]:
        folder = Path(path).parent.relative_to(self.root).as_posix()
        return (ROOT if folder == "." else folder), Path(path).name

    def _observe_folders(self) -> None:
        for folder in (SPOOL, STATE, *_WATCHED):
            if folder not in self._folders and (self.root / folder).is_dir():
                self._folders.add(folder)
                parent, _, name = folder.rpartition("/")
                self.trace.append(Create(parent, name, None))

    def _observe(self) -> None:
        """Add the changes of letters and requests since the last call to the trace."""
        self._observe_folders()
        for folder in _WATCHED:
            path = self.root / folder
            if folder not in self._folders:
                continue
            before, now = self._seen.get(folder, {}), {}
            for file in sorted(path.iterdir()):
                content = file.read_bytes()
                number, known = before.get(file.name, (0, b""))
                if not number:
                    with file.open("rb") as opened:
                        number = self._new_file(opened.fileno())
                    self.trace.append(Create(folder, file.name, number))
                if content != known:
                    self.trace += [Truncate(number, 0)] * bool(known) + [Write(number, 0, content)]
                now[file.name] = (number, content)
            self.trace += [Unlink(folder, name) for name in before if name not in now]
            self._seen[folder] = now

    def _urandom(self, size: int) -> bytes:
        """Return the same random bytes in every run."""
        self._random += 1
        return hashlib.shake_256(b"%d" % self._random).digest(size)


class _Turns:
    """Runs each actor in its own thread, but only one at a time."""

    def __init__(self) -> None:
        self._acting = threading.local()
        self._back = threading.Semaphore(0)

    def pause(self) -> None:
        """Let the next actor run if the present actor's turn ends at this seam.  Every seam calls this."""
        actor: _Actor | None = getattr(self._acting, "actor", None)
        if actor is not None:
            actor.met += 1
            actor.left -= 1
            if actor.left == 0:
                self._back.release()
                actor.baton.acquire()

    def play(self, actors: Mapping[str, Callable[[], None]], turns: Sequence[tuple[str, int]]) -> dict[str, int]:
        """Run the actors in these turns, then each to its end; return how many seams each reached."""
        cast = {name: _Actor(act) for name, act in actors.items()}
        for actor in cast.values():
            actor.thread = threading.Thread(target=self._act, args=(actor,))
            actor.thread.start()
        for name, met in (*turns, *((name, 0) for name in actors)):
            if not cast[name].ended:
                cast[name].left = met
                cast[name].baton.release()
                self._back.acquire()
        for actor in cast.values():
            actor.thread.join()
        for actor in cast.values():
            if actor.failure is not None:
                raise actor.failure
        return {name: actor.met for name, actor in cast.items()}

    def _act(self, actor: "_Actor") -> None:
        self._acting.actor = actor
        actor.baton.acquire()
        try:
            actor.act()
        except BaseException as error:  # noqa: BLE001 -- play() raises it again
            actor.failure = error
        finally:
            actor.ended = True
            self._back.release()


class _Actor:
    thread: threading.Thread

    def __init__(self, act: Callable[[], None]) -> None:
        self.act = act
        self.baton = threading.Semaphore(0)
        self.met = 0
        self.left = 0
        """How many seams are left in this turn; 0 or less: the turn has no end."""
        self.ended = False
        self.failure: BaseException | None = None


def items_of(body: bytes) -> frozenset[str]:
    """Return the ids of the items in a body."""
    value = orjson.loads(body)
    items = value["items"] if value["type"] == "batch" else [value]
    return frozenset(item[f"{item['type']}_id"] for item in items)


def committed_digests(ledger: bytes | None, scratch: Path) -> set[int]:
    """Return the digests of the delivered records in a ledger's content; ``scratch`` is a file to use."""
    if ledger is None:
        return set()
    scratch.write_bytes(ledger)
    database = sqlite3.connect(scratch)
    try:
        return {row[0] for row in database.execute("SELECT digest FROM delivered")}
    finally:
        database.close()
