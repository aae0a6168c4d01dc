"""Finds secrets by the name before them: ``password=``, ``"api_key": ``, ``--token``, ``mot de passe est``."""

import re
from collections.abc import Iterator
from typing import Final

from .anchors import ANCHORS
from .assigned import Name, spans_after
from .placeholders import has_digit, is_measure
from .spans import Span

_WITHIN: Final = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789 _.-")
"""What stands directly before a name that has no meaning alone."""
_KEY_OF: Final = tuple(
    b"""
    api apis secret private access signing signature encryption encrypt decryption crypto account auth
    authentication authorization master admin shared storage service license licence webhook hmac aes session app
    application client consumer subscription deploy deployment ssh gpg pgp wallet rsa ecdsa jwt cookie csrf token
    function functions recovery backup security server ingest ingestion live sandbox prod production vault unseal
    wireguard preshared pre-shared openai anthropic gemini mistral cohere groq azure aws gcp github gitlab stripe
    twilio sendgrid mailgun datadog dd sentry algolia pinecone openrouter perplexity deepseek huggingface hf
    replicate tavily serpapi serper langsmith langfuse weaviate qdrant elastic supabase firebase maps yandex
    """.split()
)
_NOT_TOKENS: Final = (
    *(b"page", b"next", b"continuation", b"sync", b"cursor", b"eos", b"bos", b"pad", b"unk", b"mask", b"sep", b"cls"),
    *(b"stop", b"start", b"end", b"special", b"max", b"min", b"total", b"prompt", b"completion", b"input", b"output"),
    *(b"cached", b"num", b"first", b"last", b"public", b"cancellation", b"per", b"resume", b"reasoning"),
)
_NOT_PASS: Final = (b"by", b"com", b"en", b"over", b"under", b"sur", b"tres", b"im")
_SSEL: Final = re.compile(rb"(?:api|zugangs|zugriffs|geheim|privater|geheimer)[ -]?schl(?:\xc3\xbc|\\+u00fc|ue)$")
_ABOUT_A_SECRET: Final = frozenset(
    b"""
    type url urls uri path file files filename dir name names ids count counts limit length len size field fields
    policy hint prompt label reset expiry expires expiration expire ttl age at in date time min max required
    strength env var variable ref reference arn endpoint header headers param parameter location manager provider
    index usage version algorithm alg format pattern regex rule rules validator form input page error message status
    state level class style scheme mode option options enabled disabled changed updated created valid less limit
    budget cost rate bucket price description title placeholder list map dict model schema config cache vault hash
    digest fingerprint lifetime window word generator function method kind source store encoding required complexity
    rotation request response data count management agent authentication based
    """.split()
)


_USED_AS: Final = re.compile(rb"""[ ](?:as|als|comme|como)[ ](?:(?:the|a|my|your|our|das|le|la|el)[ ])?$""")
_BEFORE_USED: Final = frozenset(
    (b" as ", b"als ", b"mme ", b"omo ", b"the ", b"our ", b" my ", b"s a ", b"das ", b" le ", b" la ", b" el ")
)
"""What stands directly before a name in such a sentence."""
_WORD_BEFORE: Final = re.compile(
    rb"""(?:^|[\s>(]|\\[nrt])(?P<quote>\\*["'`]|)(?P<value>[^\s"'`\\<>(){}]{6,200})(?P=quote)$"""
)


def name_spans(data: bytes, lowered: bytes) -> Iterator[Span]:
    """Yield the values of secret names; ``lowered`` is the data in lower case."""
    find = lowered.find
    for letters, pattern, chosen, within in ANCHORS:
        size = len(letters)
        place = find(letters)
        while place >= 0:
            after = place + size
            found = None if within and lowered[place - 1] not in _WITHIN else pattern.match(data, place)
            if found is not None:
                for span in _found_at(lowered, found, chosen=chosen):
                    yield span
                    after = max(after, span.end)
            elif lowered[place - 4 : place] in _BEFORE_USED:
                yield from _used(data, lowered, place)
            place = find(letters, after)


def _found_at(lowered: bytes, found: re.Match[bytes], *, chosen: bool) -> Iterator[Span]:
    name = lowered[found.start("name") : found.end("name")]
    words = re.findall(rb"[a-z]+|[0-9]+", re.sub(rb"(?<=[a-z0-9])(?=[A-Z])", b"_", found["suffix"]).lower())
    if words and words[-1] in _ABOUT_A_SECRET:
        return
    if found["suffix"].startswith(b".") and not chosen:
        return  # an attribute of a token, in code
    if words and words[-1] == b"id" and not lowered.endswith(b"private_", 0, found.start()):
        return
    head = _head(lowered, found.start())
    if _is_secret_name(name, head):
        yield from spans_after(Name(found, head, chosen))


def _used(data: bytes, lowered: bytes, place: int) -> Iterator[Span]:
    """Yield VALUE, if ``use VALUE as the password`` stands before a name."""
    before = _USED_AS.search(lowered[max(0, place - 24) : place])
    if before is None:
        return
    end = max(0, place - 24) + before.start()
    begin = max(0, end - 200)
    found = _WORD_BEFORE.search(data[begin:end])
    if found is not None and has_digit(found["value"]) and not is_measure(found["value"]):
        yield Span(begin + found.start("value"), begin + found.end("value"))


def _head(lowered: bytes, place: int) -> bytes:
    """Return the part of a name that stands before its anchor: ``client_`` of ``client_secret``."""
    found = re.search(
        rb"(?:\\+[nrtbf]|\\+u[0-9a-f]{4}|%[0-9a-f]{2})?([a-z0-9\x80-\xff][a-z0-9 _.:\x80-\xff-]*)?$",
        lowered[max(0, place - 28) : place],
    )
    return (found[1] if found else None) or b""


def _is_secret_name(name: bytes, head: bytes) -> bool:
    word = head.rstrip(b" _.-")
    if name.startswith(b"key"):
        return word.endswith(_KEY_OF)
    if name.startswith(b"token"):
        return not word.endswith(_NOT_TOKENS)
    if name in {b"pass", b"passe"}:
        if name == b"passe":
            return word.endswith((b"mot de", b"motde", b"mot_de", b"mot-de", b"mots de"))
        return not word.endswith(_NOT_PASS)
    if name == b"pwd" and head.endswith(b"s"):  # spwd: a module of Python, and a struct in C
        return head[-2:-1].isalnum()
    if name.startswith(b"ssel"):
        return _SSEL.search(head) is not None
    return True
