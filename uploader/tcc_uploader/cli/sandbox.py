"""``tcc-upload sandbox``: a stand-in for Observatory."""

import threading
from pathlib import Path

import click

from tcc_uploader.sandbox import Receipts, Sandbox

from .exit_codes import Exit
from .options import FOLDER
from .session import on_signals
from .terminal import fail, flush, say


@click.command("sandbox")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port on 127.0.0.1 [default: a free one].")
@click.option("--db", type=FOLDER, help="SQLite file for the receipts [default: in memory].")
@click.option("--key", help="The only key to accept [default: any].")
def sandbox_command(*, port: int, db: Path | None, key: str | None) -> None:
    """Run a stand-in for Observatory on this machine: it checks, keeps and counts what it receives.

    It prints its URL, for TCC_BASE_URL.  GET / shows the receipts; Ctrl-C prints them and ends.

    Exit codes: 0 Ctrl-C ended it; 2 the port or the file can't be used.

    Example: tcc-upload sandbox --port 4320 --db receipts.db
    """
    try:
        receipts = Receipts(db or ":memory:")
        server = Sandbox(port, receipts, key)
    except OSError as error:
        fail(f"can't start the sandbox: {error}", Exit.USAGE)
    with server:
        # shutdown() waits for serve_forever(), which runs in this thread: called here it would wait for ever
        on_signals(lambda: threading.Thread(target=server.shutdown).start())
        say(server.url)  # who reads it may send a signal
        flush()
        server.serve_forever()
        say(*receipts.table().split("\n"))
    receipts.close()
