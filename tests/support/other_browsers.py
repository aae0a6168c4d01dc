"""Firefox ESR and WebKit, as Debian packages them: driven through what they bring along, without a further driver.

Firefox speaks Marionette: JSON with its length in front, over TCP.  WebKit has a WebDriver of its own: JSON over HTTP.
"""

import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from support.children import kill, start
from support.programs import needed
from support.worlds import PATIENCE

NEEDED = "TCC_TEST_BROWSERS"
"""The environment variable with which a missing browser is a failure."""
MINI_BROWSERS = "usr/lib/*/webkit2gtk-4*/MiniBrowser"

Ask = Callable[[str, dict[str, Any]], Any]
"""Sends a command with its parameters; returns what came back."""


class Driven:
    """A browser that shows one page."""

    def __init__(self, navigate: Callable[[str], object], execute: Callable[[str], Any]) -> None:
        self.open = navigate
        self._execute = execute

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression."""
        return self._execute(f"return ({expression});")

    def until(self, expression: str) -> None:
        """Wait until a JavaScript expression is true."""
        ends = time.monotonic() + PATIENCE
        while not self.evaluate(expression):
            assert time.monotonic() < ends, f"never true: {expression}: {self.evaluate('document.body.innerText')}"
            time.sleep(0.05)


@contextmanager
def firefox(folder: Path) -> Iterator[Driven]:
    """Run Firefox ESR with a profile in ``folder``."""
    port = _free_port()
    folder.mkdir()
    (folder / "user.js").write_text(f'user_pref("marionette.port", {port});\n')
    command = [needed("firefox-esr", NEEDED), "--marionette", "--headless", "--no-remote", "--profile", str(folder)]
    with _running(command, {"HOME": str(folder)}), _connected(port) as connection:
        ask = _marionette(connection)
        ask("WebDriver:NewSession", {})
        yield Driven(
            lambda url: ask("WebDriver:Navigate", {"url": url}),
            lambda script: ask("WebDriver:ExecuteScript", {"script": script, "args": []})["value"],
        )


def _marionette(connection: socket.socket) -> Ask:
    stream = connection.makefile("rb")
    numbers = iter(range(10_000))

    def receive() -> Any:
        length = b""
        while (char := stream.read(1)) != b":":
            length += char
        return json.loads(stream.read(int(length)))

    def ask(name: str, parameters: dict[str, Any]) -> Any:
        message = json.dumps([0, next(numbers), name, parameters]).encode()
        connection.sendall(b"%d:%s" % (len(message), message))
        _, _, error, value = receive()
        assert error is None, error
        return value

    receive()  # it says who it is
    return ask


@contextmanager
def webkit(folder: Path) -> Iterator[Driven]:
    """Run WebKitGTK's small browser, on a screen that only it sees."""
    driver, screen = needed("WebKitWebDriver", NEEDED), needed("xvfb-run", NEEDED)
    browser = next(Path("/").glob(MINI_BROWSERS))
    port = _free_port()
    folder.mkdir()
    environment = {"HOME": str(folder), "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1"}  # tests may run as root
    command = [screen, "-a", driver, f"--port={port}", "--host=127.0.0.1"]
    with _running(command, environment), _connected(port), httpx.Client(timeout=PATIENCE) as client:
        options = {"webkitgtk:browserOptions": {"binary": str(browser), "args": ["--automation"]}}

        def post(path: str, body: dict[str, Any]) -> Any:
            answer = client.post(f"http://127.0.0.1:{port}/session{path}", json=body)
            assert answer.status_code == httpx.codes.OK, answer.text
            return answer.json()["value"]

        session = "/" + post("", {"capabilities": {"alwaysMatch": options}})["sessionId"]
        yield Driven(
            lambda url: post(f"{session}/url", {"url": url}),
            lambda script: post(f"{session}/execute/sync", {"script": script, "args": []}),
        )
        client.delete(f"http://127.0.0.1:{port}/session{session}")


@contextmanager
def _running(command: list[str], environment: Mapping[str, str]) -> Iterator[None]:
    process = start(command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        kill(process)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def _connected(port: int) -> Iterator[socket.socket]:
    """Connect as soon as somebody listens."""
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        with suppress(ConnectionRefusedError):
            connection = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
            with connection:
                yield connection
            return
        time.sleep(0.1)
    raise AssertionError(f"nobody listens on port {port}")
