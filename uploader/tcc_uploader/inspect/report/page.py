"""The page around the data: its security policy, its style and its program."""

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Any, Final

import orjson

from tcc_uploader.spool.format import REPORT_START

from .chunks import block

_ASSETS: Final = Path(__file__).parent / "assets"
END: Final = b'<script type="application/octet-stream" id="end"></script>\n</body>\n</html>\n'


@cache
def asset(name: str) -> str:
    """Return the page's program or style, as it was built from ``uploader/viewer``."""
    text = (_ASSETS / name).read_text(encoding="utf-8")
    if "</script" in text.lower() or "</style" in text.lower() or "<!--" in text:
        raise ValueError(f"{name} would end its own element")
    return text


def policy() -> str:
    """Return the content security policy: our script and style alone, no request, and no markup made of texts."""
    script, style = (_hash(asset(name)) for name in ("app.js", "app.css"))
    return (
        f"default-src 'none'; script-src {script}; style-src {style}; img-src data:; worker-src blob:; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types tcc-worker"
    )


def head(summary: str, index: dict[str, Any]) -> bytes:
    """Return the page up to the first chunk; ``summary`` is HTML."""
    start = f"""{REPORT_START.decode()}
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy()}">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<meta name="robots" content="noindex">
<title>tcc report</title>
<style>{asset("app.css")}</style>
</head>
<body>
<a class="skip" href="#main">Skip to content</a>
<div id="root">{summary}</div>
"""
    app = f'<script id="app">{asset("app.js")}</script>\n'
    return start.encode() + block("index", orjson.dumps(index)) + app.encode()


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
