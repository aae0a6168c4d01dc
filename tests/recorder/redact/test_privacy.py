import logging
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tcc_recorder as tcc
from support.redaction_corpus import FIND, LEAVE, LONG
from tcc_recorder.redact import policy
from tcc_recorder.redact.scan import secret_spans
from tcc_recorder.redact.spans import replaced
from tcc_recorder.testing import capture
from tcc_recorder.values import REDACTED
from tcc_schemas import RunRecord

PASSWORD = "hunter2" * 2
SECRET = f"password={PASSWORD}"


def without_secrets(text: str) -> str:
    """Return a text as it is recorded."""
    data = orjson.dumps(text)
    return str(orjson.loads(replaced(data, secret_spans(data))))


def record_everything() -> None:
    """Record a secret in every text that a caller can set."""
    run = tcc.run("r1").prompt(SECRET, SECRET).full_input(SECRET).response(SECRET).full_output(SECRET)
    run.metadata(note=SECRET, token=PASSWORD)
    run.tool_call("t").args({"password": PASSWORD}).result('{"a": "{\\"password\\": \\"' + PASSWORD + '\\"}"}').end()
    step = run.step().prompt(SECRET).response(SECRET).tool_definitions(SECRET)
    step.attributes({"deep": [{"api_key": PASSWORD, "pwd": 1234567, "note": SECRET}]}).error(SECRET)
    run.error(SECRET)
    run.feedback(text=SECRET)
    tcc.record(RunRecord(**POSTHOC))


POSTHOC: Any = {
    "run_id": "r2",
    "start_time": "2026-01-31T12:00:00Z",
    "end_time": "2026-01-31T12:00:02Z",
    "prompt": {"user_prompt": SECRET},
    "status_code": 2,
    "status_message": SECRET,
}


@pytest.mark.parametrize("text", FIND)
def test_secrets_are_found_once(text: str) -> None:
    """Each loses its secret; a second look finds no other."""
    clean = without_secrets(text)
    assert REDACTED in clean
    assert "hunter2" not in clean
    assert without_secrets(clean) == clean


@pytest.mark.parametrize("text", LEAVE)
def test_what_is_no_secret_stays(text: str) -> None:
    """Prose, code, ids and hashes are not touched."""
    assert without_secrets(text) == text


fragments = st.lists(
    st.sampled_from([*FIND, *LEAVE, "é日", "\\", '"', "'", " ", "=", ":", REDACTED, "\x00"]), max_size=6
).map(" ".join)


@given(fragments, fragments)
def test_texts_do_not_touch_each_other(first: str, second: str) -> None:
    """Texts that are searched together come out as they do alone."""
    data = orjson.dumps([first, second])
    together = orjson.loads(replaced(data, secret_spans(data)))
    assert together == [without_secrets(first), without_secrets(second)]


@pytest.mark.parametrize(
    "before",
    [
        "dop_v1_" + "0123456789abcdef" * 4,
        "-----BEGIN PRIVATE KEY-----\nabcdefghABCDEFGH01234567\n-----END PRIVATE KEY-----",
    ],
)
def test_a_secret_behind_another_without_a_gap_is_found(before: str) -> None:
    """What follows a secret at once is looked at as well."""
    second = "dop_v1_" + "fedcba9876543210" * 4
    assert second not in without_secrets(before + second)


STRUCTURED = {
    "number": {"password": 77110011},
    "list": {"api_keys": ["77110011", 2]},
    "object": {"credentials": {"user": "u", "pin": 77110011}},
    "text with room": '{"secret" :\n "77110011"}',
    "escaped value": '{"password":"a\\"77110011"}',
    "text in text": {"m": '{"password": 77110011}'},
}


def test_a_record_that_is_on_its_way_undoes_no_configure(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ``configure()`` asks for while another thread's record makes the former policy holds from then on."""
    made = policy.policy_of

    def meanwhile(redact: policy.Redact, content: bool | None, environment: Mapping[str, str]) -> policy.Policy:
        found = made(redact, content, environment)
        monkeypatch.setattr(policy, "policy_of", made)
        tcc.configure(redact="secrets")
        return found

    tcc.configure(redact="status")
    monkeypatch.setattr(policy, "policy_of", meanwhile)
    with capture() as captured:
        tcc.run().prompt("first").end()
        tcc.run().prompt(SECRET).end()
    assert PASSWORD not in captured.runs[1]["prompt"]["user_prompt"]


@pytest.mark.parametrize("value", STRUCTURED.values(), ids=STRUCTURED)
def test_whatever_stands_under_a_secret_name_is_left_out(value: object) -> None:
    """Arguments, results and everything else that is JSON text lose it, of whatever shape, and stay JSON."""
    tcc.configure(redact="secrets")
    with capture() as captured:
        run = tcc.run().prompt("p").full_input(value)
        run.tool_call("t").args(value).result(value).end()  # type: ignore[arg-type]  # any value is taken
        run.end()
    texts = [captured.tool_calls[0]["args"], captured.tool_calls[0]["result"], captured.runs[0]["prompt"]["full_input"]]
    for text in texts:
        assert "77110011" not in text
        assert REDACTED in text
        orjson.loads(text)


def test_json_text_without_a_secret_is_left_as_it_is() -> None:
    """Its white space and numbers are the tool's own."""
    tcc.configure(redact="secrets")
    with capture() as captured:
        run = tcc.run().prompt("password=hunter2")
        run.tool_call("t").args('{ "a" : 1.50 }').end()
        run.end()
    assert captured.tool_calls[0]["args"] == '{ "a" : 1.50 }'


@pytest.mark.parametrize("journal", [False, True])
def test_no_secret_reaches_the_disk(
    spool: Path,
    reset: Callable[[], None],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    journal: bool,
) -> None:
    """With ``secrets`` none is in any line, the journal's too, nor in the log; each line says how many it lost."""
    monkeypatch.setenv("TCC_REDACT", "secrets")
    caplog.set_level(logging.DEBUG, logger="tcc_recorder")  # as TCC_DEBUG does, for this test alone
    tcc.configure(journal=journal)
    record_everything()
    reset()
    written = b"".join(path.read_bytes() for path in spool.iterdir())
    assert b"hunter2" not in written
    assert b"1234567" not in written
    assert "hunter2" not in caplog.text
    batch = next(line for line in written.splitlines() if b'"kind":"run"' in line and b'"r1"' in line)
    assert re.search(rb'"redacted":17,"body"', batch), batch


def test_arguments_stay_json() -> None:
    """What is replaced in JSON text leaves JSON text."""
    tcc.configure(redact="secrets")
    with capture() as captured:
        record_everything()
    assert orjson.loads(captured.tool_calls[0]["args"]) == {"password": REDACTED}
    assert orjson.loads(orjson.loads(captured.tool_calls[0]["result"])["a"]) == {"password": REDACTED}


def test_status_messages_alone_by_default(spool: Path, reset: Callable[[], None]) -> None:
    """The default redacts status messages, counts that, and touches no other text."""
    tcc.run().prompt(SECRET).error(SECRET)
    tcc.run().prompt(SECRET).end()
    reset()
    first, second = [
        line for path in spool.iterdir() for line in path.read_bytes().splitlines() if b'"kind":"run"' in line
    ]
    assert first.count(PASSWORD.encode()) == 1
    assert b'"redacted":1,"body"' in first
    assert b'"redacted"' not in second


def test_patterns_and_callables_come_on_top(caplog: pytest.LogCaptureFixture) -> None:
    """Matches become the mark; a callable sees every text, and one that fails loses the text and not the run."""

    def fails_on(text: str) -> Any:
        if text == "raise":
            raise RuntimeError(text + LONG)
        return None if text == "none" else text.replace("Ann", "A.")

    tcc.configure(redact=["secrets", r"user-\d+", re.compile("x{3}"), fails_on])
    with capture() as captured:
        tcc.run().prompt("Ann is user-5 xxx", SECRET).response("raise").full_output("none").end()
    run = captured.runs[0]
    assert run["prompt"] == {"user_prompt": f"A. is {REDACTED} {REDACTED}", "system_prompt": f"password={REDACTED}"}
    assert (run["response"], run["full_output"]) == (REDACTED, REDACTED)
    assert LONG not in caplog.text
    assert caplog.text.count("callable") == 2


@pytest.mark.parametrize("value", ["all", 5, ["("], [5], [re.compile(b"x")], str.upper])
def test_a_redaction_that_is_none_is_misuse(value: Any) -> None:
    """configure() refuses it, and changes nothing."""
    with pytest.raises(ValueError, match="redact"):
        tcc.configure(redact=value, content=False)
    with capture() as captured:
        tcc.run().prompt("p").end()
    assert captured.runs[0]["prompt"] == {"user_prompt": "p"}


def test_without_content_the_structure_stays(
    monkeypatch: pytest.MonkeyPatch, spool: Path, reset: Callable[[], None]
) -> None:
    """No prompt, response, argument, result, attribute or feedback text is written; ids, names and times are."""
    monkeypatch.setenv("TCC_CONTENT", "0")
    tcc.configure(journal=True)
    run = tcc.run("r").prompt("text", "text").full_input("text").response("text").full_output("text").metadata(a="b")
    run.tool_call("name", "c").args("text").result("text").attributes({"text": 1}).end()
    run.step("s").prompt("text").response("text").tool_definitions("text").tokens(1, 2, 3).status(1, "kept").end()
    with pytest.raises(ValueError, match="prompt is required"):
        run.step().end()
    run.end()
    tcc.submit_feedback("r", text="text")
    tcc.submit_feedback("r", "thumbs_up", "text")
    reset()
    lines = b"".join(path.read_bytes() for path in spool.iterdir()).splitlines()
    bodies = [orjson.loads(line)["body"] for line in lines]
    batch = next(body for body in bodies if body.get("type") == "batch")
    assert [
        sorted(item.keys() - {"type", "run_id", "start_time", "end_time", "status_code"}) for item in batch["items"]
    ] == [
        ["metadata"],
        ["completion_tokens", "prompt_cached_tokens", "prompt_uncached_tokens", "status_message", "step_id"],
        ["tool_call_id", "tool_name"],
    ]
    assert {"runId": "r", "text": "[left out]"} in bodies
    assert {"runId": "r", "score": "thumbs_up"} in bodies
    assert not [line for line in lines if b'"text"' in line.replace(b'"text":"[left out]"', b"")]
