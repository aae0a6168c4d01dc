"""Whoever writes a record may write anything; a report shows it, and does nothing that it says."""

from pathlib import Path

import pytest

from support.browser import View
from support.faults import SegmentFile, batch_of, run_item, step_item, tool_call_item
from support.reports import at, report_of

HOSTILE = [
    "<script>window.pwned=1</script>",
    "<img src=x onerror=window.pwned=2>",
    "</script><script>window.pwned=3</script>",
    "<!--<script>",
    "{{constructor.constructor('window.pwned=4')()}}",
    "javascript:window.pwned=5",
    "\u2028\u2029\x01\ufeff",
    "\u202egnirts lortnoc idib\u202c",
    "[click](javascript:window.pwned=6)",
    "<svg/onload=window.pwned=7>",
    "]]>--><script>window.pwned=8</script>",
    "<style>body{display:none}</style>",
    "__proto__",
    "${window.pwned=9}",
    "\x1b[2J\x1b]0;pwned\x07",
    "%",
    "a/b?c#d",
]


ELEMENTS = "[...document.querySelectorAll('script, style, link, iframe, img')].map(one => one.outerHTML.slice(0, 90))"
ATTEMPTS = {
    "markup": "document.body.insertAdjacentHTML('beforeend', '<img src=x>')",
    "script": "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.ran = 1'}))",
    "handler": "document.querySelector('h1').setAttribute('onclick', 'window.ran = 1')",
    "request": "fetch('http://127.0.0.1:9/').then(() => { window.ran = 1; }, () => {})",
    "form": "document.body.appendChild(Object.assign(document.createElement('form'), {action: 'http://[::1]:9'})).submit()",
}


def hostile_run(number: int, text: str) -> SegmentFile:
    """Return a run that has this text in every place where a text can be."""
    ident = f"{number}-{text}"
    times = {"start_time": at(number), "end_time": at(number + 0.5)}
    items = [
        run_item(
            ident,
            **times | {"status_code": number % 3, "status_message": text, "response": text, "session_id": text},
            prompt={"user_prompt": text, "system_prompt": text, text: text},
            metadata={text: text, "agent": text, "__proto__": "x", "constructor": text, "test.nodeid": text},
        ),
        step_item(
            ident,
            f"s-{ident}",
            **times,
            prompt=text,
            response=text,
            model_requested=text,
            model_used=text,
            finish_reason=text,
            tool_definitions=text,
            attributes={text: text},
        ),
        tool_call_item(ident, f"t-{ident}", **times | {"tool_name": text, "status_code": 2}, args=text, result=text),
    ]
    segment = SegmentFile().record("run", ident, batch_of(*items), run_id=ident)
    return segment.record("feedback", f"f{number}", {"runId": ident, "text": text}, run_id=ident, path="/v1/feedback")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a report on hostile runs."""
    segments = (hostile_run(number, text) for number, text in enumerate(HOSTILE))
    return report_of(tmp_path_factory.mktemp("report"), *segments)


def test_no_recorded_text_becomes_markup_script_or_request(view: View, report: Path) -> None:
    """Every page of every hostile run shows what it holds, and the page stays ours."""
    view.open(report)
    own = set(view.page.evaluate(ELEMENTS))
    for view_of in ("#/runs", "#/sessions", "#/runs?q=pwned", "#/run/%", "#/session/%E0%A4%A"):
        view.go(view_of)
        view.until(f"location.hash.startsWith({view_of[:6]!r}) && !!document.querySelector('main')")
    for number, text in enumerate(HOSTILE):
        view.page.evaluate("id => { location.hash = '#/run/' + encodeURIComponent(id); }", f"{number}-{text}")
        view.until(f"document.querySelector('.ids code')?.textContent.startsWith('{number}-')")
        view.until("!!document.querySelector('.beside')")
        view.page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
        view.page.keyboard.press("r")
        view.until("!!document.querySelector('pre.raw')")
        view.page.evaluate("id => { location.hash = '#/session/' + encodeURIComponent(id); }", text)
        view.until("!!document.querySelector('.turn .error-line')")
    now = set(view.page.evaluate(ELEMENTS))
    assert now == own
    assert view.page.evaluate("window.pwned") is None
    assert view.page.evaluate("({}).polluted ?? Object.keys(Object.prototype).length") == 0


def test_what_is_hidden_or_changes_the_direction_is_shown(view: View, report: Path) -> None:
    """Control characters stand as ⟨…⟩."""
    view.open(report)
    page = view.page
    for number, shown in ((7, "⟨202e⟩gnirts lortnoc idib⟨202c⟩"), (14, "⟨001b⟩[2J⟨001b⟩]0;pwned⟨0007⟩")):
        page.evaluate("id => { location.hash = '#/run/' + encodeURIComponent(id); }", f"{number}-{HOSTILE[number]}")
        view.shows(shown)


def test_the_policy_of_the_page_refuses_what_a_slip_of_ours_would_let_in(browser: object, report: Path) -> None:
    """Even a script that ran in the page could add no markup and no script, and reach no server."""
    view = View(browser)  # type: ignore[arg-type]
    view.open(report)
    for attempt in ATTEMPTS.values():
        view.page.evaluate(f"(async () => {{ try {{ await ({attempt}) }} catch {{}} }})()")
    view.page.evaluate("document.querySelector('h1').click()")
    assert view.page.evaluate("window.ran") is None
    assert view.page.locator("img").count() == 0
    assert view.page.url.startswith("file:")
    assert not [fault for fault in view.faults if fault.startswith(("request", "dialog"))]
    assert len([fault for fault in view.faults if "Content Security Policy" in fault or "Trusted" in fault]) >= 5
    view.faults.clear()
    view.close()
