"""What becomes of whole records when secrets are looked for in every text."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

import tcc_recorder as tcc
from support.recorded import read_segment
from tcc_recorder.testing import capture
from tcc_recorder.values import REDACTED

Python = Callable[..., subprocess.CompletedProcess[str]]
TOKEN = "ghp_" + "a1B2c3D4e5" * 4


@pytest.fixture(autouse=True)
def every_text() -> None:
    """Let secrets be looked for in every text."""
    tcc.configure(redact="secrets")


@pytest.mark.parametrize("depth", [260, 520, 20_000])
def test_a_deeply_nested_text_costs_no_record(depth: int) -> None:
    """JSON in a text may be as deep as it likes: the run is recorded, without its secret."""
    text = "[" * depth + '{"password":"hunter22"}' + "]" * depth
    with capture() as captured:
        tcc.run().prompt("p").response(text).end()
    assert captured.runs[0]["response"] == text.replace("hunter22", REDACTED)


def test_what_stands_beside_a_secret_stays_as_it_is() -> None:
    """Numbers keep their digits, texts their white space, and a name that comes twice both its values."""
    text = '{"n": 123456789012345678901234567890, "f": 1.50, "password":"hunter22", "a" :1,"a":2, "e":"\\u00e9"}'
    with capture() as captured:
        run = tcc.run().prompt("p")
        run.tool_call("t").args(text).attributes({"n": 2**63, "f": 1.5, "pwd": "hunter22"}).end()
        run.end()
    call = captured.tool_calls[0]
    assert call["args"] == text.replace("hunter22", REDACTED)
    assert call["attributes"] == {"n": 2**63, "f": 1.5, "pwd": REDACTED}


def test_names_are_searched_and_no_member_is_lost() -> None:
    """A secret in the name of a member is replaced; two of them stay two members."""
    with capture() as captured:
        run = tcc.run().prompt("p").metadata({TOKEN: "a", TOKEN[:-1] + "X": "b"})
        run.end()
    assert captured.runs[0]["metadata"] == {REDACTED: "a", "[REDACTED 2]": "b"}


def test_the_session_and_the_url_are_searched_but_no_id(spool: Path, reset: Callable[[], None]) -> None:
    """A token in ``session_id`` or in the path of ``tcc_url`` is replaced; ids join records, so they stay."""
    tcc.run(run_id=TOKEN, session_id=TOKEN, tcc_url=f"https://o.example/{TOKEN}/runs").prompt("p").end()
    reset()
    (path,) = spool.glob("*.jsonl")
    (record,) = read_segment(path).records
    body = orjson.loads(record.body)
    assert (body["run_id"], body["session_id"]) == (TOKEN, REDACTED)
    assert record.url == f"https://o.example/{REDACTED}/runs"


def test_a_lone_surrogate_beside_a_secret_is_told() -> None:
    """A value that can't be encoded is converted, and the line says so, also if a secret was replaced."""
    with capture() as captured:
        tcc.run().prompt(f"\ud800 {TOKEN}").end()
    assert captured.runs[0]["prompt"]["user_prompt"] == f"\ufffd {REDACTED}"
    assert captured.lines[0].converted


SCHEMA: Any = {"type": "object", "properties": {"password": {"type": "string", "default": "hunter22"}}}


def test_a_schema_that_describes_a_password_stays() -> None:
    """Tool definitions say which arguments are secret; they hold none."""
    with capture() as captured:
        run = tcc.run().prompt("p")
        run.step().prompt("p").response("r").tool_definitions(SCHEMA).end()
        run.end()
    assert orjson.loads(captured.steps[0]["tool_definitions"]) == SCHEMA


def test_who_looks_for_no_secrets_imports_no_scanner(python: Python) -> None:
    """Neither the import nor a run without an error loads the scan or its tables."""
    python("""
        tcc.run().prompt("p").end()
        tcc.flush()
        loaded = [name for name in sys.modules if name.startswith("tcc_recorder.redact.")]
        assert loaded == ["tcc_recorder.redact.policy"], loaded
    """)
