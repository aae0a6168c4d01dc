"""`export` writes runs so that other programs read them, and nothing takes an export for a spool."""

import json
import math
import re
import sqlite3
import stat
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from support.faults import SegmentFile, step_item
from support.shell import Shell

SAMPLES = Path(__file__).parents[3] / "sample_traces"
STORY = SAMPLES / "book_shop.jsonl"


def rows(file: Path, query: str) -> list[tuple[object, ...]]:
    """Return what a query finds in a database."""
    with closing(sqlite3.connect(file)) as database:
        return database.execute(query).fetchall()


def test_tables_hold_every_run_with_its_children_feedback_and_metadata(shell: Shell, tmp_path: Path) -> None:
    """Counts, sums and joins in SQL say what the records say."""
    file = tmp_path / "runs.sqlite"
    shell.run("export", STORY, "--sqlite", file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert rows(file, "SELECT status, count(*) FROM runs GROUP BY status ORDER BY status") == [
        ("error", 7),
        ("partial", 1),
        ("success", 29),
    ]
    assert rows(file, "SELECT count(*) FROM feedback JOIN runs USING (run_id)") == [(6,)]
    assert rows(file, "SELECT count(*) FROM tool_calls WHERE status = 'error'") == [(2,)]
    assert rows(file, "SELECT DISTINCT value FROM metadata WHERE name = 'agent' ORDER BY value") == [
        ("researcher",),
        ("support",),
        ("weekly-report",),
    ]
    sums = "sum(tokens_in), sum(tokens_cached), sum(tokens_out), round(sum(cost), 6)"
    in_runs, in_steps = (rows(file, f"SELECT {sums} FROM {table}") for table in ("runs", "steps"))  # noqa: S608
    assert in_runs == in_steps
    columns = [name for (name,) in rows(file, "SELECT name FROM pragma_table_info('runs')")]
    assert columns == [
        *("run_id", "key_hint", "session_id", "start", "end", "ms", "status", "message", "prompt", "response"),
        *("model", "tokens_in", "tokens_cached", "tokens_out", "cost", "fate", "source", "attributes"),
    ]


def test_the_queries_of_the_readme_find_what_they_are_for(shell: Shell, tmp_path: Path) -> None:
    """Each model's and each session's cost, from the tables and from JSON lines; the first line of those is no run."""
    shell.run("export", STORY, "--sqlite", tmp_path / "runs.db")
    shell.run("export", STORY, "--jsonl", tmp_path / "runs.jsonl")
    readme = (SAMPLES.parent / "docs" / "see.md").read_text(encoding="utf-8")
    by_model, by_session = re.findall(r'^(?:sqlite3 runs.db|duckdb -c) "(SELECT .*)"$', readme, re.MULTILINE)
    costs = {str(model): cost for model, _, cost in rows(tmp_path / "runs.db", by_model)}
    assert len(costs) > 2
    assert all(costs.values())
    first, *lines = map(json.loads, (tmp_path / "runs.jsonl").read_text(encoding="utf-8").splitlines())
    assert first == {"tcc_export": 1}
    with closing(sqlite3.connect(":memory:")) as database:  # a table as DuckDB and pandas make it of the lines
        database.execute("CREATE TABLE 'runs.jsonl' (run_id, session_id, model, cost)")
        columns = ("run_id", "session_id", "model", "cost")
        values = [[line.get(name) for name in columns] for line in (first, *lines)]
        database.executemany("INSERT INTO 'runs.jsonl' VALUES (?, ?, ?, ?)", values)
        found = dict(database.execute(by_session))
    assert found.keys() == {line["session_id"] for line in lines}
    assert math.isclose(sum(found.values()), sum(costs.values()))


def test_damage_and_what_belongs_to_runs_elsewhere_have_their_rows(shell: Shell, tmp_path: Path) -> None:
    """A torn tail is a row, an unreadable file is one, and so is late feedback of a run that is not here."""
    SegmentFile().feedback("elsewhere").run("here").raw(b"torn").write(shell.spool)
    (shell.spool / "other.jsonl").write_bytes(b"no json")
    file = tmp_path / "runs.sqlite"
    shell.run("export", "--sqlite", file)
    assert rows(file, "SELECT run_id FROM runs") == [("here",)]
    assert rows(file, "SELECT run_id, score FROM feedback") == [("elsewhere", "thumbs_up")]
    reasons = [str(reason) for (reason,) in rows(file, "SELECT reason FROM damage ORDER BY reason")]
    assert [reason[:8] for reason in reasons] == ["no JSON ", "the last"]


def test_lines_hold_a_run_each_and_begin_by_saying_what_they_are(shell: Shell, tmp_path: Path) -> None:
    """Whole runs, nested; the same on standard output; and only those that were asked for."""
    file = tmp_path / "runs.jsonl"
    shell.run("export", STORY, "--jsonl", file)
    first, *runs = map(json.loads, file.read_text().splitlines())
    assert first == {"tcc_export": 1}
    assert Counter(run["status"] for run in runs) == {"success": 29, "error": 7, "partial": 1}
    assert sum(len(run["steps"]) for run in runs) == STORY.read_text().count('"type":"step"')
    assert shell.run("export", STORY, "--jsonl", "-") == file.read_text()
    assert len(shell.run("export", STORY, "--jsonl", "-", "--status", "error", "-n", "3").splitlines()) == 4


@pytest.mark.parametrize("option", ["--jsonl", "--sqlite"])
def test_replay_says_that_an_export_is_no_spool(shell: Shell, tmp_path: Path, option: str) -> None:
    """Nothing of it is sent, and no letter is made of its lines."""
    file = tmp_path / "export.jsonl"
    shell.run("export", STORY, option, file)
    shell.run("replay", file, code=77)
    assert "an export or report, made to be looked at" in shell.printed
    assert shell.status()["counts"]["records"] == 0


def test_an_export_replaces_nothing_and_leaves_nothing_unfinished(shell: Shell, tmp_path: Path) -> None:
    """A file that is there is a usage error; what can't be written leaves no file; no run is 66."""
    file = tmp_path / "there"
    file.write_text("precious")
    for option in ("--jsonl", "--sqlite"):
        shell.run("export", STORY, option, file, code=2)
        shell.run("export", STORY, option, tmp_path / "missing" / "file", code=75)
    shell.run("export", STORY, code=2)
    shell.run("export", STORY, "--jsonl", "-", "--session", "nobody's", code=66)
    assert file.read_text() == "precious"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["there"]


def test_whatever_a_member_holds_it_can_be_written(shell: Shell, tmp_path: Path) -> None:
    """Numbers beyond any integer, texts where numbers belong and odd file names are no reason to fail."""
    step = step_item(
        "r", "s", prompt_uncached_tokens=1e300, completion_tokens="x", real_total_cost=1e308, attributes=[1]
    )
    SegmentFile().run("r", step, step | {"step_id": "t"}, prompt={"user_prompt": {"a": ["\0"]}}).write(shell.spool)
    os_name = b"\xff.jsonl"
    next(shell.spool.iterdir()).rename(shell.spool / os_name.decode(errors="surrogateescape"))
    for option in ("--jsonl", "--sqlite"):
        shell.run("export", option, tmp_path / f"out{option}")
    shell.run("report", "--output", tmp_path / "page.html")
    shell.run("runs", "--json")
    assert rows(tmp_path / "out--sqlite", "SELECT run_id, prompt FROM runs") == [("r", '{"a":["\\u0000"]}')]
