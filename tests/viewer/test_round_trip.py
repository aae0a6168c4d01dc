"""Everything that was recorded can be read in a report, and reads as it was recorded."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from support.browser import View
from support.faults import SegmentFile, batch_of, run_item, step_item, tool_call_item
from support.reports import as_set, at, children_of, report_of, report_on
from tcc_uploader.inspect.runs.kinds.read import is_post
from tcc_uploader.inspect.runs.reader import RunReader
from tcc_uploader.sources.paths import sources_of

TRACES = Path(__file__).parents[2] / "sample_traces"


def raw_of(view: View, run_id: str) -> dict[str, Any]:
    """Return what the page shows of a run as raw JSON."""
    view.page.evaluate("id => { location.hash = '#/run/' + encodeURIComponent(id); }", run_id)
    view.until(f"document.querySelector('.ids code')?.textContent === {json.dumps(run_id)}")
    view.until("!!document.querySelector('.beside')")
    view.page.keyboard.press("r")
    view.until("!!document.querySelector('pre.raw')")
    value = json.loads(view.page.evaluate("document.querySelector('pre.raw').textContent"))
    assert isinstance(value, dict)
    return value


def test_every_member_of_the_sample_traces_stands_in_the_raw_view(view: View, tmp_path: Path) -> None:
    """Runs, steps, tool calls and feedback are there, each with all of its members, whichever file they came from."""
    expected: dict[str, list[dict[str, Any]]] = defaultdict(list)
    report_on(TRACES, output=tmp_path / "report.html")
    with RunReader(sources_of([TRACES])) as reader:
        for runs in (reader.newest_first(), reader.without_record()):
            for run in runs:
                lines = [record.line for record in run.records if not is_post(record.line)]
                expected[run.id] += [item for line in lines for item in children_of(orjson.loads(line.body))]
    view.open(tmp_path / "report.html")
    assert len(expected) > 10
    for run_id, items in expected.items():
        if not items:
            continue  # it was posted, with members of other names
        raw = raw_of(view, run_id)
        shown = [*raw["items"], *raw.get("feedback", [])]
        latest = {item.get("step_id") or item.get("tool_call_id") or str(item): item for item in items}
        assert as_set(shown) == as_set(latest.values()), run_id


def test_long_integers_keep_their_digits(view: View, tmp_path: Path) -> None:
    """Ids and nanoseconds beyond 2^53: in the raw view, in arguments, in metadata, and in a search for one of them."""
    long, longest = 9007199254740993, 123456789012345678901234567890
    args = f'{{"order": {longest}, "note": "\\\\", "quoted": "\\": {longest}", "small": [-1, 1.5e3, -{long}]}}'
    run = run_item("r", metadata={"id": long}, nanoseconds=[-long, 5, 2**64 - 1], prompt={"$": [1, "x"]})
    call = tool_call_item("r", "t", tool_name="find", args=args)
    step = step_item("r", "s", prompt={"$": [3, "recorded so"]})
    view.open(report_of(tmp_path, SegmentFile().record("run", "r", batch_of(run, step, call))))
    raw = raw_of(view, "r")
    assert raw["items"] == [run, step, call]
    view.page.keyboard.press("r")
    view.shows(f'"order": {longest}')
    view.shows(f'"quoted": "\\": {longest}"')
    view.shows(f"-{long}")
    assert view.page.inner_text(".pairs dd") == str(long)
    view.go(f"#/runs?q={longest}")
    view.until("document.querySelectorAll('.run-row mark').length === 1")


TEXTS = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Cf", "Zl", "Zp"]) | st.sampled_from("😀é\n"), max_size=30
)
SHARED = st.sampled_from(["", "a" * 300, "😀" * 150 + "é" * 120, '[{"role": "user"}, ' * 20])
PROMPTS = st.lists(st.tuples(SHARED, TEXTS).map("".join) | TEXTS | st.none(), min_size=1, max_size=8)


@settings(max_examples=15)
@given(runs=st.lists(PROMPTS, min_size=1, max_size=5))
def test_what_is_not_repeated_in_the_file_is_whole_on_the_page(
    browser_view: View, tmp_path_factory: Any, runs: list[list[str | None]]
) -> None:
    """Prompts that begin alike, in whatever order, with characters of any width, come out as they went in."""
    segment = SegmentFile()
    for number, prompts in enumerate(runs):
        steps = [
            step_item(f"run-{number}", f"step-{n}", start_time=at(n), **({} if text is None else {"prompt": text}))
            for n, text in enumerate(prompts)
        ]
        segment.record("run", f"run-{number}", batch_of(run_item(f"run-{number}", start_time=at(0)), *steps))
    report = report_of(tmp_path_factory.mktemp("report"), segment)
    browser_view.open(report)
    for number, prompts in enumerate(runs):
        raw = raw_of(browser_view, f"run-{number}")
        assert [item.get("prompt") for item in raw["items"][1:]] == prompts
