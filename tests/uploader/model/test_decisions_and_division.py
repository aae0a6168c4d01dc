"""The pure middle: what to do with a record, how its key is made, how a batch is cut, how the queue counts."""

import json
from collections import deque
from uuid import uuid4

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from support.faults import batch_of, run_item, step_item, tool_call_item
from tcc_uploader.delivery.batch import join, split_batch
from tcc_uploader.delivery.compact_queue import CompactQueue, Entry, run_fingerprint
from tcc_uploader.model.fate import Decision, Known, Place, decide
from tcc_uploader.model.keys import dedupe_key, digest_of, idempotency_token

HERE, THERE = Place(1, 2), Place(2, 2)


@pytest.mark.parametrize(
    ("known", "decision"),
    [
        ({}, Decision.SEND),
        ({"delivered": Known(7, HERE)}, Decision.DELIVERED),
        ({"delivered": Known(8, HERE)}, Decision.DELIVERED),
        ({"delivered": Known(7, THERE)}, Decision.DUPLICATE),
        ({"delivered": Known(8, THERE)}, Decision.CONFLICT),
        ({"in_flight": Known(7, HERE)}, Decision.DUPLICATE),
        ({"in_flight": Known(7, THERE)}, Decision.DUPLICATE),
        ({"in_flight": Known(8, THERE)}, Decision.CONFLICT),
        ({"letter": Known(7, HERE)}, Decision.DEAD),
        ({"letter": Known(7, HERE), "letter_fate": "dropped"}, Decision.DROPPED),
        ({"letter": Known(7, HERE), "letter_fate": "delivered"}, Decision.DELIVERED),
        ({"letter": Known(7, HERE), "letter_fate": "requeued"}, Decision.REQUEUED),
        ({"letter": Known(7, THERE)}, Decision.DUPLICATE),
        ({"letter": Known(8, THERE)}, Decision.SEND),
        ({"letter": Known(7, HERE), "delivered": Known(7, THERE)}, Decision.DEAD),
        ({"letter": Known(7, THERE), "delivered": Known(8, THERE)}, Decision.CONFLICT),
    ],
)
def test_every_branch_of_the_decision(known: dict[str, object], decision: Decision) -> None:
    """From what is known under a key follows what becomes of the record with digest 7 at line 2 of segment 1."""
    everything = {"delivered": None, "in_flight": None, "letter": None, **known}
    assert decide(HERE, 7, **everything) is decision  # type: ignore[arg-type]


def test_keys_of_uuid7s_of_one_time_lie_side_by_side() -> None:
    """The first 6 bytes are the timestamp, so that the ledger's inserts stay local; the rest is a hash."""
    first, second = "019bf000-1234-7abc-8def-0123456789ab", "019bf000-1234-7abc-8def-0123456789ac"
    assert dedupe_key("run", first)[:6] == dedupe_key("run", second)[:6] == bytes.fromhex("019bf0001234")
    assert dedupe_key("run", first) != dedupe_key("run", second)


@given(st.lists(st.tuples(st.sampled_from(["run", "step", "", "run\0"]), st.text()), unique=True))
def test_different_records_have_different_keys(records: list[tuple[str, str]]) -> None:
    """Kind and id make the key; odd ids make keys like any other."""
    keys = {dedupe_key(kind, ident) for kind, ident in records}
    assert all(len(key) == 16 for key in keys)
    assert len(keys) >= len({f"{kind}\0{ident}" for kind, ident in records})


@pytest.mark.parametrize(
    "ident", ["", "\ud800", "x" * 36, "x" * 14 + "7" + "x" * 21, "é" * 100_000, "{" + "7" * 34 + "}"]
)
def test_odd_ids_have_keys(ident: str) -> None:
    """No id raises."""
    assert len(dedupe_key("run", ident)) == len(idempotency_token("run", ident, b"")) == 16


def test_a_token_speaks_for_kind_id_and_body() -> None:
    """Any change of the three is another token."""
    tokens = {
        idempotency_token(*it)
        for it in (("run", "a", b"1"), ("step", "a", b"1"), ("run", "b", b"1"), ("run", "a", b"2"))
    }
    assert len(tokens) == len({digest_of(token) for token in tokens}) == 4
    assert idempotency_token("run", "a", b"1") == idempotency_token("run", "a", b"1")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
ITEMS = st.lists(
    st.builds(
        lambda kind, ident, more: {**more, "type": kind, f"{kind}_id": ident},
        st.sampled_from(["run", "step", "tool_call"]),
        st.text(min_size=1),
        st.dictionaries(st.text(), VALUES, max_size=3),
    ),
    min_size=1,
    max_size=5,
)


@given(ITEMS, st.sampled_from([None, 0, 1, "\t"]), st.booleans(), st.booleans())
def test_a_batch_is_cut_into_its_own_bytes(
    items: list[dict[str, object]], indent: int | str | None, ascii_only: object, first: object
) -> None:
    """However it is written, each part is a slice of the body that holds one item; children come before runs."""
    batch: dict[str, object] = {"type": "batch", "items": items}
    if first:
        batch = {"items": items, "type": "batch", "more": ["items"]}
    body = json.dumps(batch, indent=indent, ensure_ascii=bool(ascii_only)).encode("utf-8", "surrogatepass")
    parts = split_batch(body)
    position = 0
    for item in items:
        part = next(it for it in parts if json.loads(it.body) == item)
        position = body.index(part.body, position)
        assert (part.kind, part.id) == (item["type"], str(item[f"{item['type']}_id"]))
    expected = [it for it in items if it["type"] != "run"] + [it for it in items if it["type"] == "run"]
    assert [json.loads(part.body) for part in parts] == expected


@pytest.mark.parametrize("dumps", [orjson.dumps, lambda value: json.dumps(value, indent=3).encode()])
def test_what_is_cut_can_be_joined(dumps: object) -> None:
    """Some items of a batch make a batch again; one item stands alone."""
    items = run_item("r"), step_item("r", "s", text="é\U0001f600"), tool_call_item("r", "t")
    parts = split_batch(dumps(batch_of(*items)))  # type: ignore[operator]
    assert json.loads(join(parts)) == batch_of(items[1], items[2], items[0])
    assert json.loads(join(parts[:1])) == items[1]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b"null",
        b"\xff",
        b'{"items"',
        b'{"items":',
        b'{"items":[',
        b'{"items":[]}',
        b'{"items":{}}',
        b'{"items":[1]}',
        b'{"items":[{"type":"run"}]}',
        b'{"items":[{"type":[]}]}',
        b'{"items":["' + b'x"]}',
        b'{"items":[{"type":"run","run_id":"r"}',
        b'{"a":1}',
        b"[" * 100_000,
        b'{"items":' + b"[" * 100_000,
        b'{"items":[{"type":"run","run_id":' + b"1" * 5000 + b"}]}",
        b"1" * 5000,
        b'{"a":1 "items":[]}',
    ],
)
def test_hostile_input_is_no_batch(body: bytes) -> None:
    """What can't be cut is left whole."""
    assert split_batch(body) == []


@given(st.binary())
def test_no_bytes_raise(body: bytes) -> None:
    """Whatever a body holds, cutting it does not raise."""
    split_batch(body)
    split_batch(b'{"items":[' + body)


class QueueModel(RuleBasedStateMachine):
    """The queue does what a deque does."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = CompactQueue()
        self.model: deque[Entry] = deque()

    @rule(count=st.integers(1, 6000), start=st.integers(0, 2**40))
    def append(self, count: int, start: int) -> None:
        """Add some."""
        for number in range(start, start + count):
            entry = Entry(number, number + 1, number + 2, number + 3, number % 7)
            self.queue.append(entry)
            self.model.append(entry)

    @rule(count=st.integers(1, 9000))
    def popleft(self, count: int) -> None:
        """Take some."""
        for _ in range(min(count, len(self.model))):
            assert self.queue.popleft() == self.model.popleft()

    @rule(run=st.integers(0, 8))
    def look(self, run: int) -> None:
        """Ask for a run."""
        assert self.queue.holds_run(run) == any(entry.run == run for entry in self.model)

    @invariant()
    def same_length(self) -> None:
        """Both are equally long."""
        assert len(self.queue) == len(self.model)
        assert bool(self.queue) == bool(self.model)


TestQueue = QueueModel.TestCase
TestQueue.settings = settings(max_examples=15, stateful_step_count=12, deadline=None)


def test_an_empty_queue_gives_nothing() -> None:
    """Taking from an empty queue is an IndexError."""
    with pytest.raises(IndexError):
        CompactQueue().popleft()


def test_a_run_s_mark_is_its_file_s() -> None:
    """The same run in two files has two marks, and any id has one."""
    ident = str(uuid4())
    assert run_fingerprint(1, ident) != run_fingerprint(2, ident)
    assert 0 < run_fingerprint(2**31, "\ud800") < 2**64
