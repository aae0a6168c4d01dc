"""For everybody: axe finds nothing to complain about, nothing is wider than the screen, and paper shows all."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from support.browser import NEEDED, View
from support.faults import SegmentFile
from support.posts import POSTED, official_lines, post
from support.reports import conversations, report_of

AXE = Path(__file__).parents[2] / "uploader" / "viewer" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
VIEWS = {
    "overview": "#/",
    "list": "#/runs",
    "search": "#/runs?q=H%C3%A4rkingen",
    "run": "#/run/run-27/t1",
    "node": "#/run/11111111-1111-1111-1111-111111111111/o1",
    "post": "#/run/future",
    "sessions": "#/sessions",
    "session": "#/session/conversation-1",
}
PHONE, TABLET, DESK = 390, 1024, 1440


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a report on 60 runs, on a trace that was posted, and on a post that nothing can read."""
    posted = SegmentFile().later(POSTED).line(post("/v1/future", {"a": ["b"] * 9}).line("future"))
    for line in official_lines("py_langchain"):
        posted.line(line)
    return report_of(tmp_path_factory.mktemp("report"), conversations(60), posted)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", VIEWS)
def test_axe_finds_no_violation(browser: Browser, report: Path, name: str, theme: str) -> None:
    """No rule of WCAG 2.1 AA, nor of good practice, is broken, in either theme."""
    if not AXE.exists():
        assert NEEDED not in os.environ, f"{AXE} is missing: npm ci in uploader/viewer"
        pytest.skip("needs axe-core: npm ci in uploader/viewer")
    view = View(browser, color_scheme=theme, bypass_csp=True, reduced_motion="reduce")
    view.open(report, VIEWS[name])
    view.until("!document.querySelector('main .nothing')")
    view.page.evaluate(AXE.read_text())
    result = view.page.evaluate("rules => axe.run(document, { runOnly: rules })", RULES)
    found = [(broken["id"], [node["html"][:160] for node in broken["nodes"]][:3]) for broken in result["violations"]]
    view.close()
    assert found == []


@pytest.mark.parametrize("width", [PHONE, TABLET, DESK])
def test_no_page_is_wider_than_its_screen(browser: Browser, report: Path, width: int) -> None:
    """Nothing has to be scrolled sideways."""
    view = View(browser, viewport={"width": width, "height": 800})
    view.open(report)
    for route in VIEWS.values():
        view.go(route)
        view.until("!document.querySelector('main .nothing')")
        assert view.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0, (
            route
        )
    view.close()


def test_the_theme_is_switched(view: View, report: Path) -> None:
    """One button puts the other colours on."""
    view.open(report)
    colour = "getComputedStyle(document.body).backgroundColor"
    before = view.page.evaluate(colour)
    view.page.click("button[aria-label^='Switch']")
    view.until(f"{colour} !== {before!r}")


def test_paper_shows_what_the_screen_leaves_out(view: View, report: Path) -> None:
    """A printed list has rows that were out of sight; a printed run has no cut texts."""
    view.open(report, "#/runs")
    assert view.page.locator(".run-row").count() < 60
    view.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert view.page.locator(".run-row").count() == 62
    view.page.evaluate("dispatchEvent(new Event('afterprint'))")
    view.until("document.querySelectorAll('.run-row').length < 60")
