"""Finds passwords on command lines: ``sshpass -p``, ``curl -u user:password``, ``redis-cli -a``, ``| sudo -S``."""

import re
from collections.abc import Iterator
from typing import Final

from . import placeholders
from .quoted import value_at
from .spans import Span

_BACK: Final = 160
"""How far a command may stand from its option, in bytes."""
_OPTIONS: Final = {
    b"p": re.compile(
        rb"\b(?:sshpass|(?:docker|podman|nerdctl|buildah|skopeo|oras|helm registry|oc|az|az acr|cf|ibmcloud) login"
        rb"|mongo|mongosh|mongodump|mongorestore|mongoexport|mongoimport|rabbitmqadmin|plink|pscp|cqlsh|clickhouse-client"
        rb"|mosquitto_pub|mosquitto_sub|ipmitool|expect|snowsql|useradd|usermod)\b"
    ),
    b"P": re.compile(rb"\b(?:sqlcmd|bcp|isql|tsql|zip|7z|unzip|mosquitto_pub|mosquitto_sub|ipmitool)\b"),
    b"a": re.compile(rb"\b(?:redis-cli|valkey-cli|keydb-cli)\b"),
    b"w": re.compile(rb"\bldap(?:search|modify|add|delete|passwd|whoami)\b"),
}
_LONG: Final = (b"-user ", b"-user=", b"-proxy-user ", b"-proxy-user=", b"-auth ", b"-auth=", b"-creds ", b"-userpass ")
_WITH_USER: Final = {
    b"u": re.compile(rb"\b(?:curl|wget|nvim-curl|hurl|ab|siege)\b"),
    b"U": re.compile(rb"\b(?:curl|smbclient|smbget|rpcclient|net)\b"),
    b"a": re.compile(rb"\b(?:https?|xh|xhs|ab|wrk)\b"),
}
_ECHO: Final = re.compile(
    rb"(?:echo|printf)[ ](?:-[ne]+[ ])?(?:\\*[\"'])?(?:[A-Za-z0-9_.-]{1,40}:)?"
    rb"(?P<value>[^\s\"'\\|:]{3,200})(?:\\*[\"']|\\+n)*[ ]?$"
)
_READS_PASSWORDS: Final = re.compile(
    rb"\|[ ]?(?:sudo )?(?:chpasswd|sudo -S|su\b|passwd|cryptsetup|kinit|smbclient|\S{1,30} (?:\S{1,20} )?login)"
)
_SECURE_STRING: Final = re.compile(
    rb"ConvertTo-SecureString[ ](?:-String[ ])?\\*[\"'](?P<value>[^\"'\\]{1,200})\\*[\"'][ ]?$", re.IGNORECASE
)
_HTPASSWD: Final = re.compile(
    rb"-[nBbcmsd]*b[nBcmsd]*[ ](?:[^\s\\-][^\s\\]*[ ])?[^\s\\]{1,60}[ ](?=[^\s\\]+(?:\s|\\|\"|'|<|`|$))"
)
_USER_SEPARATOR: Final = re.compile(rb"[:%]")
_TIGHT: Final = {b"p": re.compile(rb"\b(?:sshpass|mysql|mysqldump|mysqladmin|mariadb|mariadb-dump|7z|7za)\b")}


def command_spans(data: bytes, lowered: bytes) -> Iterator[Span]:
    """Yield the passwords that follow an option of a command; ``lowered`` is the data in lower case."""
    dash = data.find(b"-")
    while dash >= 0:
        if data[dash - 1] == 0x20 and (line := _line_before(data, dash - 1)):
            yield from _at_option(data, dash + 1, line)
            if lowered.startswith(b"-asplaintext", dash) and (found := _SECURE_STRING.search(line)):
                yield from _before(data, dash - 1, found)
        dash = data.find(b"-", dash + 1)
    pipe = data.find(b"|")
    while pipe >= 0:
        if _READS_PASSWORDS.match(data, pipe) and (found := _ECHO.search(_line_before(data, pipe))):
            yield from _before(data, pipe, found)
        pipe = data.find(b"|", pipe + 1)


def _before(data: bytes, end: int, found: re.Match[bytes]) -> Iterator[Span]:
    """Yield the value that was found in what stands before ``end``."""
    offset = end - len(found.string)
    yield from _span(data, offset + found.start("value"), offset + found.end("value"))


def _line_before(data: bytes, place: int) -> bytes:
    """Return what stands before a place in its line."""
    back = data[max(0, place - _BACK) : place]
    newline = max(back.rfind(b"\\n"), back.rfind(b"\\r"))
    return back[newline + 2 :] if newline >= 0 else back


def _at_option(data: bytes, place: int, line: bytes) -> Iterator[Span]:
    option = data[place : place + 1]
    start = place + 1 + (data[place + 1 : place + 2] in {b" ", b"="})
    if (command := _WITH_USER.get(option)) is not None and command.search(line):
        yield from _behind_user(data, start)
    elif option == b"-":
        for name in _LONG:
            if data.startswith(name, place):
                yield from _behind_user(data, place + len(name))
    elif (command := _OPTIONS.get(option) if start > place + 1 else _TIGHT.get(option)) and command.search(line):
        yield from _value(data, start)
    elif b"htpasswd" in line and (found := _HTPASSWD.match(data, place - 1)):
        yield from _value(data, found.end())


def _value(data: bytes, start: int) -> Iterator[Span]:
    value = value_at(data, start)
    if value is not None and data[value.start] != 0x2D:
        yield from _span(data, value.start, value.end)


def _behind_user(data: bytes, start: int) -> Iterator[Span]:
    value = value_at(data, start)
    if value is None:
        return
    separator = _USER_SEPARATOR.search(data, value.start, value.end)
    if separator is not None and not data.startswith(b"//", separator.end()):
        yield from _span(data, separator.end(), value.end)


def _span(data: bytes, start: int, end: int) -> Iterator[Span]:
    text = data[start:end]
    if text and not text.isdigit() and not placeholders.is_placeholder(text):
        yield Span(start, end)
