"""What a report's file holds: packed without loss, no larger than asked, the same bytes each time."""

import base64
import hashlib
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.faults import SegmentFile, run_item
from support.reports import at, blocks, conversations, report_of, report_on
from tcc_uploader.inspect.report.chunks import CHUNK, shared_length, shortened, utf16_length
from tcc_uploader.inspect.report.masks import kind_of, masked
from tcc_uploader.inspect.report.page import asset, policy
from tcc_uploader.inspect.report.write import Budget
from tcc_uploader.inspect.runs.values import Outcome, Run, Step


def whole(steps: list[dict[str, Any]]) -> list[object]:
    """Return the prompts of packed steps as they were recorded: what the page does."""
    prompts: list[object] = []
    before = b""
    for step in steps:
        prompt = step.get("prompt")
        if isinstance(prompt, dict):
            length, rest = prompt["$"]
            prompt = before[: 2 * length].decode("utf-16-le") + rest if isinstance(rest, str) else rest
        before = prompt.encode("utf-16-le") if isinstance(prompt, str) else before
        prompts.append(prompt)
    return prompts


LIKE_OURS = st.sampled_from([{"$": [1, "b"]}, {"$": 5}, {"$": [0, {"$": []}]}])
PARTS = st.sampled_from(["a" * 300, "😀" * 130, "é" * 250, "b", "😁", ""])


@given(st.lists(st.lists(PARTS, max_size=4).map("".join) | st.none() | st.integers() | LIKE_OURS, max_size=8))
def test_steps_are_shortened_without_loss(prompts: list[object]) -> None:
    """Whatever the prompts share, they can be put together again; also if one looks like what we write."""
    steps = [Step(id=str(n), outcome=Outcome.SUCCESS, wire={"prompt": text}) for n, text in enumerate(prompts)]
    assert whole(shortened(steps)) == prompts


def test_a_history_that_every_step_resends_is_kept_once() -> None:
    """The size grows with what is new in a step, not with all that came before; a search still finds whole phrases."""
    texts = [" ".join(f"word{n}" for n in range(100 * length)) for length in range(1, 21)]
    steps = [Step(id=text[-9:], outcome=Outcome.SUCCESS, wire={"prompt": text}) for text in texts]
    packed = json.dumps(shortened(steps))
    assert len(packed) < 2 * len(texts[-1]) + 100 * 20 < sum(map(len, texts)) / 4
    assert "word99 word100" in packed


@given(st.text(), st.text(), st.text())
def test_the_shared_beginning_is_as_long_as_it_can_be(shared: str, one: str, other: str) -> None:
    """It is compared with the simplest way to find it."""
    a, b = shared + one, shared + other
    length = next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    assert shared_length(a, b) == length


def test_lengths_are_those_of_the_page() -> None:
    """JavaScript counts a character beyond the first 65,536 as two."""
    assert (utf16_length("aé"), utf16_length("😀"), utf16_length("")) == (2, 2, 0)


def test_the_index_finds_each_run_in_its_chunk(tmp_path: Path) -> None:
    """Places are in bytes of the unpacked chunk; only a run of its own may exceed a chunk's size."""
    big = run_item("big", prompt={"user_prompt": "x" * CHUNK})
    found = blocks(report_of(tmp_path, conversations(300), SegmentFile().record("run", "big", big)))
    index = json.loads(found["index"])
    columns = index["columns"]
    assert len(columns["id"]) == 301
    assert list(found)[1:] == [f"c{n}" for n in range(index["chunks"])] + ["end"]
    for run_id, chunk, offset, length in zip(
        columns["id"], columns["chunk"], columns["offset"], columns["length"], strict=True
    ):
        body = json.loads(found[f"c{chunk}"][offset : offset + length])
        assert body["run"]["run_id"] == run_id
        assert len(found[f"c{chunk}"]) <= CHUNK or run_id == "big"


def test_the_same_runs_give_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A report can be compared, cached and signed; nobody else may read it."""
    first = report_of(tmp_path / "a", conversations(50))
    second = tmp_path / "b.html"
    monkeypatch.setattr("time.time", lambda: 1e9)
    report_on(tmp_path / "a" / "reported", output=second)
    assert first.read_bytes() == second.read_bytes()
    assert stat.S_IMODE(first.stat().st_mode) == 0o600


def test_a_failure_leaves_the_old_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is complete or not there, and no temporary file stays."""
    (tmp_path / "report.tmp").write_text("somebody's own")
    report = report_of(tmp_path, conversations(5))
    before = report.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfileobj", full)
    with pytest.raises(OSError, match="No space left"):
        report_on(tmp_path / "reported", output=report)
    assert report.read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"reported", "report.html", "report.tmp"}


def test_above_the_size_failures_keep_their_contents_longest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest runs come first, then what people look for; every run keeps its row, and the note says how many."""
    monkeypatch.setattr("tcc_uploader.inspect.report.chunks.CHUNK", 32 * 1024)  # so that a small report has many
    everything = report_of(tmp_path / "all", conversations(2000)).stat().st_size
    report = report_of(tmp_path / "some", conversations(2000), max_size=everything * 9 // 10)
    assert report.stat().st_size < everything * 9 // 10
    index = json.loads(blocks(report)["index"])
    columns = index["columns"]
    assert len(columns["id"]) == 2000
    left_out = [n for n, chunk in enumerate(columns["chunk"]) if chunk < 0]
    assert len(left_out) > 50
    assert min(left_out) > 500, "the newest keep theirs"
    assert all(columns["status"][n] == 0 for n in left_out), "those that failed keep theirs"
    assert f"Contents left out because of --max-size: {len(left_out):,} runs." in index["notes"]


@pytest.mark.parametrize(
    ("run", "size", "kept"),
    [
        (Run(id="r", outcome=Outcome.SUCCESS), 0, True),
        (Run(id="r", outcome=Outcome.SUCCESS), 900, False),
        (Run(id="r", outcome=Outcome.ERROR), 900, True),
        (Run(id="r", outcome=Outcome.ERROR), 1000, False),
    ],
)
def test_who_keeps_contents(run: Run, size: int, *, kept: bool) -> None:
    """A run that nobody looks for yields at four fifths of the size, any other at the size."""
    budget = Budget(1000)
    for _ in range(100):
        budget.keeps(Run(id="slow", outcome=Outcome.SUCCESS), 0)
    assert budget.keeps(run, size) is kept


def test_without_content_no_recorded_text_is_in_the_file(tmp_path: Path) -> None:
    """Ids, names, numbers and the kinds of errors are; prompts, answers, arguments, results and messages are not."""
    report = report_of(tmp_path, conversations(50), contents=False)
    data = report.read_text() + str(blocks(report))
    for text in ("Where is my order", "Härkingen", "4711", "shipped", "You sell books", "no answer in"):
        assert text not in data
    for text in ("run-7", "find_order", "TimeoutError", "gpt-4.1-2026-04-14", "conversation-3"):
        assert text in data


def test_the_policy_names_the_program_and_style_that_are_in_the_page(tmp_path: Path) -> None:
    """The hashes are those of the bytes between the tags."""
    page = report_of(tmp_path, SegmentFile().run("a")).read_text(encoding="utf-8")
    for tag, source in (('script id="app"', "script-src"), ("style", "style-src")):
        text = page.split(f"<{tag}>", 1)[1].split(f"</{tag.split()[0]}>", 1)[0]
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{source} 'sha256-{digest}'" in page
    assert f'content="{policy()}"' in page
    assert asset("app.css") in page


def test_two_runs_of_one_id_under_two_keys_are_two_rows(tmp_path: Path) -> None:
    """The second one's name tells its key."""
    segment = SegmentFile().run("same", key_hint="11111111").run("same", key_hint="22222222")
    columns = json.loads(blocks(report_of(tmp_path, segment))["index"])["columns"]
    first, second = sorted(columns["id"])
    assert first == "same"
    assert second in ("same (11111111)", "same (22222222)")


def test_a_run_that_was_recorded_twice_is_one_row(tmp_path: Path) -> None:
    """The row says how often it was recorded."""
    segment = SegmentFile().run("twice", response="1").later(at(9)).run("twice", response="2")
    columns = json.loads(blocks(report_of(tmp_path, segment))["index"])["columns"]
    assert (columns["id"], columns["copies"]) == (["twice"], [2])


@pytest.mark.parametrize(
    ("message", "mask", "kind"),
    [
        ("TimeoutError: no answer in 10 s", "TimeoutError: no answer in # s", "TimeoutError"),
        ("[Errno 111] refused (10.0.54.7:443)", "[Errno #] refused (#)", ""),
        (
            "openai.APIError: request 01a201a0-6252-754a-ae7e-09e9758b18ed",
            "openai.APIError: request #",
            "openai.APIError",
        ),
        ("object at\n 0x7f22", "object at #", ""),
        ("", "", ""),
    ],
)
def test_messages_are_masked(message: str, mask: str, kind: str) -> None:
    """What differs from run to run is gone; what tells the errors apart stays."""
    assert (masked(message), kind_of(message)) == (mask, kind)
