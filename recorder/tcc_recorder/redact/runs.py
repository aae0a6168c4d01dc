"""Finds tokens: wherever sixteen or more characters of tokens follow each other, one look-up says which shapes fit."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Final

from .behind import told_by_what_is_before
from .spans import Span
from .tokens import BASE64, DIGIT, MIXED, SHAPES, Shape

_RUN: Final = b"a" * 16
_LONG: Final = 36
"""A shape that is told by its middle or tail is looked for in runs of at least this length."""
_CLASSES: Final = bytes(ord("a" if bytes((byte,)).isalnum() or byte in b"_-." else " ") for byte in range(256))

_GLUE: Final = re.compile(
    rb"""
    (?<=\\)(?:u[0-9a-fA-F]{4}|[nrtbf])      # the letters of an escape sequence
  | (?<=%)[0-9A-Fa-f]{2}                    # ... of a percent escape
  | (?<=[\[;])[0-9]{1,3}m                   # ... of a terminal's colour
  | (?:KEY|BLOCK)-----                      # the end of a key block
  | [._+-]++                                # an emphasis, or the sign of a line in a diff
    """,
    re.VERBOSE,
)
"""What may stand before a token without being a part of it."""
_TELLING: Final = frozenset(b"\\%[;~+/")
"""Bytes before a run that mean that a token may begin elsewhere than the run, or is told by them."""
_SIGNS: Final = frozenset(b"._+-")
_FIRST_TWO: Final = frozenset(
    prefix[:2].encode() for shape in SHAPES for prefix in (*shape.prefixes.split(), "eyJ", "KEY", "BLOCK")
)
_JWT: Final = rb"eyJ[A-Za-z0-9_-]{10,}+\.[A-Za-z0-9_-]++(?:\.[A-Za-z0-9_-]*+){1,3}"
_INSIDE: Final = re.compile(
    rb"""
    [A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}                                    # Azure DevOps
  | [A-Za-z0-9_-]{30,90}?(?:AzFu|AzSe|AzCa|ACDb|AIoT)[A-Za-z0-9_-]{6}={0,2} # Azure Functions, Search, Cosmos DB
  | pat[A-Za-z0-9]{14}\.[0-9a-f]{64}                                      # Airtable
  | [A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk                                   # MaxMind
  | [A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_-]{60,70}+                      # HCP Terraform
  | [0-9a-f]{32}-us[0-9]{1,2}                                            # Mailchimp
  | [MNO][A-Za-z0-9_-]{22,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,40}+   # Discord
  | [A-Za-z0-9_-]{1,60}?T3BlbkFJ[A-Za-z0-9_-]{20,80}+                    # OpenAI
    """,
    re.VERBOSE,
)
_ACTIVE_DIRECTORY: Final = re.compile(rb"[A-Za-z0-9_-]{3}[0-9]Q~[A-Za-z0-9_.~-]{31,34}")
_AZURE_TAIL: Final = re.compile(rb"\+A(?:St|Sb|Eh|Ba|MC|Rm|CR|Cs)[A-Za-z0-9+/]{6}={0,2}")
_BASE64_HEAD: Final = re.compile(rb"[A-Za-z0-9_-][A-Za-z0-9_+/-]*\Z")
_BASE64_TAIL: Final = re.compile(rb"[A-Za-z0-9+/]{30,90}\Z")


def token_spans(data: bytes) -> Iterator[Span]:
    """Yield the tokens in serialised JSON."""
    runs = data.translate(_CLASSES) + b" "
    first = runs.find(_RUN)
    while first >= 0:
        end = runs.find(b" ", first)
        may_be_token = (
            data[first : first + 2] in _FIRST_TWO
            or (data[first - 1] in _TELLING and (data[first - 1] != 0x5C or data[first] in b"nrtbfu"))
            or data[first] in _SIGNS
            or end - first >= _LONG
        )
        span = (_token(data, first, end) if may_be_token else None) or told_by_what_is_before(data, first)
        if span is not None:
            yield span
            end = span.end  # what follows a token at once is looked at, too
        first = runs.find(_RUN, end)
    plus = data.find(b"+A")
    while plus >= 0:
        if (tail := _AZURE_TAIL.match(data, plus)) and (head := _BASE64_TAIL.search(data[max(0, plus - 90) : plus])):
            yield Span(plus - len(head[0]), tail.end())
        plus = data.find(b"+A", plus + 2)


def _token(data: bytes, first: int, end: int) -> Span | None:
    if data[first - 1 : first] == b"~" and (found := _ACTIVE_DIRECTORY.match(data, max(0, first - 6))):
        return Span(*found.span())
    if data[first - 1 : first] in {b"+", b"/"} and (head := _BASE64_HEAD.search(data[max(0, first - 60) : first])):
        span = _token_at(data, first - len(head[0]), first)  # a token of base64 may begin before the run
        if span is not None:
            return span
    return _token_at(data, first, end)


def _token_at(data: bytes, first: int, end: int) -> Span | None:
    while True:
        pattern = _by_first_two(data[first : first + 2])
        if pattern is not None and (found := pattern.match(data, first)):
            return Span(first, first + len(found[0].rstrip(b".-")))
        may_be_glue = data[first - 1] in _TELLING or data[first] in _SIGNS or data[first] in b"KB"
        glue = _GLUE.match(data, first, end) if may_be_glue else None
        if glue is None:
            break
        first = glue.end()
    if end - first >= _LONG and (found := _INSIDE.match(data, first)):
        return Span(*found.span())
    return None


@cache
def _by_first_two(first_two: bytes) -> re.Pattern[bytes] | None:
    """Return the pattern of all shapes that begin with these two bytes, those with the longest prefix first."""
    wanted = first_two.decode("latin-1")
    shapes = [(prefix, shape) for shape in SHAPES for prefix in shape.prefixes.split() if prefix.startswith(wanted)]
    shapes.sort(key=lambda found: len(found[0]), reverse=True)
    patterns = [_pattern(*found) for found in shapes] + [_JWT] * (first_two == b"ey")
    return re.compile(b"|".join(patterns)) if patterns and len(first_two) > 1 else None


def _pattern(prefix: str, shape: Shape) -> bytes:
    _, alphabet, least, most, _, _, needs = shape
    kinds = {DIGIT: ("0-9",), MIXED: ("0-9", "a-z", "A-Z")}.get(needs, ())
    before, after = ("(?<![A-Za-z0-9]{2}[+/])", "(?![+/=])") if needs == MIXED and alphabet != BASE64 else ("", "")
    ahead = "".join(f"(?=[{alphabet}]{{0,{most}}}?[{kind}])" for kind in kinds)
    end = "" if least == most > _LONG else f"(?![{'A-Za-z0-9' if least == most else alphabet}])"
    return f"{before}{re.escape(prefix)}{ahead}[{alphabet}]{{{least},{most}}}+{end}{after}".encode()
