"""A report of many runs: writing it, and reading it in Chromium.

What a browser needs is compared with what it needs for a report of ten runs: the rest is starting up.
"""

import re
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from benchmarks.harness import Row, interleaved, ratios, row, unmeasured
from benchmarks.uploading import record_runs

from tcc_uploader.inspect.report.columns import Made
from tcc_uploader.inspect.report.write import write_report
from tcc_uploader.inspect.runs.reader import RunReader
from tcc_uploader.sources.given import Sources

CHROMIUM = Path("/usr/bin/chromium")
FEW = 10
ROWS_SHOWN = "document.querySelectorAll('.run-row').length > 5"
SEARCHED = "/^[0-9,]+ with/.test(document.querySelector('.progress')?.innerText ?? '')"


def rows(quick: bool) -> Iterator[Row]:
    """Write reports of few and of many runs, and open them by turns."""
    repetitions, runs = (1, 100) if quick else (5, 20_000)
    with tempfile.TemporaryDirectory() as folder:
        many, few = Path(folder, "many"), Path(folder, "few")
        record_runs(many, runs)
        record_runs(few, FEW)
        report, small = Path(folder, "many.html"), Path(folder, "few.html")
        writing = interleaved(repetitions, {"read": lambda _: _read(many), "write": lambda _: _write(many, report)})
        _write(few, small)
        limit, size = "reading and joining the same runs", f"{runs:,} standard runs"
        yield row(f"{limit}, {size}", writing["read"], unit="s")
        yield row("writing their report", ratios(writing["write"], writing["read"]), limit=limit, at_most=4)
        bytes_read = sum(file.stat().st_size for file in many.iterdir())
        yield row("size of the report", [report.stat().st_size / bytes_read], limit="size of the spool", at_most=0.5)
        if CHROMIUM.exists():
            yield from _browsing(repetitions, report, small)
        else:
            yield unmeasured("reading it", f"needs {CHROMIUM}")


def _read(spool: Path) -> float:
    began = time.perf_counter()
    with RunReader(Sources([spool])) as reader:
        for _ in reader.newest_first():
            pass
    return time.perf_counter() - began


def _write(spool: Path, report: Path) -> float:
    made = Made(datetime(2026, 11, 25, tzinfo=UTC), "", [spool.name], "")
    began = time.perf_counter()
    with RunReader(Sources([spool])) as reader:
        write_report(reader.newest_first(), reader, report, made=made)
    return time.perf_counter() - began


def _browsing(repetitions: int, report: Path, small: Path) -> Iterator[Row]:
    limit = f"the same for {FEW} runs"
    found = interleaved(repetitions, {"many": partial(_browse, report), "few": partial(_browse, small)})
    for name, what, at_most in (
        ("list", "from the start of loading to the list's first rows", 5),
        ("whole", "to the page's end", None),
        ("open", "opening a run that was not opened before", 5),
        ("search", "search in all contents", None),
        ("memory", "memory of the page's process (PSS), after all that", None),
    ):
        many, few = ([each[name] for each in found[of]] for of in ("many", "few"))
        yield row(what, ratios(many, few), limit=limit, at_most=at_most)


def _browse(report: Path, _repetition: int) -> dict[str, float]:
    """Return seconds: list, whole page, opening a run, search; and bytes: the memory of the page's process."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 -- only where there is a browser

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 1000})

        def until(expression: str, began: float) -> float:
            while not page.evaluate(expression):
                time.sleep(0.002)
            return time.perf_counter() - began

        began = time.perf_counter()
        page.goto(f"{report.as_uri()}#/runs", wait_until="commit")
        taken = {"list": until(ROWS_SHOWN, began), "whole": until("document.readyState === 'complete'", began)}
        last = "document.querySelector('.run-row:nth-child(5) a').hash"
        began = time.perf_counter()
        page.evaluate(f"location.hash = {last}")
        taken["open"] = until("!!document.querySelector('.beside')", began)
        began = time.perf_counter()
        page.evaluate("location.hash = '#/runs?q=reservation'")
        taken["search"] = until(SEARCHED, began)
        processes = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
        taken["memory"] = max(_memory(each["id"]) for each in processes if each["type"] == "renderer")
        browser.close()
        return taken


def _memory(pid: int) -> int:
    """Return the bytes of a process; what it shares with others counts in part."""
    found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii"), re.MULTILINE)
    return int(found[1]) * 1024 if found else 0
