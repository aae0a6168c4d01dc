"""What the official packages posted has pages like any run; what can't be read is shown as posted, never as markup."""

from pathlib import Path

import pytest

from support.browser import View
from support.posts import PROTOBUF, Posted, official_lines, post, segment_of
from support.reports import report_on

HOSTILE = "<img src=x onerror=alert(1)>\u202e</script>"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a report on recordings of several packages, and on posts that nothing can read."""
    folder = tmp_path_factory.mktemp("posts")
    lines = official_lines("py_agno", "py_langchain", "py_claude", "py_litellm", "js_otel")
    lines.append(post("/v1/future", {"hello": HOSTILE}).line("future"))
    lines.append(Posted("/v1/traces", b"\xff" + HOSTILE.encode(), PROTOBUF).line("damaged"))
    spans = [{"name": HOSTILE, "spanId": "1", "attributes": [{"key": HOSTILE, "value": {"stringValue": HOSTILE}}]}]
    root = {"name": HOSTILE, "spanId": "2"}
    traces = {"resourceSpans": [{"scopeSpans": [{"spans": [spans[0] | {"parentSpanId": "2"}, root]}]}]}
    lines.append(post("/v1/traces", traces).line("hostile"))
    segment_of(*lines).write(folder / "spool")
    report_on(folder / "spool", output=folder / "report.html")
    return folder / "report.html"


def test_a_trace_has_the_page_of_a_run(view: View, report: Path) -> None:
    """Calls over time, what was sent and answered, arguments beside the result, and what else the root tells."""
    view.open(report, "#/run/295651ef-d21f-4b89-bfad-75679c520b94")
    for text in ("success", "weather in Bern?", "2 LLM · 1 tool", "gpt-4o", "get_weather", "4 C", "It is 4 °C."):
        view.shows(text)
    assert view.page.inner_text(".pairs").count("fleet-mendel-909db16a") == 1


def test_a_node_is_among_the_calls(view: View, report: Path) -> None:
    """It has a bar, a card with input and output, and an address."""
    view.open(report, "#/run/11111111-1111-1111-1111-111111111111/o1")
    view.until("document.querySelector('.message.span.selected') !== null")
    assert view.page.inner_text(".bar-row >> nth=0").startswith("execute_task")
    card = view.page.inner_text(".message.span.selected")
    for text in ("execute_task ChatPromptTemplate", "input", "output", "attributes", "traceloop.span.kind"):
        assert text in card


def test_what_can_t_be_read_is_shown_as_posted(view: View, report: Path) -> None:
    """Path, size, type and reason, with its JSON or the beginning of its bytes; none of it is markup."""
    view.open(report, "#/run/future")
    for text in (
        "post /v1/future",
        "bytes · application/json",
        "this version does not know",
        "<img src=x onerror=alert(1)>",
    ):
        view.shows(text)
    view.shows("⟨202e⟩")
    view.go("#/run/damaged")
    for text in ("it is no OTLP message of traces", "begins with, in base64", "/zxpbWcg"):
        view.shows(text)
    view.go("#/run/hostile")
    view.shows("⟨202e⟩</script>")
    assert view.page.evaluate("document.querySelectorAll('main img').length") == 0


def test_posts_are_found_by_their_outcome_and_by_any_of_their_texts(view: View, report: Path) -> None:
    """A chip for the unknown outcome; a search finds what only attributes or unread posts hold."""
    view.open(report, "#/runs?q=status%3Aunknown")
    view.until("document.querySelectorAll('.run-row').length === 3")
    view.go("#/runs?q=ChatPromptValue")
    view.until("document.querySelectorAll('.run-row mark').length === 1")
    view.go("#/runs?q=onerror")
    view.until("document.querySelectorAll('.run-row mark').length === 2")
