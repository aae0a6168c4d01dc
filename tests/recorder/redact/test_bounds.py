"""However a text is made, the time to search it grows with its length alone."""

import time

import orjson
import pytest

from support.redaction_corpus import FIND, LEAVE
from tcc_recorder.redact.scan import secret_spans
from tcc_recorder.redact.spans import LONGEST
from tcc_recorder.redact.status import redact_status_message

PIECES = [
    *(
        "a",
        " ",
        "\\",
        '"',
        "'",
        "\n",
        *"-_.=:@%$+|&<>[{`",
        "@@",
        "a@",
        "a-",
        "sk-",
        "-a",
        "eyJ-",
        "eyJaaaaaaaaaaa.",
        "A.A.",
    ),
    *(
        "password",
        "password ",
        "password=",
        "password:",
        "password='",
        'password="',
        '"password":',
        '"password": ["',
        "pw: '",
    ),
    *(
        '"passwords": ["a",',
        '"credentials": {"a": "b", ',
        "password: |\n ",
        "passwords:\n - ab1",
        "password for a b c d ",
    ),
    *(
        "password of the the ",
        "password_a_b",
        "passwordA1b2C3",
        "password\t",
        "password | ",
        "password</th><td>",
        "password( ",
    ),
    *(
        "('password', '",
        "--password ",
        'name="password" ',
        "password value",
        "<password>",
        "login a password ",
        "pass ",
    ),
    *(
        "token=\\",
        '\\"',
        '\\\\"',
        '\\\\\\"',
        "api key ",
        "key ",
        "a_key",
        "secret key_",
        " as the password",
        "credentials: a/",
    ),
    *(
        "clé api",
        "schlüssel",
        "mot de passe ",
        "contraseña ",
        "„",
        "« ",
        "&quot;",
        "&quot;d&quot;:&quot;",
        "\\u0022",
        '"d":"',
    ),
    *(
        "://",
        "://a:",
        "://a:b@",
        "%40",
        "%3A%2F%2Fa%3Ab%40",
        "thin:a/b@",
        "?sig=a",
        "&key=%2F",
        "sig=",
        "Bearer ",
        "{SSHA}",
    ),
    *(
        "Authorization: ",
        "cookie: a=b;",
        "cookie: a=",
        "identified by '",
        "mnemonic: abc abc ",
        "phrase: " + "abc " * 11,
    ),
    *("-----BEGIN ", "-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----\nProc-Type", "Private-Lines: 1\n"),
    *(
        "$2b$12$",
        "$6$" + "a" * 20,
        "+ASt",
        "+Aaaaaaaaa/",
        "/" + "a" * 16,
        "+" + "a" * 16,
        "a" * 17 + " ",
        "M" * 24 + ".",
    ),
    *(
        "1//",
        "1/1111111111:",
        "11111111:AA",
        "A" * 20 + "%",
        "T3BlbkFJ",
        "AzFu",
        "hooks.slack.com/services/a",
        "/hooks/",
    ),
    *("curl -u ", "curl -u a:", "sshpass -p ", "mysql -p"),
    *(" -p", " - ", "| sudo -S", "echo aaaa | ", "htpasswd -b a "),
    *("password:„", "password:&quot;", "password:<code>", "password:`"),
    'ConvertTo-SecureString "a" -AsPlainText',
]


def seconds(piece: str, size: int) -> float:
    """Return the processor time of searching a text of this size, the least of two."""
    data = orjson.dumps([piece * (size // len(piece))])
    taken = []
    for _ in range(2):
        began = time.process_time()
        secret_spans(data)
        taken.append(time.process_time() - began)
    return min(taken)


@pytest.mark.parametrize("piece", [*PIECES, *FIND, *LEAVE])
@pytest.mark.timeout(120)
def test_a_text_four_times_as_long_takes_no_sixteen_times(piece: str) -> None:
    """No pattern goes back over what it has seen: that would take the square of the length, or worse."""
    short = max(seconds(piece, 8192), 0.002)
    assert seconds(piece, 4 * 8192) < 9 * short


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.timeout(120)
def test_a_long_status_message_does_not_hang_the_agent(piece: str) -> None:
    """A hundred kilobytes of anything are redacted in a moment: a pattern that backtracks would take hours over it."""
    message = piece * (100_000 // len(piece))
    assert len(redact_status_message(message)) <= 4 * len(message)


@pytest.mark.parametrize("opening", ["password=", "password='", 'password="', "password: „"])
def test_one_value_has_an_end(opening: str) -> None:
    """A value that does not end is replaced as far as 4096 bytes, so what follows it costs nothing more."""
    (span,) = secret_spans(orjson.dumps(opening + "a1" * 5000))
    assert span.end - span.start == LONGEST == 4096
