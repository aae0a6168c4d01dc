"""What the tests of the report's page may ask for."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from support.browser import View, chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Run one browser for all tests of a file."""
    with chromium() as running:
        yield running


@pytest.fixture
def view(browser: Browser) -> Iterator[View]:
    """Give a page; the test fails if it prints to the console, asks the network, or opens a dialog."""
    shown = View(browser)
    yield shown
    shown.close()


@pytest.fixture(scope="module")
def browser_view(browser: Browser) -> Iterator[View]:
    """Give one page for all examples of a property."""
    shown = View(browser)
    yield shown
    shown.close()
