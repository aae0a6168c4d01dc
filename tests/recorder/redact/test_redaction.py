import re

import pytest
from contextcompany.redaction import redact_status_message
from hypothesis import given
from hypothesis import strategies as st

from tcc_recorder.redact.status import redact_status_message as redact

SECRET = "Zq9" + "hunter2" * 3
"""Long enough for every rule; nothing else in a message holds it."""

THEIRS = [
    f"Authorization: Bearer {SECRET}",
    f"authorization=basic {SECRET}",
    f"failed: Bearer {SECRET}, retry",
    f"Basic {SECRET}==",
    f"api_key={SECRET}",
    f"[api-key: {SECRET}]",
    f"apikey:{SECRET};",
    f"access_token={SECRET}&x=1",
    f"refresh-token = {SECRET}",
    f"client_secret={SECRET}",
    f"PASSWORD={SECRET}",
    f"passwd: {SECRET}",
    f"pwd={SECRET})",
    f"http://user:{SECRET}@host/path",
    f"HTTPS://user:{SECRET}@host",
    f"key sk-{SECRET} was refused",
    f"sk-proj-{SECRET}",
    f"xoxb-{SECRET}",
    f"ghp_{SECRET}",
    f"service_{SECRET}.",
    f'{{"Authorization": "Bearer {SECRET}"}}',
]
OURS = [
    f'{{"password": "{SECRET}"}}',
    f'{{"password": "with space {SECRET}"}}',
    f"{{'api_key': '{SECRET}', 'other': 1}}",
    f'"{{\\"token\\": \\"{SECRET}\\"}}"',
    f'password="{SECRET}"',
    f"OPENAI_API_KEY={SECRET}",
    f"token={SECRET}",
    f"aws_secret_access_key = {SECRET}",
    f"postgres://user:{SECRET}@db/x",
    f"redis://:{SECRET}@db",
    f"https://user:a@{SECRET}@host",
    f"Authorization: Token {SECRET}",
    f"dev_{SECRET}",
    f"github_pat_{SECRET}",
]


@pytest.mark.parametrize("message", THEIRS)
def test_what_the_official_client_redacts_looks_the_same(message: str) -> None:
    """Where the official client leaves no secret, our text is its text."""
    theirs = redact_status_message(message)
    assert SECRET not in theirs
    assert redact(message) == theirs


@pytest.mark.parametrize("message", OURS)
def test_more_is_redacted_than_there(message: str) -> None:
    """Quoted names and values, prefixed names, other schemes and tokens lose their secrets too."""
    assert "[REDACTED]" in redact(message)
    assert SECRET not in redact(message)


@pytest.mark.parametrize("message", ["", "connection reset", "max_tokens=500 reached", "task-force of sk-8", "a: b"])
def test_what_is_no_secret_stays(message: str) -> None:
    """Ordinary messages are not touched."""
    assert redact(message) == message


filler = st.text(st.sampled_from("ab :=,;'\"{}[]()/@.-_\\\n") | st.characters(codec="utf-8"), max_size=12)


@given(filler, st.sampled_from(THEIRS + OURS), filler)
def test_no_surroundings_save_a_secret_that_the_official_client_redacts(before: str, message: str, after: str) -> None:
    """Whatever stands around it, we leave no secret that the official client does not leave."""
    message = f"{before} {message} {after}"
    if SECRET not in redact_status_message(message):
        assert SECRET not in redact(message)


@given(st.lists(st.sampled_from(THEIRS + OURS), min_size=1, max_size=4), st.sampled_from([" ", "\n", ", "]))
def test_redaction_is_at_least_the_official_one(messages: list[str], separator: str) -> None:
    """Of several secrets we leave no more than the official client."""
    message = separator.join(messages)
    assert len(re.findall(SECRET, redact(message))) <= len(re.findall(SECRET, redact_status_message(message)))


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        " ",
        "sk-",
        "-",
        "eyJ-",
        "eyJaaaaaaaaaaa.",
        "password",
        "password ",
        'password="',
        "\\",
        "://",
        "://a:",
        "Bearer ",
        "Authorization: ",
        "a-",
        "_",
        "@",
        "token=\\",
    ],
)
@pytest.mark.timeout(60)
def test_hostile_messages_do_not_hang_the_agent(piece: str) -> None:
    """A megabyte of anything is redacted in a moment: a pattern that backtracks would take hours over it."""
    message = piece * (2**20 // len(piece))
    assert len(redact(message)) <= len(message) + 2**20
