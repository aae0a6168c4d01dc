"""Names of secrets, and what may stand between a name and its value.

Each name has an anchor, a few letters that a fast search finds; its pattern is tried only there.  It matches the rest
of the name, a suffix such as ``_prod``, a closing quote of any kind and a separator, and leaves prose at once.
"""

import re
from typing import Final, NamedTuple

_SPACE: Final = rb"(?:[ \t]|\\+[nrt]|\\+u00[2aA]0|\xc2\xa0|\xe2\x80\xaf|&nbsp;|%20)"
_QUOTE: Final = rb"""(?:\\*+["']|\\+u002[27]|&quot;|&apos;|&\#(?:34|39|x22|x27);|%2[27]|\*\*|`)"""
_OF: Final = rb"for|of|von|f\xc3\xbcr|zu|zum|zur|pour|de|du|del|para"
_IS: Final = rb"is|was|ist|war|lautet|est|es|are|to"
_CLOSING: Final = rb"(?:\*\*|__|`|</[a-z]{1,8}>|&lt;/[a-z]{1,8}&gt;|\\+u003c/[a-z]{1,8}\\+u003e)"
_TAIL: Final = (
    rb"""
(?P<suffix>(?:[0-9]{1,4}|[_.-][A-Za-z0-9]{1,16}|(?<=[a-z])[A-Z][a-z0-9]{1,15}){0,4}+)
(?! [A-Za-z0-9_] | (?<!=)[.,;?!]?[ ](?!(?i:IS|OF)[ :])
    [A-Za-z]++(?:[.,;?!]|[ ][A-Za-z0-9]) )           # a part of a word, or prose
(?:[ ]?\([^()"\\]{1,24}\))?
(?P<quote>QUOTE)?+ [\])]{0,2}
(?:
    (?P<about> [ ](?i:OF)[ ] [^\s:"\\=|]{1,24}(?:[ ][^\s:"\\=|]{1,24}){0,4})?
    (?:
        [ ]{0,12}+ (?P<cell>(?<=[ ])\|(?=[ ])|\\+t|</(?:t[hd]|key|dt)>SPACE*<(?:td|string|dd)[^<>]{0,40}>) [ ]{0,24}+
      | (?:SPACE{0,12}+:|[ ](?=(?i:string|str|text|varchar)[ ])) SPACE{0,4}
          &?[A-Za-z_][A-Za-z0-9_<>\[\].|' -]{0,30}? SPACE* (?P<typed>=(?![=>~])) SPACE{0,12}+
      | (?P<tight>=(?![=>~]|SPACE)|%3[Dd]|\\+u003[dD](?!SPACE)|&\#(?:61|x3[dD]);)
      | SPACE{0,12}+ (?: (?P<arrow>:=|=>|->|\xe2\x86\x92|=&gt;|-&gt;|\\+u003d\\+u003e|[=-]\\+u003e)
                       | (?P<equal>=(?![=>~])) | (?P<colon>:|%3[Aa]|\xef\xbc\x9a) ) CLOSING? SPACE{0,24}+
      | CLOSING? [ ](?P<is>(?i:IS|is[ ]now|(?:is[ ])?set[ ]to)):?[ ]{1,2}
    )
  | (?P<attribute> (?:(?<=["';])[^<>{}\[\]]{0,100}?|,?SPACE{1,24}+)
      \b(?i:value|content)(?:\\*+["'])?[ ]?[=:][ ]? (?=[^ =]) )
  | (?P<tag>(?:[ ][A-Za-z:]{1,20}=\\*"[^"<>\\]{0,40}\\*"){0,3}+(?:>|&gt;|\\+u003[eE])) (?![ ]{2}|SPACE*<)
  | (?P<call> \([ ]?(?=\\*["']) )
  | (?P<comma> ,SPACE{0,4} (?=\\*["']) )
  | (?<!["'`;*]) (?P<blank> [ ]{1,4} (?:[057][ ])? (?=[^\s=:|>-]) )
)
""".replace(b"QUOTE", _QUOTE)
    .replace(b"CLOSING", _CLOSING)
    .replace(b"SPACE", _SPACE)
    .replace(b"IS", _IS)
    .replace(b"OF", _OF)
)


class Anchor(NamedTuple):
    """Letters, in lower case, where a name may stand, and the pattern of the name, its separator and all between.

    ``chosen`` is whether people choose such secrets themselves, ``within`` whether only a part of a name is one.
    """

    letters: bytes
    pattern: re.Pattern[bytes]
    chosen: bool
    within: bool


def _anchor(letters: bytes, rest: bytes, *, chosen: bool = False, within: bool = False) -> Anchor:
    return Anchor(letters, re.compile(rb"(?P<name>(?i:%b))" % rest + _TAIL, re.VERBOSE), chosen, within)


ANCHORS: Final = (
    _anchor(b"pass", rb"pass(?:\.?words?|w(?:o|\xc3\xb6|oe)rt(?:er)?|wds?|phrases?|codes?|e|)", chosen=True),
    _anchor(b"pw", b"pw[ds]?", chosen=True),
    _anchor(b"kennwort", b"kennwort", chosen=True),
    _anchor(b"contrase", rb"contrase(?:\xc3\xb1|\xc3\x91|\\+u00[fF]1|n|ny|nn)as?", chosen=True),
    _anchor(b"psk", b"psk", chosen=True),
    _anchor(b"token", b"tokens?"),
    _anchor(b"secret", b"secret[oa]?s?"),
    _anchor(b"key", b"keys?", within=True),
    _anchor(b"credential", b"credentials?"),
    _anchor(b"clave", rb"claves?(?:[ _](?:de[ _])?(?:api|secreta|privada|acceso|cifrado|usuario))?"),
    _anchor(b"ssel", rb"ssels?"),
    _anchor(
        b"cl\xc3\xa9",
        rb"""cl\xc3\xa9s?[ _](?:d(?:'|\xe2\x80\x99))?
             (?:api|secr\xc3\xa8te|priv\xc3\xa9e|acc\xc3\xa8s)(?:[ ]secr\xc3\xa8te)?""",
    ),
)
