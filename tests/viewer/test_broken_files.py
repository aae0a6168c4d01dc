"""Files that were cut off or damaged, are empty, or are opened where no script may run."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from support.browser import View
from support.faults import SegmentFile
from support.reports import conversations, report_of


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a report of several chunks."""
    return report_of(tmp_path_factory.mktemp("report"), conversations(800))


def test_of_a_file_that_was_cut_off_the_runs_before_the_cut_are_shown(view: View, report: Path, tmp_path: Path) -> None:
    """The list is whole, early parts open, and what is missing says so, also in a search."""
    data = report.read_bytes()
    second = data.index(b'id="c2"')
    cut = tmp_path / "cut.html"
    cut.write_bytes(data[: second + 2000])
    view.open(cut)
    view.shows("This file is cut off")
    view.go("#/run/run-799")
    view.shows("Where is my order")
    view.go("#/run/run-0")
    view.shows(
        "part c2 is missing. Copy or download it again." if b'id="c3"' not in data else "is missing. Copy or download"
    )
    view.go("#/runs?q=H%C3%A4rkingen")
    view.shows("of the file can't be read")


def test_a_file_that_was_cut_off_within_its_script_shows_its_summary(
    browser: Browser, report: Path, tmp_path: Path
) -> None:
    """After a few seconds, so that nobody waits for ever; with what to do."""
    data = report.read_bytes()
    cut = tmp_path / "cut.html"
    cut.write_bytes(data[: data.index(b'id="app"') + 2000])
    view = View(browser)
    view.page.goto(cut.as_uri())
    view.shows("the file was cut off: download it again")
    view.shows("TimeoutError: no answer in # s")


def _damaged(report: Path, block: bytes, folder: Path) -> Path:
    """Return a copy of a report with one other character in a block."""
    data = bytearray(report.read_bytes())
    place = data.index(block) + 3000
    data[place] = ord("A") if data[place] != ord("A") else ord("B")
    damaged = folder / "damaged.html"
    damaged.write_bytes(data)
    return damaged


def test_a_damaged_part_costs_its_own_runs_alone(view: View, report: Path, tmp_path: Path) -> None:
    """The checksum in gzip finds one changed character; runs elsewhere open as ever."""
    view.open(_damaged(report, b'id="c1"', tmp_path), "#/runs?q=H%C3%A4rkingen")
    view.shows("1 part of the file can't be read")
    view.go("#/run/run-799")
    view.until("!!document.querySelector('.beside')")


def test_an_unreadable_index_is_told(view: View, report: Path, tmp_path: Path) -> None:
    """Damage there, or a version of tomorrow, gives a sentence in place of a white page."""
    view.page.goto(_damaged(report, b'id="index"', tmp_path).as_uri())
    view.shows("The list of runs in this file is damaged. Copy or download it again.")


def test_a_newer_version_is_told(view: View, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page never guesses at an index that it does not know."""
    monkeypatch.setattr("tcc_uploader.inspect.report.columns.VERSION", 2)
    view.page.goto(report_of(tmp_path, conversations(3)).as_uri())
    view.shows("This file is of a newer version (2) than its page (1).")


def test_a_report_without_runs_and_one_with_one_run_are_whole_pages(view: View, tmp_path: Path) -> None:
    """Every view works on the least that there can be."""
    view.open(report_of(tmp_path / "none", SegmentFile()))
    view.shows("No runs were found.")
    for route in ("#/runs", "#/sessions", "#/run/x", "#/session/x"):
        view.go(route)
        view.until("!!document.querySelector('main')")
    view.open(report_of(tmp_path / "one", SegmentFile().run("only")))
    view.shows("Runs over time")


def test_contents_that_were_left_out_are_told(view: View, tmp_path: Path) -> None:
    """A run without contents keeps its row, and says why it can't be opened."""
    view.open(report_of(tmp_path, conversations(40), contents=False), "#/run/run-3")
    view.shows("The contents of this run were left out of the report.")
    assert "Where is my order" not in (tmp_path / "report.html").read_text()


def test_without_scripts_the_plain_summary_is_read(browser: Browser, report: Path) -> None:
    """Totals, groups of errors and the failed runs are there, as a table."""
    view = View(browser, java_script_enabled=False)
    view.page.goto(report.as_uri())
    text = view.page.inner_text("#plain")
    for told in (
        "800 runs: 760 success, 40 error",
        "TimeoutError: no answer in # s",
        "run-787",
        "Where is my order",
        "$0.0024",
    ):
        assert told in text
    assert view.page.is_visible("#plain table >> nth=0")
    view.close()


class Jenkins(SimpleHTTPRequestHandler):
    """Serves files as Jenkins serves artifacts."""

    def end_headers(self) -> None:
        """Send the header that Jenkins sends by default."""
        self.send_header(
            "Content-Security-Policy",
            "sandbox allow-same-origin; default-src 'none'; img-src 'self'; style-src 'self';",
        )
        super().end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def jenkins(report: Path) -> Iterator[str]:
    """Serve the report's folder; give the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Jenkins, directory=str(report.parent)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/{report.name}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_under_the_header_of_jenkins_the_summary_is_read(browser: Browser, jenkins: str) -> None:
    """Neither script nor style is allowed there: the summary needs none."""
    view = View(browser)
    view.page.goto(jenkins)
    assert view.page.is_visible("#plain h1")
    assert "TimeoutError: no answer in # s" in view.page.inner_text("#plain")
    view.faults.clear()  # the browser says which script and style it refused
    view.close()
