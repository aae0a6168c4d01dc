"""Tells what is no secret though it stands where one is expected: placeholders, words of prose, code, paths."""

import re
from typing import Final

_WORDS: Final = frozenset(
    b"""
    none null nil true false yes no on off str string bytes text int integer number bool boolean float object any
    array list dict undefined required optional empty missing default value values test example sample placeholder
    redacted hidden masked secret secrets password passwort passwd passphrase pass pwd token tokens key keys user
    username admin-password userpass apikey api_key credentials credential auth basic bearer oauth oauth2 include
    omit same-origin strict invalid incorrect wrong expired valid correct unknown unset set not must should will can
    cannot is are was has have the this that these a an and or of for to in with from by as at your my our his her
    its here there see below above erforderlich falsch ungueltig vergessen siehe hier obligatoire requis oublie voir
    obligatoria obligatorio incorrecta requerida aqui changeme change-me change_me todo tbd fixme foo bar baz foobar
    xxx option options flag argument parameter switch file prompt enter type header cookie session json yaml xml
    url uri path name id env getpass input environ process settings config self args kwargs request response data
    params props state result md5 sha1 sha256 sha512 bcrypt argon2 argon2id pbkdf2 scrypt utf8 utf-8 base64 ascii
    hmac jwt rsa ed25519 aes256 buffer bigint varchar char
    """.split()
)
_PLACEHOLDER: Final = re.compile(
    rb"""
    \$[A-Za-z_({\[] | \$\$\{ | %[A-Za-z_({%] | \{\{ | \{[A-Za-z_%] | \#\{ | @\{ | <[^<>]*>? | \[[^\]]*\]?
  | \(\? | [0-9]+/[a-z]
  | \#[0-9A-Fa-f]{3,8}\Z | \\+x[0-9a-fA-F]{2} | [^A-Za-z0-9]++\Z
  | [*.xX\#?_\x20-]{3,}\Z | \xe2\x80\xa6 | \xe2\x80\xa2 | :[a-z_]+\Z
  | (?i:your|my|the|some|insert|enter|replace|change|put|add|paste|dein|ihr|votre|tu|example|dummy|fake|sample)
    (?:[_\x20-]|\Z)
  | (?i:y?our[A-Za-z]{0,12}(?:key|token|secret|password)) | (?i:redacted|removed|masked|hidden|omitted)\b
  | (?i:null|none|undefined|true|false)\Z
    """,
    re.VERBOSE,
)
_CONSTANT: Final = re.compile(rb"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\Z")
"""The name of an environment variable, or of a constant."""
_ATTRIBUTE: Final = re.compile(rb"[A-Za-z_$][A-Za-z0-9_]*(?:(?:\.|::|->|\?\.)[A-Za-z_][A-Za-z0-9_]*)+\Z")
_SNAKE: Final = re.compile(rb"[A-Za-z]+(?:[_-][A-Za-z]+)+\Z")
_CAMEL: Final = re.compile(rb"[A-Za-z][a-z]+(?:[A-Z][a-z]+)+\Z")
_CLASS: Final = re.compile(
    rb"[A-Z][A-Za-z0-9]*(?:Str|Bytes|Keys?|Types?|Mgr|Manager|Provider|Config|Buffer|Credentials?|Secret|Password|Token)\Z"
)
_NUMBERED: Final = re.compile(rb"[A-Za-z0-9]{1,12}(?:_[A-Za-z0-9]{1,12}){1,5}\Z")
_ABOUT: Final = re.compile(rb"(?i:pass|pwd|token|secret|key|cred|auth|name|user|field|value|input|config)")
_PATH: Final = re.compile(
    rb"(?:\.{0,2}|~|[A-Za-z]:)/[A-Za-z._~-]|(?:https?|file|s3|gs|vault|ssm|op|secret|arn|env)://?|arn:"
)
_MEASURE: Final = re.compile(rb"[0-9]+(?:[.,:/-][0-9]+)*[A-Za-z%]{0,3}\Z")
_PROSE: Final = re.compile(
    rb"(?i:\b(?:the|your|is|are|to|of|for|must|user|password|token|key|and|not|with|from|please|der|die|das|le|la|el|un|une|une?a)\b)"
)

_DIGIT: Final = re.compile(rb"[0-9]")
_LOWER: Final = re.compile(rb"[a-z]")
_UPPER: Final = re.compile(rb"[A-Z]")


def is_placeholder(value: bytes) -> bool:
    """Return whether a value only stands for one, or is code that gets one: ``${TOKEN}``, ``<token>``, ``API_KEY``."""
    return (
        value.rstrip(b":?").lower() in _WORDS
        or _PLACEHOLDER.match(value) is not None
        or _CONSTANT.match(value) is not None
        or _PATH.match(value) is not None
        or _CLASS.match(value) is not None
        or (_ABOUT.search(value) is not None and any(form.match(value) for form in (_SNAKE, _CAMEL, _NUMBERED)))
        or (_ATTRIBUTE.match(value) is not None and (not has_digit(value) or _ABOUT.search(value) is not None))
    )


def is_prose(value: bytes) -> bool:
    """Return whether a quoted value is a sentence about a secret."""
    return b" " in value and len(_PROSE.findall(value)) > has_digit(value)


def is_measure(value: bytes) -> bool:
    """Return whether a value is a number, a date or a size."""
    return _MEASURE.match(value) is not None


def has_digit(value: bytes) -> bool:
    """Return whether one of the characters is a digit."""
    return _DIGIT.search(value) is not None


def is_mixed(value: bytes) -> bool:
    """Return whether a value has upper and lower letters and digits, as tokens have and words have not."""
    return all(kind.search(value) for kind in (_DIGIT, _LOWER, _UPPER))


def is_word(value: bytes) -> bool:
    """Return whether a value has letters alone, as words and names have."""
    return value.isalpha() or (value.replace(b"-", b"").replace(b"_", b"").isalpha())
