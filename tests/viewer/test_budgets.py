"""How long a report of 2,000 runs lets a reader wait, and how much memory it takes."""

import statistics
import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from support.browser import View
from support.reports import conversations, report_of

RUNS = 2_000
MOST_NODES = 3_000
LONG_TASKS = """
window.tasks = [];
new PerformanceObserver((list) => { for (const task of list.getEntries()) window.tasks.push(task.duration); })
  .observe({ type: "longtask", buffered: true });
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a report on 2,000 runs."""
    return report_of(tmp_path_factory.mktemp("report"), conversations(RUNS))


def test_the_list_is_small_and_comes_at_once(browser: Browser, report: Path) -> None:
    """Pages hold few nodes however many runs there are, and no task blocks the page.

    The bounds are ten times what a machine that does nothing else needs: a second for the list, half for a task.
    """
    view = View(browser)
    view.page.add_init_script(LONG_TASKS)
    began = time.monotonic()
    view.open(report, "#/runs")
    view.until("document.querySelectorAll('.run-row').length > 20")
    took = time.monotonic() - began
    assert took < 10
    for route in ("#/runs", "#/", "#/run/run-7", "#/sessions", "#/session/conversation-3"):
        view.go(route)
        view.until("!document.querySelector('main .nothing')")
        assert view.page.evaluate("document.querySelectorAll('*').length") < MOST_NODES, route
    assert max(view.page.evaluate("window.tasks"), default=0) < 5_000
    view.close()


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
