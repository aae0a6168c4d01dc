"""A body is read in one way: what orjson refuses and other programs send, is read too; what is too deep is cut."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest

from tcc_uploader.model.body import moment_of, parsed, wire_items

DEEP = "(nested too deep to be shown)"


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a":[1,2.5,null,"x"]}', {"a": [1, 2.5, None, "x"]}),
        (b'{"a":NaN,"b":2,"c":"beside"}', {"a": None, "b": 2, "c": "beside"}),
        (b"[Infinity,-Infinity,1e999,-1e999,0.1,-7]", [None, None, None, None, 0.1, -7]),
        (b'{"a":"x\\ud800y","b":"\\ud83d\\ude00 \xc3\xa9"}', {"a": "x\ufffdy", "b": "\U0001f600 é"}),
        (b'["\\udc00",18446744073709551615,-9223372036854775808]', ["\ufffd", 2**64 - 1, -(2**63)]),
        (b'["\\ud800",18446744073709551616]', ["\ufffd", 2.0**64]),
        (b'["\\ud800",1' + b"0" * 400 + b"]", ["\ufffd", None]),
        (b"[18446744073709551616]", [2.0**64]),
    ],
)
def test_one_value_that_can_t_be_read_is_none_and_its_neighbours_stay(body: bytes, value: object) -> None:
    """NaN and numbers without an end are None, a lone surrogate is U+FFFD; what stands beside them is as it was."""
    found = parsed(body)
    assert found == value
    assert repr(found) == repr(value)


@pytest.mark.parametrize("body", [b"", b"{", b"nothing", b"\xff", b'["\\ud800",', b"[NaN," * 100_000])
def test_what_is_no_json_is_a_value_error_and_has_no_items(body: bytes) -> None:
    """A caller has one error to think of, also if the text is nested deeper than Python goes."""
    with pytest.raises(ValueError, match="^nested too deep$" if len(body) > 10_000 else "[Ee]xpecting|decode"):
        parsed(body)
    assert list(wire_items(body)) == []


def nested(levels: int, opened: str = '{"a":', closed: str = "}") -> bytes:
    """Return JSON with that many levels around ``[1]``."""
    return (opened * levels + "[1]" + closed * levels).encode()


def depth(value: Any) -> tuple[int, object]:
    """Return how many objects and lists lie in each other, and what is innermost."""
    levels = 0
    while isinstance(value, dict | list):
        value, levels = (value["a"] if isinstance(value, dict) else value[0]), levels + 1
    return levels, value


@pytest.mark.parametrize(("opened", "closed"), [('{"a":', "}"), ("[", "]")])
def test_what_is_nested_too_deep_is_cut_so_that_it_can_be_shown(opened: str, closed: str) -> None:
    """It can be written with fifty levels around it; what can be written so without a cut is whole."""
    assert depth(parsed(nested(203, opened, closed))) == (204, 1)
    for levels in (204, 253, 254, 900):
        cut = parsed(nested(levels, opened, closed))
        assert depth(cut) == (202, DEEP)
        for _ in range(50):
            cut = [cut]
        assert orjson.dumps(cut)
    assert parsed(b'{"a":' + nested(300) + b',"b":[[]],"c":"x"}')["b"] == [[]]


def test_many_short_values_are_no_deep_one() -> None:
    """A body of many objects side by side is not cut."""
    value = [{"a": [number]} for number in range(300)]
    assert parsed(orjson.dumps(value)) == value


@pytest.mark.parametrize(
    ("body", "items"),
    [
        (b'{"type":"run","items":[{"a":1}]}', [{"type": "run", "items": [{"a": 1}]}]),
        (b'{"type":"batch","items":[{"a":1},2,[],{"b":2}]}', [{"a": 1}, {"b": 2}]),
        (b'{"type":"batch","items":{"a":1}}', []),
        (b'{"type":"batch"}', []),
        (b'[{"type":"run"}]', []),
        (b"5", []),
        (b"null", []),
    ],
)
def test_only_a_batch_has_items_in_it(body: bytes, items: list[object]) -> None:
    """Any other object is an item itself; what is no object is none."""
    assert list(wire_items(body)) == items


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-31T12:00:00.123Z", datetime(2026, 1, 31, 12, 0, 0, 123_000, UTC)),
        ("2026-01-31T12:00:00", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31T12:00:00+05:30", datetime(2026, 1, 31, 6, 30, tzinfo=UTC)),
        ("9999-12-31T23:59:59-01:00", None),
        ("soon", None),
        ("", None),
        (None, None),
        (5, None),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])
def test_a_recorded_time_is_utc_wherever_it_is_read(
    text: object, moment: datetime | None, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The zone of the machine that reads does not matter; what is no time is None."""
    import time  # noqa: PLC0415 -- its zone is set here

    with monkeypatch.context() as patch:
        patch.setenv("TZ", zone)
        time.tzset()
        found = moment_of(text)
        assert (found, found and found.utcoffset()) == (moment, moment and timedelta(0))
        assert found is None or found.tzinfo is UTC or found.tzinfo == timezone(timedelta(0))
    time.tzset()
