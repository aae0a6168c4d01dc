"""The journal's lines, without files or processes."""

import json
import subprocess
import sys
from pathlib import Path

from pydantic import TypeAdapter

from tcc_schemas.lines import Line, LineReader, encode
from tcc_schemas.records import SpoolLine
from tcc_uploader.spool.journal import DIED, Journal, recovered

AT = "2026-01-31T12:00:0{}.123Z"


def line(kind: str, ident: str, item: dict[str, object], second: int) -> bytes:
    """Return a journal line of an item."""
    body = json.dumps({"type": kind, "run_id": "r", **item}, separators=(",", ":")).encode()
    return encode("journal", ident, body, at=AT.format(second), run_id="r", key="0123abcd")


LINES = [
    line("run", "r", {"start_time": AT.format(0), "prompt": {"user_prompt": "p"}}, 0),
    line("tool_call", "t", {"tool_call_id": "t", "tool_name": "f", "start_time": AT.format(1)}, 1),
    line("step", "s", {"step_id": "s", "start_time": AT.format(1), "end_time": AT.format(2)}, 2),
    line("run", "r", {"start_time": AT.format(0), "prompt": {"user_prompt": "p"}, "metadata": {"a": "b"}}, 3),
]


def recover(data: bytes) -> dict[str, object] | None:
    """Return the body of what is recovered from these bytes."""
    journal = Journal()
    found = {read.number: read for read in LineReader().read(data) if isinstance(read, Line)}
    for read in found.values():
        journal.note(read)
    run = journal.open.get("r")
    if run is None:
        return None
    children = [found[child.number] for child in run.children.values()]
    record = recovered(run.place, found[run.own.number], children)
    assert (record.kind, record.id, record.number, record.key) == ("run", "r", 1, "0123abcd")
    body: dict[str, object] = json.loads(record.body)
    return body


def test_a_journal_torn_at_any_byte_gives_what_is_whole() -> None:
    """Cut anywhere, each whole line counts and no other; the last sign of life is the end."""
    data = b"".join(LINES)
    for cut in range(len(data) + 1):
        whole = data[:cut].count(b"\n")
        body = recover(data[:cut])
        if body is None:
            assert whole == 0
            continue
        items = body.get("items", [body])
        assert isinstance(items, list)
        assert len(items) == min(whole, 3)
        assert items[0]["end_time"] == AT.format(whole - 1)
        assert (items[0]["status_code"], items[0]["status_message"]) == (2, DIED)
        assert ("metadata" in items[0]) == (whole == 4)
        assert [item["type"] for item in items] == ["run", "step", "tool_call"][: len(items)] or whole == 2


def test_a_run_that_ended_is_not_open_whatever_comes_late() -> None:
    """A line of the journal that a thread adds after the run's record reopens nothing."""
    journal = Journal()
    lines = [read for read in LineReader().read(b"".join(LINES)) if isinstance(read, Line)]
    journal.note(lines[0])
    journal.end("r")
    for late in lines[1:]:
        journal.note(late)
    assert not journal.open
    assert journal.known == {"r"}


def test_a_child_without_its_run_is_nobody_s() -> None:
    """What belongs to no journaled run, as after damage, is left out."""
    assert recover(b"".join(LINES[1:3])) is None


RECORDER = """
import sys
import tcc_recorder as tcc
tcc.configure(spool_dir=sys.argv[1], journal=True)
run = tcc.run("r").metadata(early="1")
run.prompt("p").response("r")
run.step().prompt("p").response("r").end()
late = run.step()
run.metadata(late="2")
run.end()
late.prompt("late").response("late").end()
"""


def test_the_recorder_writes_what_the_schema_says(tmp_path: Path) -> None:
    """Every line of a journaled segment is as the schemas describe it, and a run is journaled once per change."""
    subprocess.run([sys.executable, "-c", RECORDER, str(tmp_path)], check=True)
    [path] = tmp_path.iterdir()
    lines = path.read_bytes().splitlines()
    for written in lines:
        TypeAdapter(SpoolLine).validate_json(written)
    kinds = [json.loads(written)["kind"] for written in lines]
    assert kinds == ["segment", "journal", "journal", "journal", "run", "step", "seal"]
