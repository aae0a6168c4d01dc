"""Finds secrets by the name before them: ``password=``, ``"api_key": ``, ``--token``, ``Passwort:``, ``mot de passe est``.

Each name has an anchor, a few letters that a fast search finds; its pattern is tried only there.  It matches the rest
of the name, a suffix such as ``_prod``, a closing quote of any kind and a separator, and leaves prose at once.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from .assigned import Name, spans_after
from .placeholders import has_digit, is_measure
from .spans import Span

_SPACE: Final = rb"(?:[ \t]|\\+[nrt]|\\+u00[2aA]0|\xc2\xa0|\xe2\x80\xaf|&nbsp;|%20)"
QUOTE: Final = rb"""(?:\\*+["']|\\+u002[27]|&quot;|&apos;|&\#(?:34|39|x22|x27);|%2[27]|\*\*|`)"""
_CLOSING: Final = rb"(?:\*\*|__|`|</[a-z]{1,8}>|&lt;/[a-z]{1,8}&gt;|\\+u003c/[a-z]{1,8}\\+u003e)"
_TAIL: Final = rb"""
(?P<suffix>(?:[0-9]{1,4}|[_.-][A-Za-z0-9]{1,16}|(?<=[a-z])[A-Z][a-z0-9]{1,15}){0,4}+)
(?! [A-Za-z0-9_] | (?<!=)[.,;?!]?[ ](?!(?i:is|was|ist|war|lautet|est|es|are|to|for|of|von|zu|zum|zur|pour|de|du|del|para)[ :])
    [A-Za-z]++(?:[.,;?!]|[ ][A-Za-z0-9]) )           # a part of a word, or prose
(?:[ ]?\([^()"\\]{1,24}\))?
(?P<quote>QUOTE)?+ [\])]{0,2}
(?:
    (?P<about> [ ](?i:for|of|von|f\xc3\xbcr|zu|zum|zur|pour|de|du|del|para)[ ] [^\s:"\\=|]{1,24}(?:[ ][^\s:"\\=|]{1,24}){0,4})?
    (?:
        [ ]{0,12}+ (?P<cell>(?<=[ ])\|(?=[ ])|\\+t|</(?:t[hd]|key|dt)>SPACE*<(?:td|string|dd)[^<>]{0,40}>) [ ]{0,24}+
      | SPACE{0,12}+ : SPACE{0,4} &?[A-Za-z_][A-Za-z0-9_<>\[\].|' -]{0,30}? SPACE* (?P<typed>=(?![=>~])) SPACE{0,12}+
      | (?P<tight>=(?![=>~]|SPACE)|%3[Dd]|\\+u003[dD](?!SPACE)|&\#(?:61|x3[dD]);)
      | SPACE{0,12}+ (?: (?P<arrow>:=|=>|->|\xe2\x86\x92|=&gt;|-&gt;|\\+u003d\\+u003e|[=-]\\+u003e)
                       | (?P<equal>=(?![=>~])) | (?P<colon>:|%3[Aa]|\xef\xbc\x9a) ) CLOSING? SPACE{0,24}+
      | CLOSING? [ ](?P<is>(?i:is|was|ist|war|lautet|est|es|are|to|is\ now|is\ set\ to|set\ to)):?[ ]{1,2}
    )
  | (?P<attribute> (?:(?<=["';])[^<>{}\[\]]{0,100}?|,?SPACE{1,24}+) \b(?i:value|content)(?:\\*+["'])?[ ]?[=:][ ]? (?=[^ =]) )
  | (?P<tag>(?:[ ][a-z:]{1,20}=\\*"[^"<>\\]{0,40}\\*"){0,3}+(?:>|&gt;|\\+u003[eE])) (?![ ]{2}|SPACE*<)
  | (?P<call> \([ ]?(?=\\*["']) )
  | (?P<comma> ,SPACE{0,4} (?=\\*["']) )
  | (?P<blank> [ ]{1,4} (?:[057][ ])? (?=[^\s=:|>-]) )
)
""".replace(b"QUOTE", QUOTE).replace(b"CLOSING", _CLOSING).replace(b"SPACE", _SPACE)


class _Anchor(NamedTuple):
    """Letters, in lower case, where a name may stand; what then follows; whether people choose such secrets."""

    letters: bytes
    pattern: re.Pattern[bytes]
    chosen: bool
    within: bool


def _anchor(letters: bytes, rest: bytes, *, chosen: bool = False, within: bool = False) -> _Anchor:
    return _Anchor(letters, re.compile(rb"(?P<name>(?i:%b))" % rest + _TAIL, re.VERBOSE), chosen, within)


_ANCHORS: Final = (
    _anchor(b"pass", rb"pass(?:\.?words?|w(?:o|\xc3\xb6|oe)rt(?:er)?|wds?|phrases?|codes?|e|)", chosen=True),
    _anchor(b"pw", b"pw[ds]?", chosen=True),
    _anchor(b"kennw", b"kennwort", chosen=True),
    _anchor(b"contrase", rb"contrase(?:\xc3\xb1|\xc3\x91|\\+u00[fF]1|n|ny|nn)as?", chosen=True),
    _anchor(b"mdp", b"mdp", chosen=True),
    _anchor(b"psk", b"psk", chosen=True),
    _anchor(b"token", b"tokens?"),
    _anchor(b"secret", b"secret[oa]?s?"),
    _anchor(b"key", b"keys?", within=True),
    _anchor(b"credential", b"credentials?"),
    _anchor(b"clave", rb"claves?(?:[ _](?:de[ _])?(?:api|secreta|privada|acceso|cifrado|usuario))?"),
    _anchor(b"ssel", rb"ssels?"),
    _anchor(
        b"cl\xc3\xa9",
        rb"cl\xc3\xa9s?[ _](?:d(?:'|\xe2\x80\x99))?(?:api|secr\xc3\xa8te|priv\xc3\xa9e|acc\xc3\xa8s)(?:[ ]secr\xc3\xa8te)?",
    ),
)

_WITHIN: Final = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789 _.-")
"""What stands directly before a name that has no meaning alone."""
_KEY_OF: Final = tuple(
    b"""api apis secret private access signing signature encryption encrypt decryption crypto account auth authentication
    authorization master admin shared storage service license licence webhook hmac aes session app application client
    consumer subscription deploy deployment ssh gpg pgp wallet rsa ecdsa jwt cookie csrf token function functions recovery backup
    security server ingest ingestion live sandbox prod production vault unseal wireguard preshared pre-shared
    openai anthropic gemini mistral cohere groq azure aws gcp github gitlab stripe twilio sendgrid mailgun datadog dd
    sentry algolia pinecone openrouter perplexity deepseek huggingface hf replicate tavily serpapi serper langsmith
    langfuse weaviate qdrant elastic supabase firebase maps yandex""".split()
)
_NOT_TOKENS: Final = (
    *(b"page", b"next", b"continuation", b"sync", b"cursor", b"eos", b"bos", b"pad", b"unk", b"mask", b"sep", b"cls"),
    *(b"stop", b"start", b"end", b"special", b"max", b"min", b"total", b"prompt", b"completion", b"input", b"output"),
    *(b"cached", b"num", b"first", b"last", b"public", b"cancellation", b"per", b"resume", b"reasoning"),
)
_NOT_PASS: Final = (b"by", b"com", b"en", b"over", b"under", b"sur", b"tres", b"im")
_SSEL: Final = re.compile(rb"(?:api|zugangs|zugriffs|geheim|privater|geheimer)[ -]?schl(?:\xc3\xbc|\\+u00fc|ue)$")
_ABOUT_A_SECRET: Final = frozenset(
    b"""type url urls uri path file files filename dir name names id ids count counts limit length len size field fields
    policy hint prompt label reset expiry expires expiration expire ttl age at in date time min max required strength env
    var variable ref reference arn endpoint header headers param parameter location manager provider index usage version
    algorithm alg format pattern regex rule rules validator form input page error message status state level class style
    scheme mode option options enabled disabled changed updated created valid less limit budget cost rate bucket price
    description title placeholder list map dict model schema config cache vault hash digest fingerprint lifetime window
    word generator function method kind source store encoding required complexity rotation request response data count
    management agent authentication based""".split()
)


_USED_AS: Final = re.compile(
    rb"""[ ](?:as|als|comme|como)[ ](?:(?:the|a|my|your|our|das|le|la|el)[ ])?(?:[a-z]{2,12}[ ])?$"""
)
"""``use VALUE as the password``."""
_WORD_BEFORE: Final = re.compile(rb"""(?:^|[\s>(]|\\[nrt])(?P<quote>\\*["'`]|)(?P<value>[^\s"'`\\<>(){}]{6,200})(?P=quote)$""")


def name_spans(data: bytes, lowered: bytes) -> Iterator[Span]:
    """Yield the values of secret names; ``lowered`` is the data in lower case."""
    for anchor in _ANCHORS:
        size = len(anchor.letters)
        place = lowered.find(anchor.letters)
        while place >= 0:
            after = place + size
            if anchor.within and lowered[place - 1] not in _WITHIN:
                place = lowered.find(anchor.letters, after)
                continue
            found = anchor.pattern.match(data, place)
            if found is None:
                if lowered[place - 1] == 0x20 and (used := _USED_AS.search(lowered[max(0, place - 24) : place])):
                    yield from _used(data, max(0, place - 24) + used.start())
            else:
                for span in _found_at(data, lowered, found, chosen=anchor.chosen):
                    yield span
                    after = max(after, span.end)
            place = lowered.find(anchor.letters, after)


def _found_at(data: bytes, lowered: bytes, found: re.Match[bytes], *, chosen: bool) -> Iterator[Span]:
    name = lowered[found.start("name") : found.end("name")]
    words = re.findall(rb"[a-z]+|[0-9]+", re.sub(rb"(?<=[a-z0-9])(?=[A-Z])", b"_", found["suffix"]).lower())
    if words and words[-1] in _ABOUT_A_SECRET and words[-1:] + [name] != [b"id", b"key"]:
        return
    if found["suffix"].startswith(b".") and not chosen:
        return  # an attribute of a token, in code
    if words and words[-1] == b"id" and not lowered.endswith(b"private_", 0, found.start()):
        return
    head = _head(lowered, found.start())
    if _is_secret_name(name, head):
        whole = Name(found, head + name, chosen=chosen or head.endswith((b"pass", b"pwd")))
        yield from spans_after(data, lowered, whole)


def _used(data: bytes, end: int) -> Iterator[Span]:
    """Yield the word that ends here, in quotes or not, if it can be a secret."""
    begin = max(0, end - 200)
    found = _WORD_BEFORE.search(data[begin:end])
    if found is not None and has_digit(found["value"]) and not is_measure(found["value"]):
        yield Span(begin + found.start("value"), begin + found.end("value"))


def _head(lowered: bytes, place: int) -> bytes:
    """Return the part of a name that stands before its anchor: ``client_`` of ``client_secret``."""
    found = re.search(rb"(?:\\+[nrtbf]|\\+u[0-9a-f]{4}|%[0-9a-f]{2})?([a-z0-9\x80-\xff][a-z0-9 _.:\x80-\xff-]*)?$", lowered[max(0, place - 28) : place])
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
    if name.startswith(b"ssel"):
        return _SSEL.search(head) is not None
    return True
