"""Texts in which redaction must find a secret, and texts that it must not change.

Tokens are put together in code, so that scanners of repositories do not report them as real.
"""

import base64
import gzip
import json
import random
import re
import string
import sysconfig
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from tcc_recorder.values import REDACTED

LONG: Final = "Zq9" + "hunter2" * 3

FIND: Final = [
    '{"password": "hunter2"}',
    '{"a": "{\\"password\\": \\"hunter2\\"}"}',
    '{\\\\\\"token\\\\\\": \\\\\\"hunter2\\\\\\"}',
    "password=hunter2",
    "PASSWORD=correcthorse\n",
    "api_key: abc123def",
    "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "DefaultEndpointsProtocol=https;AccountName=x;AccountKey=Zm9vYmFyZm9vYmFyZm9vYmFy==;",
    "https://x.blob.core.windows.net/a?sv=1&sig=abcDEF%2F0123456789abcdef%3D",
    f"key sk-proj-{LONG}",
    f"sk-ant-api03-{LONG}",
    f"\\nghp_{LONG}",
    ("AKIAIOSFODNN7EXAMPLE"),
    ("AIzaa1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1b"),
    f"ya29.{LONG}",
    f"SG.{LONG}.{LONG}",
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-_d"),
    ("-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA1234\nabc\n-----END RSA PRIVATE KEY-----"),
    ('{"private_key": "-----BEGIN PRIVATE KEY-----\\nMIIEowIBAAKCAQEA1234\\nabc\\n-----END PRIVATE KEY-----\\n"}'),
    "postgres://u:pw@h/db",
    "redis://:pw@h",
    f"Authorization: Bearer {LONG}",
    "authorization: Basic dXNlcjpwYXNzd29yZA==",
    f"Bearer {LONG}",
    "Cookie: session=abc; x=y",
    "Set-Cookie: sid=1",
    f"sk_live_{LONG}",
    f"whsec_{LONG}",
    ("npm_a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1"),
    ("hf_a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1"),
    ("dapia1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1"),
    ("dop_v1_a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1"),
    ("shpat_a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1"),
    f"glpat-{LONG}",
    f"xoxb-{LONG}",
    f"GOCSPX-{LONG}",
    ("pypi-a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1"),
    "SKa1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1",
    "accessToken='abc'",
    "password: hunter2",
    f"token: {LONG}",
    f"service_{LONG}",
    "mysql --password hunter2 -h db",
    "<password>hunter2</password>",
]
"""Texts from which redaction removes a secret."""

LEAVE: Final = [
    "password = getpass()",
    "see the --password option, or --token-file",
    "<token></token>",
    "token_count: 123",
    "max_tokens=500",
    "token: the unit of text",
    "password: str",
    "secret=None",
    "api_key=os.environ['X']",
    "client(api_key=api_key)",
    "token = tokenizer2.encode(x)",
    "sk-learn",
    "sk-learn-contrib-is-a-long-name",
    "550e8400-e29b-41d4-a716-446655440000",
    "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "https://github.com/a/b.git",
    "git@github.com:a/b.git",
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk",
    "Bearer authentication-is-a-scheme",
    "the cookie: a small file",
    "nextPageToken=abc123def",
    '"nextPageToken": "CAUQAA"',
    '"password": {"type": "string"}',
    "http://localhost:8080/a@b",
    "-----BEGIN PRIVATE KEY----- is how it starts",
    "password=${DB_PASSWORD}",
    "https://u:<password>@h",
    "| token | secret |\n|---|---|",
    "reset your password: click here",
    "key: value1",
    "primary_key=5a6b7c",
    "tokens: 12",
    "password=[REDACTED]",
    '"token": null, "x": 1',
    "tool_call_id: call_abc123",
    "basic understanding-of-the-matter",
    "token: 12345",
]
"""Texts that redaction does not change."""

DATA: Final = Path(__file__).parent.parent / "recorder" / "redact" / "data"
_QUOTED_MARK: Final = re.compile(r'\\*"\[REDACTED\]\\*"')


class Instance(NamedTuple):
    """A text with made-up secrets in it.  ``family`` and ``name`` tell what they are and how they are written."""

    family: str
    name: str
    text: str
    secrets: list[str]


def instances() -> list[Instance]:
    """Return texts of every family; what is in family ``hard`` is known not to be found."""
    with gzip.open(DATA / "secrets.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [Instance(*row["format"].partition("/")[::2], row["text"], row["secrets"]) for row in rows]


def leaks(secret: str, text: str, recorded: str) -> bool:
    """Return whether a piece of the secret, longer than a third of it, is left in the recorded text."""
    size = min(len(secret), max(4, len(secret) // 3 + 1))
    rest = text.replace(secret, REDACTED)
    pieces = [secret[start : start + size] for start in range(len(secret) - size + 1)]
    return any(piece in recorded and piece not in rest for piece in pieces)


def is_altered(text: str, recorded: str) -> bool:
    """Return whether the recorded text is something else than the text with parts of it replaced."""
    parts = _QUOTED_MARK.sub(REDACTED, recorded).split(REDACTED)  # a number becomes a mark in quotes
    if len(parts) == 1:
        return text != recorded
    place = 0
    for part in parts:
        place = text.find(part, place) + len(part)
        if place < len(part):
            return True
    return not text.startswith(parts[0]) or not text.endswith(parts[-1])


def clean_texts(megabytes: float) -> Iterator[str]:
    """Yield texts without secrets: this project, identifiers of many kinds, images, and the standard library."""
    root = DATA.parent.parent.parent.parent
    for pattern in ("*.md", "docs/*.md", "recorder/**/*.py", "uploader/**/*.py"):
        for path in root.glob(pattern):
            yield path.read_text(encoding="utf-8")
    yield from _identifiers(random.Random(4711))  # noqa: S311 -- made-up texts
    size = 0.0
    for path in sorted(Path(sysconfig.get_paths()["stdlib"]).rglob("*.py")):
        if size < megabytes and not {"site-packages", "test", "tests", "idlelib", "encodings"} & set(path.parts):
            text = path.read_text(encoding="utf-8", errors="replace")
            size += len(text) / 1e6
            yield text


def _identifiers(chance: random.Random) -> Iterator[str]:
    """Yield what looks like a token and is none, as a log and as JSON."""

    def some(size: int, alphabet: str = string.ascii_letters + string.digits) -> str:
        return "".join(chance.choices(alphabet, k=size))

    digits, hexadecimal = string.digits, "0123456789abcdef"
    made: list[Callable[[], str]] = [
        lambda: str(uuid.UUID(int=chance.getrandbits(128), version=4)),
        lambda: some(40, hexadecimal),
        lambda: f"ghcr.io/acme/app@sha256:{some(64, hexadecimal)}",
        lambda: f"sha512-{base64.b64encode(chance.randbytes(64)).decode()}",
        lambda: some(26, "0123456789ABCDEFGHJKMNPQRSTVWXYZ"),
        lambda: some(27),
        lambda: some(21, string.ascii_letters + digits + "_-"),
        lambda: f"traceparent: 00-{some(32, hexadecimal)}-{some(16, hexadecimal)}-01",
        lambda: f"arn:aws:iam::{some(12, digits)}:role/app-{some(6)}",
        lambda: f"0x{some(40, hexadecimal)}",
        lambda: f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{some(43)} bob@host",
        lambda: f'"next_cursor": "{base64.b64encode(some(30).encode()).decode()}"',
        lambda: f"https://docs.google.com/document/d/1{some(43)}/edit",
        lambda: str(chance.getrandbits(200)),
    ]
    lists = [[make() for _ in range(200)] for make in made]
    prefixes = {"chatcmpl-": 29, "call_": 24, "msg_": 24, "toolu_01": 22, "run_": 24, "pi_": 24, "pk_live_": 24}
    lists += [[prefix + some(size) for _ in range(200)] for prefix, size in prefixes.items()]
    for values in lists:
        yield "\n".join(f"2026-11-25 10:00:00 INFO done {value} in {i} ms" for i, value in enumerate(values))
        yield json.dumps([{"id": value, "status": "ok"} for value in values])
    for _ in range(6):
        yield f'{{"url":"data:image/png;base64,{base64.b64encode(chance.randbytes(45_000)).decode()}"}}'
        yield base64.encodebytes(chance.randbytes(20_000)).decode()
    certificate = base64.encodebytes(chance.randbytes(900)).decode()
    yield f"-----BEGIN CERTIFICATE-----\n{certificate}-----END CERTIFICATE-----\n"
    yield json.dumps([chance.gauss(0, 1) for _ in range(1536)])
