"""``tcc-upload report``: what it takes, what it refuses, and what it says."""

import json
import shutil
from pathlib import Path

import pytest

from support.faults import SegmentFile
from support.reports import blocks, conversations
from support.shell import Shell


def test_the_default_spool_becomes_one_file(shell: Shell, tmp_path: Path) -> None:
    """With a line that says how many runs it holds; a second one replaces it, with the same bytes at the same time."""
    conversations(30).seal().write(shell.spool)
    report = tmp_path / "report.html"
    shell.run("report", "-o", report, SOURCE_DATE_EPOCH="1790000000")
    assert f"{report}: 30 runs, 2 failed, " in shell.printed
    first = report.read_bytes()
    shell.run("report", "-o", report, SOURCE_DATE_EPOCH="1790000000")
    assert report.read_bytes() == first


def test_paths_archives_and_standard_input_are_taken(shell: Shell, tmp_path: Path) -> None:
    """Everything that replay takes."""
    segment = SegmentFile().run("a").seal().write(shell.spool)
    shell.run("bundle", "-o", tmp_path / "some.tar.gz")
    for source in (shell.spool, segment, tmp_path / "some.tar.gz"):
        shell.run("report", source, "-o", tmp_path / "report.html")
    assert shell.printed.count("report.html: 1 run, ") == 3


def test_runs_are_chosen_as_elsewhere(shell: Shell, tmp_path: Path) -> None:
    """By status, session, time, number, model, tool and text; the page says what was asked for."""
    conversations(40).seal().write(shell.spool)
    report = tmp_path / "report.html"
    for options, runs in (
        (("--status", "error"), 2),
        (("--session", "conversation-1"), 4),
        (("-n", "3"), 3),
        (("--tool", "find_order", "--model", "gpt"), 40),
        (("--grep", "no answer in"), 2),
    ):
        shell.run("report", "-o", report, *options)
        assert f"report.html: {runs} run" in shell.printed.splitlines()[-1]


def test_a_report_is_no_source(shell: Shell, tmp_path: Path) -> None:
    """Every command that reads sources says what it is; a report on nothing is made all the same."""
    SegmentFile().run("a").seal().write(shell.spool)
    report = tmp_path / "report.html"
    shell.run("report", "-o", report)
    shell.run_anyhow("replay", report)
    shell.run("report", report, "-o", tmp_path / "again.html", code=75)
    assert shell.printed.count("an export or report, made to be looked at") >= 2
    assert (tmp_path / "again.html").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("-o", "spool.jsonl"), "must end in .html"),
        (("--max-size", "200 MB"), "give bytes, or 64k, 200M, 1G (1k is 1,024); 0 for any size"),
    ],
)
def test_usage_errors(shell: Shell, arguments: tuple[str, ...], told: str) -> None:
    """Each says what to give; nothing is written."""
    shell.run("report", *arguments, code=2)
    assert told in shell.printed


def test_replay_writes_the_report_of_what_it_delivered(shell: Shell, tmp_path: Path) -> None:
    """With the fate of each run; of what it can't read twice, it writes none, and says what to do."""
    segment = SegmentFile().run("a", session_id="s").run("b").seal().write(shell.spool)
    report = tmp_path / "report.html"
    shell.run("replay", shell.spool, "--report", report, "--session", "s")
    assert f"{report}: 1 run, " in shell.printed
    index = json.loads(blocks(report)["index"])
    assert index["columns"]["fate"] == [2], "delivered"
    assert index["selection"] == "--session s"
    for options in (("-",), (segment, "--remove"), (segment, "--dry-run")):
        shell.run("replay", *options, "--report", report, code=2)
    assert "save standard input to a file first" in shell.printed
    shell.run("replay", shell.spool, "--report", tmp_path / "nowhere" / "report.html")
    assert "the result above is not affected" in shell.printed


def test_what_can_not_be_written_is_told(shell: Shell, tmp_path: Path) -> None:
    """A folder that is not there is an error of the command, not a traceback."""
    SegmentFile().run("a").seal().write(shell.spool)
    shell.run("report", "-o", tmp_path / "nowhere" / "report.html", code=75)
    assert "can't write" in shell.printed
    shutil.rmtree(shell.spool)
    shell.run("report", "-o", tmp_path / "report.html")
    assert "report.html: 0 runs" in shell.printed
