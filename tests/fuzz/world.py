"""A real engine on hostile input, in one process: a simulated clock, no threads, and answers made of bytes.

:func:`deliver` raises what ends the engine, and asserts that nothing good was lost beside what was set aside.
"""

import io
import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from math import inf
from pathlib import Path
from typing import Any, Final

import click
import httpcore
from hypothesis import strategies as st

from support.faults import KEY, SegmentFile, ids_of, step_item
from support.rigging import Inbox, Time
from tcc_uploader.boundary import caught
from tcc_uploader.cli.main import tcc_upload
from tcc_uploader.dead.store import LetterFolder
from tcc_uploader.delivery.engine import Engine
from tcc_uploader.delivery.events import each_turn
from tcc_uploader.delivery.host import Host
from tcc_uploader.delivery.limits import Limits
from tcc_uploader.delivery.result import ReplayResult
from tcc_uploader.ledger.sqlite import SqliteLedger
from tcc_uploader.settings import Settings
from tcc_uploader.sources.given import Sources
from tcc_uploader.sources.paths import sources_of
from tcc_uploader.transport.answers import Answer
from tcc_uploader.transport.client import Client, Request
from tcc_uploader.transport.wire import Wire

URL: Final = "http://127.0.0.1:9"
OK: Final = b'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{"ok":true}'


class _Canned(Wire):
    """Makes connections that answer with some bytes."""

    def __init__(self, answer: bytes) -> None:
        super().__init__()
        self._answer = answer

    def connect_tcp(self, *_: Any, **__: Any) -> Any:
        """Return a connection that is answered at once."""
        return httpcore.MockStream([self._answer])


class Pool:
    """The sending threads, without threads: each request is answered when it is submitted."""

    answers: Iterable[bytes] = ()
    sent: list[Request]

    def __init__(self, _: int, done: Callable[[Any, Answer], None], **__: Any) -> None:
        self._done = done
        self._answers = iter(self.answers)

    def submit(self, tag: Any, request: Request) -> None:
        """Answer a request: with what is left of the answers, then with success."""
        answer = next(self._answers, OK)
        if answer == OK:
            self.sent.append(request)
        client = Client(wire=_Canned(answer))
        self._done(tag, client.post(request), 0.0)
        client.close()

    def take_back(self) -> list[Any]:
        """Nothing waits."""
        return []

    give_up_failed = take_back

    def last_progress(self) -> float:
        """Nothing is under way."""
        return -inf

    def close(self) -> None:
        """Nothing to close."""


class _Watcher:
    mode = "native"

    def check(self) -> bool:
        return False

    def close(self) -> None:
        pass


class Uploader:
    """Delivers what lies in a folder: ``spool`` and ``archives`` in it; ``state`` has letters and requests."""

    def __init__(self, folder: Path, answers: Sequence[bytes] = ()) -> None:
        self.folder = folder
        self.spool, self.archives, self.state = (folder / name for name in ("spool", "archives", "state/case"))
        for path in (self.spool, self.archives, self.state):
            path.mkdir(parents=True, exist_ok=True)
        self.letters = LetterFolder(self.state)
        self.sent: list[Request] = []
        self.answers = answers

    @property
    def received(self) -> set[str]:
        """The ids of all items in requests that were answered with success."""
        found = set()
        for request in self.sent:
            try:
                found |= set(map(str, ids_of(json.loads(request.body))))
            except (KeyError, TypeError, ValueError, AttributeError):
                continue  # no item of ours
        return found

    def once(self, *, removes: bool = False) -> ReplayResult:
        """Deliver what is there, as ``replay`` does."""
        with self._open(removes=removes) as engine:
            return engine.run_once(60.0)

    def daemon(self, seconds: float = 100.0) -> Engine:
        """Deliver, as the daemon does, for some simulated seconds."""
        with self._open(removes=True) as engine:
            ends = self.clock.now + seconds

            def tell(_: Engine) -> None:
                if self.clock.now >= ends:
                    engine.stop()

            engine._hear = each_turn(tell)
            engine.run_for_ever()
        return engine

    def _open(self, *, removes: bool) -> Engine:
        self.clock = Time()
        inbox = Inbox(self.clock)
        pool = type("CannedPool", (Pool,), {"answers": self.answers, "sent": self.sent})
        ledger = SqliteLedger.open(self.state)
        ledger._database.execute("PRAGMA synchronous=OFF")
        ledger._database.execute("PRAGMA journal_mode=MEMORY")
        clock = self.clock.clock
        host = Host(clock=clock, inbox=lambda: inbox, pool=pool, watcher=lambda *_: _Watcher())
        settings = Settings(
            spools=(self.spool,),
            state_dir=self.state,
            api_keys=(KEY,),
            base_url=URL,
            allowed_origins=frozenset({URL}),
            in_flight=4,
        )
        sources = sources_of([], [self.spool])
        archives = sources_of(sorted(self.archives.iterdir())).archives
        engine = Engine(
            settings,
            ledger,
            self.letters,
            Sources(sources.spools, [], archives),
            host=host,
            keep_for=0.0 if removes else inf,
            limits=Limits(tick=20.0),
        )
        inbox.engine = engine
        close = engine._pool.close
        engine._pool.close = lambda: (close(), ledger.close())
        return engine

    def look(self, part: int) -> None:
        """Run some of the commands that only look.  None may end in anything but its own exit codes."""
        given = [str(path) for path in (*sorted(self.archives.iterdir()), self.spool)]
        state = ["--state-dir", str(self.folder / "state")]
        spools = ["--spool", str(self.spool), *state]
        database = self.folder / "runs.db"
        commands = (
            ["status", "--json", *spools],
            ["status", *spools],
            ["verify", *state, *given],
            ["replay", "--dry-run", *state, *given],
            ["runs", *state, *given],
            ["show", "h", *state, *given],
            ["export", "--jsonl", "-", *state, *given],
            ["export", "--sqlite", str(database), *state, *given],
            ["report", "-o", str(self.folder / "page.html"), *state, *given],
            ["bundle", "-o", str(self.folder / "all.tar"), *spools],
            ["bundle", "--status", "success", "-o", str(self.folder / "some.zip"), *spools],
            ["dead", "list", *state],
        )
        for command in commands[part::_PARTS]:
            database.unlink(missing_ok=True)
            command_line(command)


def command_line(arguments: Sequence[str]) -> int:
    """Run a command in this process; return its exit code.  Raises what would be a traceback."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with redirect_stdout(out), redirect_stderr(io.StringIO()):
        try:
            code = tcc_upload.main(list(arguments), standalone_mode=False) or 0
        except SystemExit as end:
            code = end.code
        except click.ClickException as error:
            code = error.exit_code
    assert isinstance(code, int)
    return code


_PARTS: Final = 4
parts: Final = st.integers(0, _PARTS - 1)
"""Which of the commands look."""
GOOD: Final = frozenset({"good-1", "good-2", "good-2-step", "good-3"})


def write_good(folder: Path) -> None:
    """Write a segment with three runs."""
    runs = SegmentFile("good").run("good-1").run("good-2", step_item("good-2", "good-2-step")).run("good-3")
    runs.seal().write(folder, "20260131t120000z-9999999999999999.jsonl")


def assert_nothing_unforeseen() -> None:
    """Assert that no boundary caught anything: what is known can be told in its own words."""
    assert caught.all() == []
