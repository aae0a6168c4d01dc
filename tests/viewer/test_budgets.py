"""What makes a report of 2,000 runs fast and small: how much of it the page touches.

Times are in docs/performance.md; a loaded machine would break a test of them.
"""

import statistics
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from support.browser import View
from support.reports import conversations, report_of

RUNS = 2_000
MOST_NODES = 3_000
FEW = 20
TIMES = 5
"""How much more of the page's time the list of all runs may take than that of :data:`FEW`: it takes twice as much."""
UNPACKED = """
window.unpacked = 0;
const Stream = DecompressionStream;
window.DecompressionStream = class extends Stream { constructor(kind) { super(kind); window.unpacked++; } };
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a report on 2,000 runs."""
    return report_of(tmp_path_factory.mktemp("report"), conversations(RUNS))


def test_pages_hold_few_nodes_and_unpack_what_they_show(browser: Browser, report: Path) -> None:
    """Lists need the index alone, a run its own part of the file, a session at most one for each turn."""
    view = View(browser)
    view.page.add_init_script(UNPACKED)
    view.open(report, "#/runs")
    view.until("document.querySelectorAll('.run-row').length > 20 && document.readyState === 'complete'")
    for route, shown, unpacked in (
        ("#/runs", ".run-row", 1),
        ("#/", ".tile", 1),
        ("#/sessions", ".sessions", 1),
        ("#/run/run-7", ".beside", 2),
        ("#/session/conversation-300", ".turn .bubble:not(.user) .text", 6),
    ):
        view.go(route)
        view.until(f"!!document.querySelector({shown!r})")
        assert view.page.evaluate("document.querySelectorAll('*').length") < MOST_NODES, route
        assert view.page.evaluate("window.unpacked") <= unpacked, route
    view.close()


def test_the_list_of_many_runs_takes_the_page_little_longer_than_that_of_few(
    browser: Browser, report: Path, tmp_path: Path
) -> None:
    """Both are loaded by turns, so that other load on the machine hits them alike."""
    few = report_of(tmp_path, conversations(FEW))
    taken: dict[Path, list[float]] = {report: [], few: []}
    for _ in range(3):
        for file, times in taken.items():
            view = View(browser)
            devtools = view.page.context.new_cdp_session(view.page)
            devtools.send("Performance.enable")
            view.open(file, "#/runs")
            view.until("document.querySelectorAll('.run-row').length >= 20 && document.readyState === 'complete'")
            metrics = {each["name"]: each["value"] for each in devtools.send("Performance.getMetrics")["metrics"]}
            times.append(metrics["TaskDuration"])
            view.close()
    assert min(taken[report]) < TIMES * min(taken[few]), taken


def test_opening_run_after_run_takes_no_more_memory(browser: Browser, report: Path) -> None:
    """After 200 runs the heap is as large as after the first 50, as far as it can be told."""
    view = View(browser)
    view.open(report, "#/runs")
    devtools = view.page.context.new_cdp_session(view.page)

    def heap() -> float:
        devtools.send("HeapProfiler.collectGarbage")
        return float(devtools.send("Runtime.getHeapUsage")["usedSize"])

    sizes = []
    for number in range(200):
        view.go(f"#/run/run-{number * 10}")
        view.until(f"document.querySelector('.ids code')?.textContent === 'run-{number * 10}'")
        view.until("!!document.querySelector('.beside')")
        if number % 10 == 0:
            sizes.append(heap())
    view.close()
    assert statistics.median(sizes[-5:]) < 1.5 * statistics.median(sizes[5:10])


def test_a_search_reads_every_content_in_workers(browser: Browser, report: Path) -> None:
    """Rows come as they are found; the page answers in the meantime."""
    view = View(browser)
    view.open(report, "#/runs?q=Z%C3%BCrich")
    view.until("/^[0-9,]+ with/.test(document.querySelector('.progress')?.innerText)")
    found = int(view.page.inner_text(".progress").split()[0].replace(",", ""))
    assert 0 < found <= RUNS
    assert view.page.inner_text(".counts [role=status] b").replace(",", "") == str(found)
    view.close()
