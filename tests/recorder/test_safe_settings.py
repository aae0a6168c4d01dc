"""Settings that can't be understood."""

import logging
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

import tcc_recorder as tcc
from tcc_recorder.config import writer_config
from tcc_schemas.endpoints import checked_url


def test_a_word_that_is_no_switch_leaves_texts_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, spool: Path, reset: Callable[[], None]
) -> None:
    """Who sets TCC_CONTENT wants texts left out: rather too little is written than too much, and it is said."""
    monkeypatch.setenv("TCC_CONTENT", "none")
    tcc.configure()
    tcc.run("r").prompt("secret").end()
    reset()
    lines = [orjson.loads(line) for path in spool.iterdir() for line in path.read_bytes().splitlines()]
    (body,) = [line["body"] for line in lines if line["kind"] == "run"]
    assert "prompt" not in body
    assert "TCC_CONTENT is taken as off: it must be 1 or 0" in caplog.text


@pytest.mark.parametrize(("word", "texts"), [("No", False), ("OFF", False), ("yes", True), (" ", True)])
def test_every_way_to_say_it_is_understood(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, spool: Path, word: str, texts: bool
) -> None:
    """Also in other cases; empty is unset; nothing is logged."""
    monkeypatch.setenv("TCC_CONTENT", word)
    tcc.configure()
    tcc.run("r").prompt("secret").end()
    tcc.configure()
    assert (b"secret" in b"".join(path.read_bytes() for path in spool.iterdir())) is texts
    assert not caplog.records


def test_no_journal_and_no_debug_log_come_from_a_word_that_is_no_switch(caplog: pytest.LogCaptureFixture) -> None:
    """Both are as by default, and that is said."""
    assert not writer_config({}, {"TCC_JOURNAL": "always", "HOME": "/home/nobody"}).journal
    assert "TCC_JOURNAL is taken as off" in caplog.text
    assert writer_config({}, {"TCC_JOURNAL": "Yes", "HOME": "/home/nobody"}).journal
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_an_unsafe_url_needs_a_word_that_means_yes() -> None:
    """Any other word keeps the key from a host that is not ours, and the error says which words there are."""
    assert checked_url("https://self.hosted", {"TCC_ALLOW_UNSAFE_BASE_URL": "True"}) == "https://self.hosted"
    for word, told in (
        ("no", "Refusing unsafe"),
        ("", "Refusing unsafe"),
        ("allow", "TCC_ALLOW_UNSAFE_BASE_URL: it must"),
    ):
        with pytest.raises(ValueError, match=told):
            checked_url("https://self.hosted", {"TCC_ALLOW_UNSAFE_BASE_URL": word})
