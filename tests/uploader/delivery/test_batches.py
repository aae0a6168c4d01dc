"""A run that was refused with its children is sent item by item."""

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.faults import batch_of, run_item, step_item, tool_call_item
from tcc_uploader.delivery.batch import join_items, split_batch

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
def test_a_batch_is_split_into_its_items(
    items: list[dict[str, object]], indent: int | str | None, ascii_only: object, first: object
) -> None:
    """However the batch is written, each item is sent with the same value, in the same bytes, children before runs."""
    batch: dict[str, object] = {"type": "batch", "items": items}
    if first:
        batch = {"items": items, "type": "batch", "more": ["items"]}
    body = json.dumps(batch, indent=indent, ensure_ascii=bool(ascii_only)).encode("utf-8", "surrogatepass")
    parts = split_batch(body)
    expected = [it for it in items if it["type"] != "run"] + [it for it in items if it["type"] == "run"]
    assert [json.loads(part.body) for part in parts] == expected
    assert [(part.kind, part.id) for part in parts] == [(it["type"], str(it[f"{it['type']}_id"])) for it in expected]
    assert split_batch(body) == parts
    assert split_batch(json.dumps(batch).encode()) == parts


@pytest.mark.parametrize("value", ['"\\ud800"', "1" * 60, "0.1", '"\u2028"'])
def test_a_value_that_other_parsers_change_goes_as_it_is(value: str) -> None:
    """A lone surrogate, or a number of any length, reaches the server as the batch had it."""
    body = f'{{"type":"batch","items":[{{"type":"run","run_id":"r","x":{value}}}]}}'
    (item,) = split_batch(body.encode())
    assert item.body == f'{{"type":"run","run_id":"r","x":{value}}}'.encode()


@pytest.mark.parametrize("dumps", [orjson.dumps, lambda value: json.dumps(value, indent=3).encode()])
def test_items_can_be_joined_again(dumps: object) -> None:
    """Some items of a batch make a batch again; one item stands alone."""
    items = run_item("r"), step_item("r", "s", text="é\U0001f600"), tool_call_item("r", "t")
    parts = split_batch(dumps(batch_of(*items)))  # type: ignore[operator]
    assert json.loads(join_items(parts)) == batch_of(items[1], items[2], items[0])
    assert json.loads(join_items(parts[:1])) == items[1]


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
        b'{"items":[{"type":"run","run_id":"r","x":NaN}]}',
        b'{"a":1}',
        b"[" * 100_000,
        b'{"items":' + b"[" * 100_000,
        b'{"items":[{"type":"run","run_id":' + b"1" * 5000 + b"}]}",
        b"1" * 5000,
        b'{"a":1 "items":[]}',
    ],
)
def test_hostile_input_is_no_batch(body: bytes) -> None:
    """What can't be split is left whole."""
    assert split_batch(body) == []


@given(st.binary())
def test_no_bytes_raise(body: bytes) -> None:
    """Whatever a body holds, splitting it does not raise."""
    split_batch(body)
    split_batch(b'{"items":[' + body)
