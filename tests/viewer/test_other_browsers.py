"""Reports in the browsers that the other tests do not use: the pages, the contents, and the search in workers."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from support.other_browsers import NEEDED, Driven, firefox, webkit
from support.reports import conversations, report_of

pytestmark = pytest.mark.skipif("os.environ.get('TCC_TEST_BROWSERS') is None", reason=f"{NEEDED} is not set")


@pytest.mark.parametrize("browser", [firefox, webkit], ids=lambda browser: str(browser.__name__))
def test_a_report_works(browser: Callable[[Path], AbstractContextManager[Driven]], tmp_path: Path) -> None:
    """From disk, with its policy: overview, list, a run with its contents, a session, and a search in all texts."""
    report = report_of(tmp_path, conversations(400))
    with browser(tmp_path / "browser") as driven:
        driven.open(report.as_uri())
        driven.until("document.querySelectorAll('.tile').length === 7")
        driven.until("document.querySelectorAll('.errors .newest').length > 0")
        driven.evaluate("location.hash = '#/run/run-7'")
        driven.until("document.querySelector('.banner')?.innerText.includes('TimeoutError')")
        driven.until("document.querySelector('.message.tool')?.innerText.includes('4711')")
        driven.evaluate("location.hash = '#/session/conversation-3'")
        driven.until("document.querySelectorAll('.turn').length === 4")
        driven.evaluate("location.hash = '#/runs?q=H%C3%A4rkingen'")
        driven.until("document.querySelector('.progress')?.innerText.startsWith('400 with')")
        assert driven.evaluate("document.querySelectorAll('.run-row mark').length") > 5
