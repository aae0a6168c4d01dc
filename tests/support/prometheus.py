"""A real Prometheus, and its promtool."""

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import urlopen

from support import children
from support.programs import needed
from support.worlds import PATIENCE, wait_until

NEEDED = "TCC_TEST_PROMETHEUS"
"""The environment variable with which a missing Prometheus is a failure: CI must not skip."""


def promtool(*arguments: str | Path) -> str:
    """Run promtool to its end, check that it found nothing wrong, and return what it printed."""
    command = [needed("promtool", NEEDED), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Prometheus:
    """Answers queries."""

    def __init__(self, url: str) -> None:
        self._url = url

    def ask(self, path: str) -> Any:
        """Return the data that its API gives; None if it does not answer yet."""
        try:
            with urlopen(f"{self._url}/api/v1/{path}", timeout=PATIENCE) as answer:  # noqa: S310 -- our own
                return json.load(answer)["data"]
        except URLError:
            return None

    def query(self, expression: str) -> list[Any]:
        """Return the result of an expression, now."""
        found = self.ask(f"query?query={quote(expression)}")
        return list(found["result"]) if found else []


@contextmanager
def running_prometheus(folder: Path, target: str, rules: Path) -> Iterator[Prometheus]:
    """Run Prometheus, which scrapes ``target`` (host and port) each second."""
    settings = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(rules)],
        "scrape_configs": [{"job_name": "tcc-upload", "static_configs": [{"targets": [target]}]}],
    }
    (folder / "prometheus.json").write_text(json.dumps(settings))
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    options = [f"--config.file={folder / 'prometheus.json'}", f"--storage.tsdb.path={folder / 'data'}"]
    process = children.start(
        [needed("prometheus", NEEDED), *options, f"--web.listen-address={address}", "--log.level=error"], env=os.environ
    )
    try:
        found = Prometheus(f"http://{address}")
        wait_until(lambda: found.ask("status/buildinfo"), "Prometheus")
        yield found
    finally:
        children.kill(process)
