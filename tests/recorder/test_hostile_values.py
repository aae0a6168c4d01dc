import dataclasses
import enum
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, RootModel

import tcc_recorder as tcc
from tcc_recorder import values
from tcc_recorder.testing import capture


class Hostile:
    """Raises whatever it is asked."""

    def _refuse(self, *_: object, **__: object) -> Any:
        raise LookupError("hostile")

    __str__ = __repr__ = __bool__ = __int__ = __float__ = __index__ = __len__ = __iter__ = __getitem__ = _refuse
    __eq__ = __ne__ = __lt__ = __contains__ = __format__ = keys = items = _refuse
    __hash__ = object.__hash__


class Torn(Mapping[str, int]):
    """A mapping that can't be read."""

    def __getitem__(self, _: str) -> int:
        raise LookupError("hostile")

    __iter__ = __len__ = __getitem__  # type: ignore[assignment]


class LyingText(str):
    """A text that refuses to be read."""

    __slots__ = ()

    def __str__(self) -> str:
        raise LookupError("hostile")

    encode = __len__ = __str__  # type: ignore[assignment]


def cycle() -> list[Any]:
    """Return a list that contains itself."""
    loop: list[Any] = []
    loop.append({"loop": loop})
    return loop


def deep() -> list[Any]:
    """Return lists in lists, deeper than any stack."""
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    return nested


VALUES: dict[str, Callable[[], Any]] = {
    "none": lambda: None,
    "hostile": Hostile,
    "hostile class": lambda: Hostile,
    "lying text": lambda: LyingText("x"),
    "surrogate": lambda: "\ud800x",
    "nul": lambda: "\0",
    "bytes": lambda: b"\xff",
    "huge int": lambda: 10**30,
    "unprintable int": lambda: 10**10_000,
    "nan": lambda: float("nan"),
    "inf": lambda: float("inf"),
    "cycle": cycle,
    "deep": deep,
    "hostile keys": lambda: {Hostile(): 1, 1: 2, "\ud800": "\ud800"},
    "hostile inside": lambda: {"a": [Hostile(), {1, 2}, b"x", object]},
    "datetime": lambda: datetime(2026, 1, 1, tzinfo=UTC),
    "pairs": lambda: [("a", 1)],
    "generator": lambda: (x for x in [1]),
}
RUN_SETTERS = ["prompt", "response", "full_input", "full_output", "metadata", "status", "start_time", "end_time"]
STEP_SETTERS = ["prompt", "response", "finish_reason", "cost", "ttft_ms", "tool_definitions", "attributes", "status"]
TOOL_SETTERS = ["name", "args", "result", "attributes", "status", "start_time", "end_time"]


@pytest.mark.parametrize("make", VALUES.values(), ids=VALUES.keys())
def test_no_value_can_hurt_the_agent(make: Callable[[], Any]) -> None:
    """Every setter takes every value, returns its item, and the run is recorded."""
    with capture() as captured:
        run = tcc.run(make(), make(), make(), make(), make())
        for name in RUN_SETTERS:
            assert getattr(run, name)(make()) is run
        run.prompt(make(), make()).status(make(), make()).metadata({"k": make()}, other=make())
        step = run.step(make())
        for name in STEP_SETTERS:
            assert getattr(step, name)(make()) is step
        step.model(make(), make()).tokens(make(), make(), make()).status(make(), make()).end()
        call = run.tool_call(make(), make())
        for name in TOOL_SETTERS:
            assert getattr(call, name)(make()) is call
        call.error(make())
        run.error(make())
        tcc.step(make(), make(), make(), make()).error(make())
        tcc.tool_call(make(), make(), make(), make(), make()).error(make())
        tcc.submit_feedback(make(), "thumbs_up", None, make(), make())
    assert [line.kind for line in captured.lines] == ["run", "step", "tool_call", "feedback"]
    assert (len(captured.steps), len(captured.tool_calls)) == (2, 2)


def test_none_leaves_members_out_or_as_they_were() -> None:
    """None unsets a text, and leaves numbers, models and the status as they were."""
    with capture() as captured:
        run = tcc.run().prompt("p").response("r").response(None).prompt(None, "sys").status(1, "m").status(None, None)  # type: ignore[arg-type]
        step = run.step().prompt("p").response("r").tokens(1, 2, 3).tokens(None, "5", "x").cost(1.5).cost(None)  # type: ignore[arg-type]
        step.model("a", "b").model(None, "c").cost(float("nan")).end()
        run.end()
    run_item, step_item = captured.runs[0], captured.steps[0]
    assert run_item["prompt"] == {"user_prompt": "", "system_prompt": "sys"}
    assert "response" not in run_item
    assert (run_item["status_code"], run_item["status_message"]) == (1, "m")
    tokens = [step_item[f"{name}_tokens"] for name in ("prompt_uncached", "prompt_cached", "completion")]
    assert (tokens, step_item["real_total_cost"]) == ([1, 5, 3], 1.5)
    assert (step_item["model_requested"], step_item["model_used"]) == ("a", "c")


def test_converted_records_say_so_and_others_do_not() -> None:
    """``converted`` is in exactly the records in which a value was replaced."""
    with capture() as captured:
        tcc.run().prompt("plain").end()
        tcc.run().prompt("\ud800").end()
        tcc.tool_call("r", tool_name="t").args({1: {2}}).end()
        run = tcc.run().prompt("p")
        run.tool_call("t").args({"x": b"y"}).end()
        run.end()
        tcc.run("id\udfff").prompt("p").end()
    assert [line.converted for line in captured.lines] == [False, True, True, True, True]
    assert captured.runs[1]["prompt"]["user_prompt"] == "\ufffd"
    assert captured.tool_calls[0]["args"] == '{"1":[2]}'
    assert captured.lines[-1].id == captured.runs[-1]["run_id"] == "id\ufffd"


def test_arguments_are_what_they_were_at_the_call() -> None:
    """Changing a dict afterwards changes nothing that was recorded of it."""
    with capture() as captured:
        value = {"a": 1}
        call = tcc.tool_call("r", tool_name="t").args(value).result(value).attributes(value)
        value["a"] = 2
        call.end()
    assert captured.tool_calls[0]["args"] == captured.tool_calls[0]["result"] == '{"a":1}'
    assert captured.tool_calls[0]["attributes"] == {"a": 1}


def test_containers_may_change_in_other_threads() -> None:
    """A dict that another thread changes all the time can be recorded all the time."""
    shared: dict[Any, Any] = {b"needs": "converting"}
    stop = threading.Event()

    def churn() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            shared[number % 1000] = [number]
            shared.pop((number * 7) % 1000, None)

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        with capture() as captured:
            for _ in range(300):
                tcc.tool_call("r", tool_name="t").args(shared).attributes(shared).end()
                tcc.run().prompt("p").metadata(shared).end()
    finally:
        stop.set()
        thread.join()
    assert len(captured.lines) == 600
    assert values.UNPRINTABLE not in captured.tool_calls[-1]["args"]


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner),
    max_leaves=20,
)


@given(json_like)
def test_any_value_becomes_json(value: object) -> None:
    """Whatever JSON can hold comes out unchanged; anything else comes out as something."""
    data, converted = values.json_bytes(value)
    again = orjson.loads(data)
    if not converted:
        assert data == orjson.dumps(value)
    else:
        assert data == orjson.dumps(again)


def test_conversion_keeps_what_it_can() -> None:
    """Cycles are cut, depth is bounded, big integers are texts, NaN is null."""
    loop: dict[str, Any] = {"big": 2**64, "ok": 2**64 - 1, "nan": float("nan"), "s": {3}}
    loop["self"] = loop
    data, converted = values.json_bytes(loop)
    assert converted
    assert orjson.loads(data) == {
        "big": str(2**64),
        "ok": 2**64 - 1,
        "nan": None,
        "s": [3],
        "self": "<cycle>",
    }
    assert orjson.dumps(orjson.loads(values.json_bytes(deep())[0])).count(b"[") == 200


@dataclasses.dataclass
class _Hit:
    url: str
    score: object
    _private: int = 1


class _Mode(enum.Enum):
    FAST = "fast"


class _Query(BaseModel):
    text: str
    top: int


class _Ids(RootModel[list[int]]):
    pass


_PLAIN: Final = {
    "hit": _Hit("u", 0.5),
    "mode": _Mode.FAST,
    "at": datetime(2026, 1, 1, tzinfo=UTC),
    "id": UUID(int=7),
    "nested": [_Hit("v", {"deep": _Mode.FAST})],
}


@pytest.mark.parametrize(
    ("odd", "told"),
    [
        (Decimal("1.5"), "1.5"),
        ("cut \ud83d", "cut \ufffd"),
        (2**70, str(2**70)),
        ({1}, [1]),
        (_Query(text="q", top=3), {"text": "q", "top": 3}),
        (_Ids([1, 2]), [1, 2]),
        ({"m": _Query(text="q", top=3)}, {"m": {"text": "q", "top": 3}}),
        (_Hit("w", Decimal(2)), {"url": "w", "score": "2"}),
        (_Hit("w", _Query(text="q", top=3)), {"url": "w", "score": {"text": "q", "top": 3}}),
        ({1: _Hit("w", 2)}, {"1": {"url": "w", "score": 2}}),
    ],
)
def test_one_odd_value_changes_none_beside_it(odd: object, told: object) -> None:
    """Dataclasses, enums, dates and models are what they are alone, whatever else is in the same value."""
    alone = orjson.loads(orjson.dumps(_PLAIN))
    data, converted = values.json_bytes({**_PLAIN, "odd": odd})
    assert converted
    assert orjson.loads(data) == {**alone, "odd": told}


def test_what_can_t_be_converted_is_replaced_alone() -> None:
    """One member that raises takes nothing with it: not its neighbours, and not what it lies in."""
    value = {"a": {"list": [1, Torn(), {"bad": Torn(), "good": 2}], "kept": "x"}, "b": [3], "c": Torn()}
    data, converted = values.json_bytes(value)
    assert converted
    assert orjson.loads(data) == {
        "a": {"list": [1, "<unprintable>", {"bad": "<unprintable>", "good": 2}], "kept": "x"},
        "b": [3],
        "c": "<unprintable>",
    }


def test_a_dataclass_that_holds_itself_is_cut() -> None:
    """As any other cycle."""
    hit = _Hit("u", None)
    hit.score = [hit]
    assert orjson.loads(values.json_bytes(hit)[0]) == {"url": "u", "score": ["<cycle>"]}


def test_counts_of_tokens_are_whole_numbers() -> None:
    """A fraction of a token is cut off: the server counts whole ones; a cost keeps its fraction."""
    with capture() as captured:
        run = tcc.run().prompt("p")
        run.step().prompt("p").response("r").tokens(1.7, 2.0, 3).cost(0.25).end()  # type: ignore[arg-type]
        run.end()
    (step,) = captured.steps
    counts = [step[f"{name}_tokens"] for name in ("prompt_uncached", "prompt_cached", "completion")]
    assert counts == [1, 2, 3]
    assert all(type(count) is int for count in counts)
    assert step["real_total_cost"] == 0.25
