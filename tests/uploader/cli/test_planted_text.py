"""Whatever a record, a file name or a server says, no command lets a terminal obey it, or tells a key."""

import json
import re
from pathlib import Path

import pytest

from support.faults import KEY, FaultServer, Reply, Request, SegmentFile
from support.shell import Shell

HOSTILE = "\x1b]0;pwned\x07\x1b[31m\x9b31m\u202e\u200b\ufeff\U000e0041\x7f"
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069\ufeff\U000e0000-\U000e007f]")
TELLING = (
    ("replay", "--timeout", "2"),
    ("replay", "--timeout", "2", "--json"),
    ("status",),
    ("status", "--json"),
    ("dead", "list"),
    ("dead", "list", "--json"),
    ("dead", "show", "--all"),
    ("dead", "requeue", "--all", "--timeout", "2"),
    ("doctor",),
    ("doctor", "--json"),
)
"""What tells what a server said."""
OTHERS = (
    ("replay", "--dry-run"),
    ("replay", "--dry-run", "--json"),
    ("verify",),
    ("verify", "--json"),
    ("runs",),
    ("runs", "--json"),
    ("runs", "--grep", "(" + HOSTILE),
    ("show", "last"),
    ("show", "last", "--steps"),
    ("show", "last", "--json"),
    ("show", f"run{HOSTILE}"),
    ("export", "--jsonl", "no such folder " + HOSTILE + "/file"),
    ("drop", f"run{HOSTILE} {KEY}", f"id{HOSTILE} {KEY}", "url", "--yes"),
    ("dead", "drop", "--all", "--yes"),
    ("bundle", "-o", "bundle.tar.gz"),
    ("bundle", "-o", HOSTILE.replace("/", "") + ".exe"),
    ("replay", "no such file " + HOSTILE),
    ("replay", "--in-flight", HOSTILE),
    ("replay", "--adopt", KEY),
    ("replay", "--allow-path", KEY),
    ("help", KEY),
)


def plant(spool: Path) -> None:
    """Put hostile text and the key into every member, name and line that there is."""
    said = f"{HOSTILE} {KEY}"
    spool.mkdir()
    segment = SegmentFile(f"segment{said}").run(f"run{said}").run("url", url=f"https://evil.example/{said}")
    segment.record(f"kind{said}", f"id{said}", {"a": said}).record("post", "p", {}, path="/v1/later")
    segment.record("post", f"path{said}", {}, path=f"/v1/{said}").record(f"journal{said}", "j", {}, path=None)
    segment.run(
        f"shown{said}",
        {"type": "step", "step_id": said, "model_used": said, "status_code": 2, "status_message": said, "prompt": said},
        {"type": "tool_call", "tool_name": said, "args": said, "result": {said: said}},
        prompt={"user_prompt": said},
        session_id=said,
        start_time="2099-01-31T12:00:00Z",
        response=said,
        metadata={said: said},
        status_message=said,
    )
    segment.step(f"run{said}", f"step{said}", error=said).feedback(f"run{said}", score=said).seal().write(spool)
    (spool / f"plain{said.replace('/', '')}.jsonl").write_text(
        json.dumps({"no": said}, ensure_ascii=False) + "\n" + said
    )
    (spool / f"other{said.replace('/', '')}.jsonl").write_text("no json " + said)


ANSWERS = {
    "refuses and quotes": lambda request: Reply(400, body=(HOSTILE + " bad: Bearer ").encode() + request.key.encode()),
    "forbids and quotes": lambda request: Reply(403, body=b"forbidden: Bearer " + request.key.encode()),
    "knows no such key": lambda request: Reply(401, body=b"no such key: Bearer " + request.key.encode()),
    "redirects": lambda request: Reply(302, {"Location": "https://login.example/?key=" + request.key}),
    "takes some": lambda request: Reply(200 if b"run" in request.body else 422, body=request.key.encode()),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_no_command_lets_a_terminal_obey_what_was_planted_or_tells_the_key(
    shell: Shell, server: FaultServer, tmp_path: Path, name: str
) -> None:
    """Output, log, status file, letters and summary are text that is seen for what it is."""
    answer = ANSWERS[name]

    def behaviour(request: Request) -> Reply:
        return answer(request)

    server.behaviour = behaviour
    plant(shell.spool)
    summary = tmp_path / "summary.md"
    others = OTHERS if name == next(iter(ANSWERS)) else ()
    for command in (*TELLING, *others, ("replay", "--timeout", "2", "--summary", str(summary))):
        shell.printed = ""
        shell.run_anyhow(*command)
        assert shell.printed, command
        assert not OBEYED.findall(shell.printed), command
        assert KEY not in shell.printed, command
    told = re.sub(r"&#(\d+);", lambda found: chr(int(found[1])), summary.read_text())
    assert KEY not in told
    assert not OBEYED.findall(told)
    status = (shell.state / "status.json").read_text()
    assert KEY not in status
    for letter in (shell.state / "dead").glob("*.json"):
        value = json.loads(letter.read_text())
        for member in ("answer", "detail", "url"):
            assert KEY not in (value[member] or "")
            assert not OBEYED.findall(value[member] or "")


def test_what_is_told_in_json_is_what_was_there(shell: Shell, server: FaultServer) -> None:
    """For a machine nothing is replaced but keys: escapes say the same text."""
    SegmentFile(f"segment{HOSTILE}").run("r1").write(shell.spool)
    (check,) = shell.json("verify")["segments"]  # type: ignore[misc]
    assert check["id"] == f"segment{HOSTILE}"  # type: ignore[index]


def test_a_letter_is_shown_in_full_however_much_of_it_is_hidden(shell: Shell, server: FaultServer) -> None:
    """What stands as its number takes more room than it had, and nothing is cut off for that."""
    shell.spool.mkdir()
    (shell.spool / "plain.jsonl").write_text('{"no": "' + "\x1b" * 3000 + '"}\n')
    shell.run("replay", code=65)
    assert shell.run("dead", "show", "--all").count("⟨001b⟩") == 3000


def test_a_name_with_a_newline_in_it_is_shown_on_one_line(shell: Shell, server: FaultServer) -> None:
    """In output and log nobody but the program begins a line: it may be a command to a CI system, or a false report."""
    said = "x\n::error::forged"
    segment = SegmentFile(f"s{said}").run(f"dead{said}").run("url", url=f"https://evil.example/{said}")
    segment.record(f"kind{said}", f"id{said}", {"a": said}).record("post", "path", {}, path=f"/v1/{said}")
    segment.run("shown", session_id=said, status_message=said, status_code=2).raw(b"damage").write(shell.spool)
    (shell.spool / f"plain{said.replace('/', '')}.jsonl").write_text("{}\nno json\n")
    (shell.spool / f"archive{said.replace('/', '')}.zip").write_text("")
    server.behaviour = lambda request: Reply(400, body=said.encode()) if b"dead" in request.body else Reply()
    telling = [
        ["dead", "list"],
        ["dead", "show", "--all"],
        ["replay", "--dry-run"],
        ["doctor"],
        ["runs"],
        ["show", "dead"],
    ]
    for command in (
        ["replay", "--timeout", "1"],
        *telling,
        ["status"],
        ["verify"],
        ["drop", said, "--yes"],
        ["forget", said, "--yes"],
        ["bundle", "-o", f"b{said.replace('/', '')}.zip"],
        ["verify", f"b{said.replace('/', '')}.zip"],
        ["dead", "show", said],
        ["dead", "requeue", "--all", "--timeout", "1"],
        ["dead", "drop", "--all", "--yes"],
    ):
        shell.printed = ""
        shell.run_anyhow(*command)
        parts = shell.printed.splitlines() if command[:2] != ["dead", "show"] else []
        assert not [line for line in parts if line.lstrip().startswith("::error")], (command, shell.printed)
