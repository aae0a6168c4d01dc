"""A server that misbehaves in every way we know, and keeps the books on what it stored.

Every uploader sends below a path of its own (``/g7/v1/custom``: generation 7), so that each receipt tells who sent it.
"""

import hashlib
import random
import threading
from collections import Counter
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import pairwise
from typing import BinaryIO, Final, NamedTuple

import orjson

from support.faults import FaultServer, Misdeed, Reply, Request
from torture.acts import ACTS, OPERATOR, Occasion, act
from torture.firewall import Firewall
from torture.items import Item, Key, items_in
from torture.links import LINKS, RECEIVE_BUFFER, read_over

_IN_FLIGHT: Final = 48
"""The most requests that an uploader has in flight, which may be on their way when a destination is paused."""


class Receipt(NamedTuple):
    """An item that was stored: sent by which uploader, which bytes, and whether the answer was lost on purpose."""

    generation: int
    digest: str
    lost: bool


@dataclass
class Observatory:
    """The books, and one behaviour per generation of the uploader."""

    elsewhere: str
    """Where redirects point to."""
    key: str
    seed: int
    firewall: Firewall
    receipts: dict[Key, list[Receipt]] = field(default_factory=dict)
    acts: Counter[str] = field(default_factory=Counter)
    links: Counter[str] = field(default_factory=Counter)
    """How bodies were read, if not at once."""
    faults: list[str] = field(default_factory=list)
    """What the uploader did against its promises, in words."""

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)  # noqa: S311 -- faults, no secrets
        self._lock = threading.Lock()
        self._modes: dict[int, str] = {}
        self._gone: dict[int, threading.Event] = {}
        self._bodies: dict[str, bytes] = {}
        self._tokens: dict[bytes, str] = {}
        self._asked: Counter[str] = Counter()
        """Requests to destinations that only an operator can help, by path."""
        self.latest = 0
        """The newest generation that was heard of."""

    def expect(self, generation: int, mode: str) -> None:
        """Behave in this way towards a generation of the uploader."""
        self._gone[generation] = threading.Event()
        self._modes[generation] = mode

    def forget(self, generation: int) -> None:
        """End the requests that are held for a generation that is dead."""
        self._gone[generation].set()

    def read_body(self, path: str, connection: BinaryIO, length: int) -> bytes:
        """Read a body, over a bad link if the generation has one; one of twenty is bad for others, too."""
        generation, _ = _place(path)
        with self._lock:
            self.latest = max(self.latest, generation)
            mode, own = self._modes[generation], random.Random(self._chance.random())  # noqa: S311 -- no secret
        bad = mode != "ok" and own.random() < (0.5 if mode in LINKS else 0.05)
        link = (mode if mode in LINKS else own.choice(LINKS)) if bad else None
        if link is None:
            return connection.read(length)
        with self._lock:
            self.links[link] += 1
        return read_over(link, own, self._gone[generation], connection, length)

    def behave(self, request: Request) -> Reply | Misdeed:
        """Take a request, note it, answer it somehow."""
        generation, path = _place(request.path)
        items = items_in(request.body)
        with self._lock:
            self._look_at(request, path, items)
            name = self._choose(generation, items)
            self.acts[name] += 1
            if name in OPERATOR:
                self._count(request.path)
            done = act(name, Occasion(request, self.elsewhere, self._gone[generation]))
            for key, item in items if done.stores else []:
                digest = hashlib.sha256(orjson.dumps(item)).hexdigest()[:16]
                self.receipts.setdefault(key, []).append(Receipt(generation, digest, not done.tells))
        return done.answer

    def _look_at(self, request: Request, path: str, items: list[Item]) -> None:
        token = request.headers["idempotency-key"]
        body = hashlib.sha256(request.body).digest()
        if self._bodies.setdefault(token, body) != body:
            self.faults.append(f"other bytes under the idempotency key {token}")
        is_letter = len(items) == 1 and self.firewall.holds(items[0][0])  # sent again under its record's name
        if self._tokens.setdefault(body, token) != token and path != "/v1/feedback" and not is_letter:
            self.faults.append(f"another idempotency key for the same bytes: {token}")
        if request.key != self.key or path not in ("/v1/custom", "/v1/feedback"):
            self.faults.append(f"a request to {path} with the key {request.key!r}")

    def _count(self, path: str) -> None:
        self._asked[path] += 1
        if self._asked[path] == _IN_FLIGHT + 1:
            self.faults.append(f"{path} waits for an operator, and was asked on")

    def _choose(self, generation: int, items: list[Item]) -> str:
        mode, ident = self._modes[generation], items[-1][0][1]
        if mode in OPERATOR:
            return mode
        if (status := self.firewall.refuses(items)) is not None:
            return f"firewall {status}"
        if len(items) > 1 and mode in ("mixed", "413") and _quarter(ident):
            return "413"  # this body is too large, and stays so; its items are not
        if mode == "404 by content":
            return mode if _quarter(f"{generation} {ident}") else "ok"
        if mode == "mixed":
            return self._chance.choice(ACTS) if self._chance.random() < 0.15 else "ok"
        if mode in ("429 seconds", "429 date"):
            return mode
        return mode if mode in ACTS and self._chance.random() < 0.5 else "ok"


def _place(path: str) -> tuple[int, str]:
    """Return the generation of a request's sender, and the path that it would have asked for elsewhere."""
    _, place, rest = path.split("/", 2)
    return int(place.removeprefix("g")), "/" + rest


def _quarter(text: str) -> bool:
    """Whether a text belongs to a quarter of all texts."""
    return hashlib.sha256(text.encode()).digest()[0] < 64


def is_unexplained(receipts: list[Receipt], clean: AbstractSet[int]) -> bool:
    """Whether an item came once too often.

    A receipt after the first is explained if the answer to the one before was lost, or if its sender was killed
    before it had committed: it is another one, and not one of those that had ended in good order (``clean``).
    """
    return any(
        not earlier.lost and (earlier.generation == later.generation or earlier.generation in clean)
        for earlier, later in pairwise(receipts)
    )


def served(books: Observatory) -> FaultServer:
    """Return a server that keeps these books."""
    return FaultServer(books.behave, read_body=books.read_body, receive_buffer=RECEIVE_BUFFER)
