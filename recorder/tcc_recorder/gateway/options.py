"""What a gateway may be told."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tcc_schemas.splitter import MAX_LINE

DEFAULT_MAX_BODY: Final = 32 * 1024 * 1024
MOST_MAX_BODY: Final = (MAX_LINE - 1024 * 1024) // 4 * 3
"""A line must be able to hold the body as base64, and some members more."""


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of a gateway; None leaves one to the environment (``TCC_SPOOL_DIR`` …), or to its default.

    ``spool_dir``, ``durability``, ``max_bytes`` and ``redact`` are those of :func:`tcc_recorder.configure`.
    ``max_body`` is the most bytes of one request, at most :data:`MOST_MAX_BODY`.  With ``tokens``, each post must have
    one of them in its URL (``/t/TOKEN/v1/…``).  With a certificate and its key, the server speaks TLS.  ``plain_http``
    allows an address that other machines reach without TLS.
    """

    spool_dir: str | None = None
    durability: str | None = None
    max_bytes: int | None = None
    redact: tuple[str | re.Pattern[str] | Callable[[str], str], ...] | None = None
    max_body: int = DEFAULT_MAX_BODY
    tokens: frozenset[str] = frozenset()
    tls_cert: Path | None = None
    tls_key: Path | None = None
    plain_http: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.max_body <= MOST_MAX_BODY:
            raise ValueError(f"--max-body must be 1 to {MOST_MAX_BODY:,} bytes: a line of the spool holds no more")
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("--tls-cert and --tls-key belong together")
