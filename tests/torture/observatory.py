"""A server that misbehaves in every way we know, and keeps the books on what it stored.

Every daemon sends below a path of its own (``/g7/v1/custom``: generation 7), so that each receipt tells who sent it.
"""

import hashlib
import random
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

import orjson

from support.faults import (
    Behaviour,
    FaultServer,
    Misdeed,
    Reply,
    Request,
    close,
    drip,
    garbage,
    hold,
    huge,
    redirect,
    reset,
    retry_after,
    truncated,
)

Key = tuple[str, str]
"""Kind and id."""


class Receipt(NamedTuple):
    """An item that was stored: sent by which daemon, which bytes, and whether the answer was lost on purpose."""

    generation: int
    digest: str
    lost: bool


class Act(NamedTuple):
    """What is done with a request: whether it is stored, whether its sender learns of that, and the answer."""

    stores: bool
    tells: bool
    answer: Reply | Misdeed


def items_in(value: dict[str, Any]) -> list[tuple[Key, dict[str, Any]]]:
    """Return the items of a body with their keys."""
    if "type" not in value:
        return [(("feedback", value["runId"]), value)]
    items = value["items"] if value["type"] == "batch" else [value]
    return [((item["type"], item[f"{item['type']}_id"]), item) for item in items]


@dataclass
class Observatory:
    """The books, and one behaviour per generation of the daemon."""

    elsewhere: str
    """Where redirects point to."""
    key: str
    seed: int
    receipts: dict[Key, list[Receipt]] = field(default_factory=dict)
    acts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    """What the uploader did against its promises, in words."""

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)  # noqa: S311 -- faults, no secrets
        self._lock = threading.Lock()
        self._modes: dict[int, str] = {}
        self._gone: dict[int, threading.Event] = {}
        self._bodies: dict[str, bytes] = {}
        self._tokens: dict[bytes, str] = {}
        self.latest = 0
        """The newest generation that was heard of."""

    def expect(self, generation: int, mode: str) -> None:
        """Behave in this way towards a generation of the daemon."""
        self._gone[generation] = threading.Event()
        self._modes[generation] = mode

    def forget(self, generation: int) -> None:
        """End the requests that are held for a generation that is dead."""
        self._gone[generation].set()

    def behave(self, request: Request) -> Reply | Misdeed:
        """Take a request, note it, answer it somehow."""
        _, place, path = request.path.split("/", 2)
        generation = int(place.removeprefix("g"))
        items = items_in(orjson.loads(request.body))
        with self._lock:
            self.latest = max(self.latest, generation)
            self._look_at(request, "/" + path)
            name = self._choose(self._modes[generation], len(items), items[-1][0][1])
            self.acts[name] += 1
            act = self._act(name, generation)
            for key, item in items if act.stores else []:
                digest = hashlib.sha256(orjson.dumps(item)).hexdigest()[:16]
                self.receipts.setdefault(key, []).append(Receipt(generation, digest, not act.tells))
        return act.answer

    def _look_at(self, request: Request, path: str) -> None:
        token = request.headers["idempotency-key"]
        body = hashlib.sha256(request.body).digest()
        if self._bodies.setdefault(token, body) != body:
            self.faults.append(f"other bytes under the idempotency key {token}")
        if self._tokens.setdefault(body, token) != token and not path.endswith("/feedback"):
            self.faults.append(f"another idempotency key for the same bytes: {token}")
        if request.key != self.key or path not in ("/v1/custom", "/v1/feedback"):
            self.faults.append(f"a request to {path} with the key {request.key!r}")

    def _choose(self, mode: str, items: int, ident: str) -> str:
        if items > 1 and mode in ("mixed", "413") and int(hashlib.sha256(ident.encode()).hexdigest()[0], 16) < 4:
            return "413"  # this body is too large, and stays so; its items are not
        if mode == "mixed":
            return self._chance.choice(ACTS) if self._chance.random() < 0.15 else "ok"
        if mode in OPERATOR or mode in ("429 seconds", "429 date"):
            return mode
        return mode if mode in ACTS and self._chance.random() < 0.5 else "ok"

    def _act(self, name: str, generation: int) -> Act:
        whole, gone = Reply(), self._gone[generation]
        acts: dict[str, Callable[[], Act]] = {
            "ok": lambda: Act(stores=True, tells=True, answer=whole),
            "reset": lambda: Act(stores=True, tells=False, answer=reset),
            "close": lambda: Act(stores=True, tells=False, answer=close),
            "garbage": lambda: Act(stores=True, tells=False, answer=garbage),
            "never": lambda: Act(stores=True, tells=False, answer=hold(gone)),
            "stored 502": lambda: Act(stores=True, tells=False, answer=Reply(502)),
            "drip": lambda: Act(stores=True, tells=True, answer=drip(whole, 0.01)),
            "drip headers": lambda: Act(stores=True, tells=True, answer=drip(whole, 0.005, head=True)),
            "truncated": lambda: Act(stores=True, tells=True, answer=truncated(whole)),
            "huge": lambda: Act(stores=True, tells=True, answer=huge(1_000_000)),
            "503": lambda: Act(stores=False, tells=True, answer=Reply(503)),
            "huge 500": lambda: Act(stores=False, tells=True, answer=huge(1_000_000, 500)),
            "413": lambda: Act(stores=False, tells=True, answer=Reply(413)),
            "429 seconds": lambda: Act(stores=False, tells=True, answer=retry_after(1, 429)),
            "429 date": lambda: Act(stores=False, tells=True, answer=retry_after(_soon(), 429)),
            "401": lambda: Act(stores=False, tells=True, answer=Reply(401)),
            "redirect": lambda: Act(stores=False, tells=True, answer=redirect(f"{self.elsewhere}/v1/custom")),
        }
        return acts[name]()


OPERATOR = ("401", "redirect")
"""These pause the daemon for minutes: only its end ends them."""
ACTS = (
    *("reset", "close", "garbage", "never", "stored 502", "drip", "drip headers", "truncated", "huge"),
    *("503", "huge 500", "429 seconds", "429 date"),
)
MODES = ("ok", "ok", "mixed", "mixed", "mixed", "413", "down", *OPERATOR, *ACTS)
"""How a generation of the daemon is treated; ``down``: nobody listens."""


def _soon() -> datetime:
    return datetime.now(UTC) + timedelta(seconds=1)


def unexplained(receipts: list[Receipt]) -> bool:
    """Whether an item came once too often.

    A receipt after the first is explained if the one before it came from another daemon (which was killed before it
    had committed), or if its answer was lost.
    """
    pairs = pairwise(receipts)
    return any(earlier.generation == later.generation and not earlier.lost for earlier, later in pairs)


def served(books: Observatory) -> FaultServer:
    """Return a server that keeps these books."""
    behaviour: Behaviour = books.behave
    return FaultServer(behaviour)
