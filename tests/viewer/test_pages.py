"""What somebody finds in a report, and how few steps it takes."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from support.browser import View
from support.faults import SegmentFile, batch_of, run_item, step_item, tool_call_item
from support.reports import at, conversations, report_of, report_on


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a report on 200 runs of conversations; ten of them failed."""
    return report_of(tmp_path_factory.mktemp("report"), conversations(200))


def test_the_first_page_says_what_failed_at_which_call_with_what_arguments_and_what_it_cost(
    view: View, report: Path
) -> None:
    """Nothing need be opened to know that; one click opens the run, at a way to the failing call."""
    view.open(report)
    text = view.page.inner_text(".errors")
    for told in (
        "TimeoutError: no answer in # s",
        "Where is my order",
        'find_order {"order": 4711, "shop": "Bern"}',
        "$0.0024",
    ):
        assert told in text
    view.page.click(".errors .newest")
    view.until("!!document.querySelector('.banner.st2')")
    assert "TimeoutError: no answer in 10 s" in view.page.inner_text(".banner")
    view.page.keyboard.press("e")
    view.until("!!document.querySelector('.message.selected.failed')")
    assert '"shop": "Bern"' in view.page.inner_text(".message.selected")
    assert view.page.url.endswith("/t1"), "the address names the call"


def test_every_number_of_the_first_page_leads_to_its_runs(view: View, report: Path) -> None:
    """A link's list holds exactly the runs that its label counts."""
    view.open(report)
    labels = view.page.evaluate(
        "[...document.querySelectorAll('.over-time a, .histogram a')].map(a => [a.getAttribute('href'), a.ariaLabel])"
    )
    assert len(labels) > 20
    for href, label in labels:
        view.go(href)
        runs = label.split(": ")[1].split(" run")[0]
        view.until(f"document.querySelector('.counts [role=status] b')?.textContent === {runs!r}")


def test_a_filter_and_a_text_are_searched_in_every_content(view: View, report: Path) -> None:
    """A hit names its field, and the run's own texts come before what its steps repeat of earlier turns."""
    view.open(report, "#/runs?q=status%3Aerror+H%C3%A4rkingen")
    view.shows("with “Härkingen” inside")
    assert view.page.inner_text(".counts [role=status] b") == view.page.inner_text(".chip.st2").split()[1]
    assert view.page.inner_text(".chip.st0").split() == ["✓", "success"], "what the filter hides is not counted as none"
    view.page.fill("#search", "Härkingen")
    view.until("/^200 with/.test(document.querySelector('.progress')?.innerText)")
    fields = set(view.page.evaluate("[...document.querySelectorAll('.run-row .tag')].map(tag => tag.textContent)"))
    assert fields == {"answer", "answer of step 2"}, "step 2 of a failed run; never the prompts that repeat it"
    view.page.fill("#search", "nothing like this")
    view.shows("No run matches.")


def test_a_time_in_a_filter_is_utc_as_all_times_of_the_page_are(browser: Browser, report: Path) -> None:
    """Also without a zone, and wherever the reader is: an address shows the same runs to everybody."""
    view = View(browser, timezone_id="Asia/Tokyo")
    view.open(report, "#/runs")
    for typed, runs in (("from:2026-11-22", 200), ("to:2026-11-22", 0), ("to:2026-11-22T05:00:00", 0)):
        view.page.fill("#search", typed)
        view.until(f"document.querySelector('.counts [role=status] b')?.textContent === '{runs}'")
    counts = []
    for zone in ("Z", ""):
        view.page.fill("#search", f"from:2026-11-22T06:00{zone}")
        view.until("document.querySelector('.counts [role=status] b')?.textContent !== '0'")
        counts.append(view.page.inner_text(".counts [role=status] b"))
        view.page.fill("#search", "to:2026-11-22")
        view.until("document.querySelector('.counts [role=status] b')?.textContent === '0'")
    assert counts[0] == counts[1] != "200"
    view.close()


def test_the_list_is_walked_with_keys(view: View, report: Path) -> None:
    """/ searches, j and k move, Enter opens, u leads back; keys that are typed into the box are letters."""
    view.open(report)
    view.page.keyboard.press("/")
    view.until("document.activeElement?.id === 'search'")
    view.page.keyboard.type("jk?")
    assert view.page.input_value("#search") == "jk?"
    view.page.fill("#search", "")
    view.page.keyboard.press("Escape")
    for key in "jjjk":
        view.page.keyboard.press(key)
    view.until("document.querySelector('.current')?.ariaRowIndex === '4'")
    view.page.keyboard.press("Enter")
    view.until("location.hash.startsWith('#/run/')")
    view.shows("turn 2 of 4")
    view.page.keyboard.press("]")
    view.shows("turn 3 of 4")
    view.page.keyboard.press("[")
    view.shows("turn 2 of 4")
    view.page.keyboard.press("?")
    view.until("document.querySelector('dialog').open")
    view.page.keyboard.press("Escape")
    view.until("!document.querySelector('dialog').open")


def test_whoever_comes_back_to_the_list_finds_the_row_that_was_opened(view: View, report: Path) -> None:
    """The list is not at its beginning again after each look at a run."""
    view.open(report, "#/runs")
    view.page.keyboard.press("End")
    view.until("document.querySelector('.current')?.ariaRowIndex === '201'")
    view.page.keyboard.press("Enter")
    view.shows("turn 1 of 4")
    view.page.keyboard.press("u")
    view.until("document.querySelector('.current')?.ariaRowIndex === '201'")
    assert view.page.locator(".current").is_visible()


def test_a_session_reads_like_a_conversation(view: View, report: Path) -> None:
    """Prompts and answers in order, what failed in place of an answer, and the way to each run."""
    view.open(report, "#/session/conversation-1")
    view.until("document.querySelectorAll('.turn .text').length >= 7")
    assert view.page.locator(".turn").count() == 4
    assert "TimeoutError: no answer in 10 s" in view.page.inner_text(".turn.of2")
    view.page.click(".turn.of2 .turn-facts")
    view.shows("first failing call")


def test_the_whole_state_of_the_list_is_in_its_address(view: View, report: Path) -> None:
    """An address that somebody copies shows the same list elsewhere."""
    view.open(report, "#/runs")
    view.page.fill("#search", "tool:find_order cost>0.001")
    view.page.click("text=Duration")
    view.page.click(".chip.st2")
    view.until("location.hash.includes('sort=-duration') && location.hash.includes('status%3Aerror')")
    address = view.page.evaluate("location.hash")
    view.open(report, "#/")
    view.go(address)
    view.until("document.querySelector('.counts [role=status] b')?.textContent === '10'")
    assert view.page.get_attribute(".chip.st2", "aria-pressed") == "true"


def test_a_long_run_is_shown_in_parts(view: View, tmp_path: Path) -> None:
    """50,000 steps open with few nodes; a drag over the minimap shows that part; any call can be reached by address."""
    steps = [step_item("long", f"s{n}", start_time=at(n), end_time=at(n + 1), model_used="m") for n in range(50_000)]
    segment = SegmentFile().record(
        "run", "long", batch_of(run_item("long", start_time=at(0), end_time=at(50_000)), *steps)
    )
    view.open(report_of(tmp_path, segment), "#/run/long/s40000")
    view.until("!!document.querySelector('#s40000.selected')")
    assert view.page.evaluate("document.querySelector('#s40000').getBoundingClientRect().top") < 1000
    assert view.page.evaluate("document.querySelectorAll('*').length") < 6000
    box = view.page.locator(".minimap").bounding_box()
    assert box
    view.page.mouse.move(box["x"] + box["width"] * 0.79, box["y"] + 10)
    view.page.mouse.down()
    view.page.mouse.move(box["x"] + box["width"] * 0.81, box["y"] + 10, steps=3)
    view.page.mouse.up()
    view.until("/of 50000 calls/.test(document.querySelector('.zoom').innerText)")
    view.page.keyboard.press("0")
    view.until("/drag to look closer/.test(document.querySelector('.zoom').innerText)")


def test_a_failed_test_leads_to_the_call_that_failed(view: View, tmp_path: Path) -> None:
    """The record of a test shows its agent runs; the first page shows the run, not that record."""
    failed = {"status_code": 2, "status_message": "TimeoutError: no answer"}
    segment = SegmentFile()
    call = tool_call_item("agent", "t", args='{"order": 4711}', **failed)
    run = run_item(
        "agent", metadata={"test.nodeid": "test_a.py::test_b"}, prompt={"user_prompt": "Money back"}, **failed
    )
    segment.record("run", "agent", batch_of(run, call))
    about = {"test.nodeid": "test_a.py::test_b", "test.outcome": "failed", "test.run_ids": "agent"}
    segment.run(
        "test", metadata=about, prompt={"user_prompt": "test_a.py::test_b"}, start_time=at(9), end_time=at(10), **failed
    )
    view.open(report_of(tmp_path, segment))
    told = view.page.inner_text(".errors .newest")
    assert "Money back · test_a.py::test_b" in told
    assert 'search {"order": 4711}' in told
    view.go("#/run/test")
    view.until("!!document.querySelector('a.message.run')")
    assert 'search {"order": 4711}' in view.page.inner_text("a.message.run")
    view.page.click("a.message.run")
    view.shows("first failing call")


def test_sub_runs_unended_runs_and_orphans_are_told(view: View, tmp_path: Path) -> None:
    """A sub-run stands in the waterfall of its parent; what has no end, or no record of its own, is called so."""
    segment = SegmentFile().run(
        "parent", tool_call_item("parent", "t"), prompt={"user_prompt": "outer"}, end_time=at(9)
    )
    segment.run("inner", metadata={"parent_run_id": "parent"}, prompt={"user_prompt": "inner one"})
    segment.feedback("elsewhere", "thumbs_down")
    segment.record("journal", "died", run_item("died", prompt={"user_prompt": "still here?"}), path=None)
    spool = tmp_path / "spool"
    segment.write(spool)
    report_on(spool, output=tmp_path / "report.html")
    view.open(tmp_path / "report.html", "#/run/parent")
    view.until("!!document.querySelector('.bar-row .run')")
    view.go("#/run/died")
    view.shows("no end was recorded: it still runs, or its process died")
    assert "took\n—" in view.page.inner_text(".facts")
    view.go("#/runs?q=status:missing")
    view.until("document.querySelector('.counts [role=status] b')?.textContent === '1'")


def test_a_run_that_resent_its_history_to_60_megabytes_is_a_small_file(view: View, tmp_path: Path) -> None:
    """It opens, and its last step has the whole history."""
    history = "".join(f"{number:>99} " for number in range(2_000))
    steps = [
        step_item("big", f"s{n}", start_time=at(n), end_time=at(n + 1), prompt=history[: 1_000 * n]) for n in range(200)
    ] + [step_item("big", f"t{n}", start_time=at(200 + n), end_time=at(201 + n), prompt=history) for n in range(200)]
    assert sum(len(step["prompt"]) for step in steps) > 59_000_000
    report = report_of(
        tmp_path, SegmentFile().record("run", "big", batch_of(run_item("big", start_time=at(0)), *steps))
    )
    assert report.stat().st_size < 1_000_000
    view.open(report, "#/run/big/s400")
    view.until("!!document.querySelector('#s400.selected .text')")
    view.page.click("#s400 .text button")
    view.until("document.querySelector('#s400 .text').textContent.trimEnd().endsWith(' 1999')")
