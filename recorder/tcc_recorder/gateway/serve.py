"""``tcc-record serve``: the gateway as a service."""

import signal
import threading

import click

from .options import Options
from .server import Gateway
from .terminal import say

DEFAULT_PORT = 4319
"""Next to 4317 and 4318, where OpenTelemetry's collectors listen."""


@click.command("serve")
@click.option("--port", default=DEFAULT_PORT, show_default=True, type=click.IntRange(0, 65535))
def serve_command(port: int) -> None:
    """Record what agents post to this server, until it is stopped."""
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    with Gateway(Options(), port=port) as gateway:
        say(f"recording what is posted to {gateway.url}")
        stopped.wait()
