"""What a gateway may be told."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MAX_BODY: Final = 32 * 1024 * 1024
"""Bytes of one request, unless ``--max-body`` says otherwise."""


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of a gateway; None leaves one to the environment (``TCC_SPOOL_DIR`` …), or to its default.

    ``spool_dir``, ``durability``, ``max_bytes`` and ``redact`` are those of :func:`tcc_recorder.configure`.
    ``max_body`` is the most bytes of one request.  With ``tokens``, every request must have one of them in its URL
    (``/t/TOKEN/v1/…``).  With a certificate and its key, the server speaks TLS.
    """

    spool_dir: str | None = None
    durability: str | None = None
    max_bytes: int | None = None
    redact: tuple[str | re.Pattern[str] | Callable[[str], str], ...] | None = None
    max_body: int = MAX_BODY
    tokens: frozenset[str] = frozenset()
    tls_cert: Path | None = None
    tls_key: Path | None = None
