"""``tcc-record serve``: the gateway as a service."""

import os
import re
import signal
import threading
from functools import partial
from pathlib import Path
from typing import Any, Final

import click

from tcc_recorder.limited_log import log
from tcc_schemas.service_manager import ServiceManager

from .activation import given_socket
from .options import DEFAULT_MAX_BODY, MOST_MAX_BODY, Options
from .server import Gateway
from .terminal import say

DEFAULT_PORT: Final = 4319
"""Next to 4317 and 4318, where OpenTelemetry's collectors listen."""
_TOKEN: Final = re.compile("[A-Za-z0-9._~-]{16,256}")
_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)


def _tokens(_context: click.Context, _option: click.Parameter, path: Path | None) -> frozenset[str]:
    """Return the tokens in a file, one on each line.  What is no token is not shown."""
    if path is None:
        return frozenset()
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    tokens = frozenset(line for line in lines if line and not line.startswith("#"))
    if not tokens or not all(_TOKEN.fullmatch(token) for token in tokens):
        raise click.BadParameter("each line must be a token of 16 to 256 letters, digits and . _ ~ -")
    return tokens


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; see --tokens.")
@click.option("--port", default=DEFAULT_PORT, show_default=True, type=click.IntRange(0, 65535), help="0: a free one.")
@click.option(
    "--tokens",
    type=_FILE,
    callback=_tokens,
    metavar="FILE",
    help="Take only posts to /t/TOKEN/v1/…, with a TOKEN of this file: one on each line.  An address that other "
    "machines reach needs it.",
)
@click.option("--tls-cert", type=_FILE, metavar="FILE", help="Speak TLS with this certificate (PEM).")
@click.option("--tls-key", type=_FILE, metavar="FILE", help="The certificate's key (PEM).")
@click.option("--plain-http", is_flag=True, help="Listen without TLS on an address that other machines reach.")
@click.option(
    "--max-body",
    default=DEFAULT_MAX_BODY,
    show_default=True,
    type=click.IntRange(1, MOST_MAX_BODY),
    metavar="BYTES",
    help="The most bytes of one post.",
)
@click.option(
    "--redact",
    multiple=True,
    metavar="status|secrets|PATTERN",
    help="What to replace before it is written; may be repeated.  [default: TCC_REDACT, else status]",
)
def serve_command(host: str, port: int, redact: tuple[str, ...], **given: Any) -> None:
    """Record what agents post to this server, until it is stopped.

    Where it writes, and how durably, TCC_SPOOL_DIR, TCC_DURABILITY and TCC_SPOOL_MAX_BYTES say.  A socket that the
    system passes (LISTEN_FDS) is used in place of --host and --port.  Exit codes: 0 a signal stopped it; 1 the
    address can't be used; 2 usage.

    Example: tcc-record serve --port 4319
    """
    try:
        options = Options(redact=redact or None, **given)
        gateway = Gateway(
            options, host, port, listening=given_socket(os.environ), each_look=partial(_tell, "WATCHDOG=1")
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"can't serve on {host}, port {port}: {error.strerror or error}") from error
    stopped = threading.Event()

    def stop(number: int, _frame: object) -> None:
        stopped.set()
        signal.signal(number, signal.SIG_DFL)  # a second one ends at once

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    with gateway:
        place = f"{gateway.url}/t/TOKEN" if options.tokens else gateway.url
        say(f"agents with TCC_BASE_URL={place} are recorded")
        _tell("READY=1", f"MAINPID={os.getpid()}", f"STATUS=records what is posted to {gateway.url}")
        stopped.wait()
        _tell("STOPPING=1")


def _tell(*said: str) -> None:
    """Tell the service manager, if there is one; it hears of life from the gateway's own loop alone."""
    try:
        ServiceManager(os.environ).tell(*said)
    except OSError as error:
        log.warning(f"can't tell the service manager {said[0]} (NOTIFY_SOCKET): {error}")
