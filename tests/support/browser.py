"""A real Chromium, and a page that fails its test when a report does what a report never does."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from support.worlds import PATIENCE

CHROMIUM = Path("/usr/bin/chromium")
NEEDED = "TCC_TEST_CHROMIUM"
"""The environment variable with which a missing browser is a failure: CI must not skip."""
_SCREEN: ViewportSize = {"width": 1440, "height": 1000}


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run Debian's Chromium; skip the test where there is none."""
    if not CHROMIUM.exists():
        assert NEEDED not in os.environ, f"{CHROMIUM} is missing"
        pytest.skip(f"needs {CHROMIUM}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class View:
    """A page that shows a report, and what it did beside that."""

    def __init__(self, browser: Browser, **options: Any) -> None:
        self._context = browser.new_context(**{"viewport": _SCREEN, **options})
        self.page: Page = self._context.new_page()
        self.faults: list[str] = []
        """Messages on the console, errors, dialogs, and requests that leave the page."""
        self.page.on("console", lambda message: self.faults.append(f"console: {message.text}"))
        self.page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        self.page.on("dialog", lambda dialog: self.faults.append(f"dialog: {dialog.message}"))
        self.page.on("request", lambda request: self._note_request(request.url))

    def _note_request(self, url: str) -> None:
        if not url.startswith(("file:", "blob:")):
            self.faults.append(f"request: {url}")

    def open(self, report: Path, route: str = "#/") -> "View":
        """Open a report, and wait until it shows the route."""
        self.page.goto(f"{report.as_uri()}{route}")
        self.until("document.querySelector('main:not(#plain)') !== null")
        return self

    def go(self, route: str) -> None:
        """Go to another route of the open report."""
        self.page.evaluate("route => { location.hash = route; }", route)

    def until(self, expression: str) -> None:
        """Wait until a JavaScript expression is true.  Playwright's own way is forbidden by the page's policy."""
        ends = time.monotonic() + PATIENCE
        while not self.page.evaluate(expression):
            assert time.monotonic() < ends, f"never true: {expression}; {self.faults}"
            time.sleep(0.02)

    def shows(self, text: str) -> None:
        """Wait until the page shows a text."""
        ends = time.monotonic() + PATIENCE
        while text not in self.text:
            assert time.monotonic() < ends, f"{text!r} is not in: {self.text}"
            time.sleep(0.02)

    @property
    def text(self) -> str:
        """Everything that can be read on the page."""
        return self.page.inner_text("body")

    def close(self) -> None:
        """Close the page; fail if it did what a report never does."""
        self._context.close()
        assert self.faults == []
