"""A letter's id, its new body, and the requests about it."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from support.faults import AT, run_item
from tcc_uploader.model.letter import Letter, LetterRequest, body_text, letter_id, now_text, with_body


def letter(**members: Any) -> Letter:
    """Return the letter of a run."""
    usual = {"id": "abc", "reason": "refused", "detail": "HTTP 422", "segment": "s1", "line": 3, "digest": 7}
    record = {"kind": "run", "record_id": "r1", "run_id": "r1", "path": "/v1/custom", "type": "application/json"}
    return Letter.model_validate(usual | record | {"died_at": AT, "body": body_text(b"{}")} | members)


def test_the_id_of_a_letter_is_what_every_version_made() -> None:
    """Ledgers and folders keep it; these are of sha256sum.  Any other place, bytes or key is another letter."""
    assert letter_id("s1", 3, 7, None) == "1176dea78e41063997532fdccdccbb88"
    assert letter_id("s1", 3, 7, "0000002a") == "61cc325d69b2e8f264a54bad141a3578"
    others = [("s2", 3, 7, None), ("s1", 4, 7, None), ("s1", 3, 8, None), ("\ud800", 3, 7, None)]
    assert len({letter_id(*each) for each in others}) == len(others)


def test_a_record_s_new_body_is_any_json_and_all_else_stays() -> None:
    """An operator has mended it; the letter that was given is not changed."""
    before = letter()
    after = with_body(before, b'{"mended":true}')
    assert after.body_bytes == b'{"mended":true}'
    assert after == before.model_copy(update={"body": after.body})
    assert before.body_bytes == b"{}"
    with pytest.raises(ValueError, match="unexpected"):
        with_body(before, b"{mended")


def test_a_line_that_was_no_record_becomes_one_by_its_new_body() -> None:
    """What it is, and for which run, is read from the body; that may be written on many lines."""
    before = letter(kind="", record_id="", run_id="", path="", type=None)
    item = run_item("r2")
    after = with_body(before, orjson.dumps(item, option=orjson.OPT_INDENT_2))
    assert (after.kind, after.record_id, after.run_id, after.path) == ("run", "r2", "r2", "/v1/custom")
    assert orjson.loads(after.body_bytes) == item
    assert b"\n" not in after.body_bytes
    assert with_body(before, b"\xef\xbb\xbf " + orjson.dumps(item)).body_bytes == orjson.dumps(item)
    assert (after.id, after.line, after.digest) == ("abc", 3, 7)
    for body, why in ((b" \n", "^it is empty$"), (b"[]", "a line is an object"), (b"{", "JSON")):
        with pytest.raises(ValueError, match=why):
            with_body(before, body)


def test_a_request_is_about_one_letter() -> None:
    """An edited letter that is another one, or none, is refused before anything is done."""
    edited = letter().model_dump_json()
    assert LetterRequest(action="requeue", letter="abc", letter_json=edited).letter_json == edited
    with pytest.raises(ValidationError, match="letter_json is another letter"):
        LetterRequest(action="requeue", letter="abd", letter_json=edited)
    with pytest.raises(ValidationError, match=r"letter_json: .*id"):
        LetterRequest(action="requeue", letter="abc", letter_json='{"reason":"x"}')


def test_the_present_time_is_told_in_utc() -> None:
    """ISO-8601 with milliseconds and Z, as all times on the wire."""
    text = now_text()
    assert (len(text), text[-1]) == (len("2026-01-31T12:00:00.123Z"), "Z")
    assert abs((datetime.now(UTC) - datetime.fromisoformat(text)).total_seconds()) < 60


def test_what_can_be_sent_as_it_is_and_what_an_operator_can_edit() -> None:
    """A record goes to what can be an endpoint, known or not; its body can be edited if it is JSON text."""
    assert letter().is_record
    assert letter(path="/v1/of-a-newer-version").is_record
    assert not letter(path="/admin/v1").is_record
    assert not letter(kind="").is_record
    assert letter().is_json
    assert letter(type=None).is_json
    assert not letter(encoding="gzip").is_json
    assert not letter(type="application/x-protobuf").is_json


def test_a_letter_whose_body_is_no_base64_is_none() -> None:
    """It is found when the file is read, not when the letter is sent."""
    with pytest.raises(ValidationError, match="body"):
        letter(body="a")
