"""`runs`, `show` and `tail` show what was recorded: on terminals of any width, to other programs, and live."""

import json
import os
import pty
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from support import children
from support.faults import SegmentFile, run_item, step_item
from support.recorded import run_program
from support.shell import COMMAND, Shell
from support.worlds import PATIENCE, wait_until

SAMPLES = Path(__file__).parents[3] / "sample_traces"
STORY = str(SAMPLES / "book_shop.jsonl")
GOLDEN = Path(__file__).parent / "golden"
STYLE = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture
def terminal(shell: Shell) -> Callable[..., str]:
    """Give a function that runs a command on a terminal of some width, and returns what it shows."""

    def run(width: int, *arguments: str) -> str:
        ours, theirs = pty.openpty()
        environment = shell.environment | {"COLUMNS": str(width), "TERM": "xterm", "TZ": "UTC", "LANG": "C.UTF-8"}
        process = children.start(
            [COMMAND, *arguments], env=environment, stdin=subprocess.DEVNULL, stdout=theirs, stderr=subprocess.DEVNULL
        )
        os.close(theirs)
        data = b""
        try:
            while more := os.read(ours, 65536):
                data += more
        except OSError:  # the other side is closed
            pass
        finally:
            os.close(ours)
        assert process.wait(PATIENCE) == 0
        return data.decode().replace("\r\n", "\n")

    return run


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_a_terminal_of_any_width_shows_the_story_as_it_was_drawn(terminal: Callable[..., str], width: int) -> None:
    """List and tree fit the width; what is shown is what the golden files hold (GOLDEN_ANEW=1 writes them anew)."""
    commands = [("runs", STORY, "-n", "12"), ("show", "last-error", STORY), ("show", "a9fd1ce9", STORY)]
    told = [
        "".join(("$ tcc-upload ", " ".join(command).replace(STORY, "STORY"), "\n", terminal(width, *command)))
        for command in commands
    ]
    text = STYLE.sub("", "\n".join(told))
    file = GOLDEN / f"story-{width}.txt"
    if os.environ.get("GOLDEN_ANEW"):
        file.write_text(text)
    assert text == file.read_text()
    table = told[0].splitlines()[1:-1]  # the line of sums is not cut: the terminal breaks it
    assert max(len(STYLE.sub("", line)) for line in table) <= width


def test_a_terminal_shows_outcomes_in_color_unless_told_not_to(terminal: Callable[..., str], shell: Shell) -> None:
    """A failed run is red; with NO_COLOR nothing is colored, and its sign says the same."""
    assert "\x1b[1;31m✕" in terminal(100, "runs", STORY)
    shell.environment["NO_COLOR"] = "1"
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", found := terminal(100, "runs", STORY))
    assert "✕" in found


def test_other_programs_get_every_run_in_full(shell: Shell) -> None:
    """Piped, there are tabs, whole ids and times, no sums, and all runs; --json gives one object per line."""
    rows = [line.split("\t") for line in shell.run("runs", STORY).splitlines()]
    values = [json.loads(line) for line in shell.run("runs", STORY, "--json").splitlines()]
    assert len(rows) == len(values) == 37
    assert {len(row) for row in rows} == {13}
    assert [row[1] for row in rows] == [value["run_id"] for value in values]
    assert rows[0][:3] == ["success", values[0]["run_id"], values[0]["start"]]
    assert values[0].keys() >= {"run_id", "status", "ms", "model", "cost", "tokens_in", "metadata", "steps", "fate"}


@pytest.mark.parametrize(
    ("options", "number"),
    [
        (("--status", "error"), 7),
        (("--status", "error", "--status", "partial"), 8),
        (("--session", "book-shop-18"), 2),
        (("--model", "CLAUDE"), 5),
        (("--tool", "refund_policy", "--status", "success"), 3),
        (("--grep", r"order \*\*51\d\d"), 3),
        (("--grep", "returned..23"), 1),
        (("--since", "2026-11-23", "--until", "2026-11-23T00:20:00+00:00"), 7),
        (("-n", "3"), 3),
    ],
    ids=str,
)
def test_runs_are_chosen_by_what_is_in_them(shell: Shell, options: tuple[str, ...], number: int) -> None:
    """Status, session, model, tool, text, time and number: each leaves those that it names."""
    assert len(shell.run("runs", STORY, *options, TZ="UTC").splitlines()) == number


def test_nothing_to_show_is_told(shell: Shell) -> None:
    """66 if no run fits, 2 for what is no expression."""
    shell.run("runs", STORY, "--grep", "no such text", code=66)
    shell.run("runs", code=66)
    shell.run("runs", STORY, "--grep", "(", code=2)
    assert "no such run" in shell.printed


def test_a_run_is_found_by_any_unique_part_of_its_id(shell: Shell) -> None:
    """Beginning, end or all of it; several are listed with 2, none is 66, and so is a part of three letters."""
    for ident in ("sample-success", "ple-success", "sample-suc"):
        assert "Where is order 1042?" in shell.run("show", ident, str(SAMPLES))
    shell.run("show", "sample-conv", str(SAMPLES), code=2)
    assert all(f"sample-conversation-{number}" in shell.printed for number in (1, 2, 3))
    shell.run("show", "nowhere", str(SAMPLES), code=66)
    shell.run("show", "sam", str(SAMPLES), code=66)


def test_show_tells_everything_on_demand(shell: Shell) -> None:
    """--steps has every text, --raw the bytes that were recorded, --json all members of the run and its children."""
    texts = shell.run("show", "sample-success", str(SAMPLES), "--steps")
    assert all(text in texts for text in ("out for delivery since 08:12", '{"order":1042}', "I will look it up."))
    raw = shell.run("show", "sample-success", str(SAMPLES), "--raw")
    assert raw.strip() in (SAMPLES / "success.jsonl").read_text()
    assert json.loads(raw)["type"] == "batch"
    value = shell.json("show", "sample-success", str(SAMPLES))
    assert (value["status"], len(value["steps"]), len(value["tool_calls"])) == ("success", 2, 2)  # type: ignore[arg-type]


def test_damage_is_told_beside_the_runs(shell: Shell) -> None:
    """What can't be read is on standard error; the runs that can are listed."""
    assert len(shell.run("runs", str(SAMPLES / "torn_tail.jsonl")).splitlines()) == 2
    assert "damage in torn_tail.jsonl, the last line is torn" in shell.printed


def test_a_reader_that_goes_away_is_no_error(shell: Shell) -> None:
    """`tcc-upload runs | head -1` ends quietly."""
    done = run_program("/bin/sh", "-c", f"{COMMAND} runs {STORY} --json | head -n 1", env=shell.environment)
    assert (json.loads(done.stdout)["status"], done.stderr) == ("success", "")


def test_tail_shows_what_ends_while_it_runs(shell: Shell, tmp_path: Path) -> None:
    """The newest runs first, then each new one, also one of several lines; a segment that goes unread is told."""
    SegmentFile().run("before", prompt={"user_prompt": "an old one"}).write(shell.spool)
    with (tmp_path / "out").open("w+") as out:
        process = children.start([COMMAND, "tail"], env=shell.environment, stdout=out, stderr=out)
        printed = (tmp_path / "out").read_text
        wait_until(lambda: "an old one" in printed(), "the run that was there")
        segment = SegmentFile().step("large", "s1").step("large", "s2")
        path = segment.run("large", prompt={"user_prompt": "a new one"}, status_code=2, status_message="so what").write(
            shell.spool
        )
        wait_until(lambda: "so what" in printed(), "the run that came")
        with path.open("ab") as file:
            for line in SegmentFile().run("third", prompt={"user_prompt": "the third"}).lines[1:]:
                file.write(line[:50])
                file.flush()
                file.write(line[50:])
        wait_until(lambda: "the third" in printed(), "what was added")
        path.unlink()
        wait_until(lambda: "only counted" in printed(), "what went")
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
    lines = printed().splitlines()
    assert re.search(r"✕ large +0 ms 2\+0 +a new one$", lines[1])
    assert lines[2].strip() == "└ so what"
    assert [line for line in lines if "an old one" in line] == lines[:1]


def test_tail_can_be_read_by_programs_and_shows_only_what_is_asked_for(shell: Shell, tmp_path: Path) -> None:
    """--json prints one object per line, --status leaves out the others."""
    SegmentFile().run("r0").write(shell.spool)
    with (tmp_path / "out").open("w+") as out:
        process = children.start([COMMAND, "tail", "--json", "--status", "error"], env=shell.environment, stdout=out)
        printed = (tmp_path / "out").read_text
        number = 0

        def comes() -> bool:
            nonlocal number
            number += 1
            SegmentFile().run(f"good{number}").run(f"bad{number}", status_code=2).seal().write(shell.spool)
            return bool(printed())

        wait_until(comes, "a run that failed")
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
    assert {json.loads(line)["status"] for line in printed().splitlines()} == {"error"}


def test_hostile_text_takes_its_room_and_no_more(shell: Shell, terminal: Callable[..., str]) -> None:
    """Wide, joined and hidden characters, line breaks and tabs leave every row one line of the terminal's width."""
    texts = [
        "宽" * 90,
        "e\u0301" * 200,
        "\x1b[2J\x9b1m" * 9,
        "a\tb\r\nc\n\nd",
        "\u202egnirts",
        "سلام\u200c " * 20,
        "",
    ]
    segment = SegmentFile()
    for number, text in enumerate(texts):
        step = step_item(f"r{number}", "s", model_used=text, prompt_uncached_tokens=5)
        run = run_item(f"r{number}", prompt={"user_prompt": text}, metadata={"agent": text})
        segment.record("run", f"r{number}", {"type": "batch", "items": [run, step]}, run_id=f"r{number}")
    segment.write(shell.spool)
    lines = terminal(120, "runs").splitlines()
    assert len(lines) == len(texts) + 2
    assert all(STYLE.sub("", line).rstrip().endswith("0 ms") for line in lines[1:-1])
    assert "⟨001b⟩[2J⟨009b⟩1m" in "".join(lines)
