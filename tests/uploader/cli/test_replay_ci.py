"""``replay`` as a step of a CI job: what fails the job, the summary page, and JSON for the steps behind it."""

import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from support.faults import KEY, FaultServer, Reply, SegmentFile, always, ok
from support.shell import Shell
from support.worlds import wait_until
from tcc_uploader.cli.exit_codes import FAIL_ON, Exit, FailOn, exit_of_replay
from tcc_uploader.cli.markdown import summary
from tcc_uploader.delivery.queue import DestinationReport
from tcc_uploader.delivery.result import ReplayResult
from tcc_uploader.model.fate import Counts

PAGE = (Path(__file__).parents[3] / "docs" / "ci.md").read_text()
HOSTILE = "x|`y`<img src=q onerror=p>@someone#1 [t](http:e) www.example.com\n# head\u202e*b*_i_~s~&amp;"


def result_of(
    counts: Counts | None = None,
    *,
    unreadable: dict[str, str] | None = None,
    wrong: list[str] | None = None,
    paused: list[DestinationReport] | None = None,
    trouble: str = "",
) -> ReplayResult:
    """Return the result of a replay."""
    return ReplayResult(
        counts=counts or Counts(),
        sent=Counts(),
        letters_apart=0,
        uncommitted=0,
        hints=[],
        damage=0,
        newer=0,
        interrupted=False,
        bytes_read=0,
        bytes_seen=0,
        unreadable=unreadable or {},
        problems=wrong or [],
        unread_files=[],
        left_out=0,
        runs_left_out=0,
        nothing_chosen=False,
        unended=0,
        waiting=0,
        paused=paused or [],
        partly_refused=[],
        timed_out=False,
        trouble=trouble,
    )


def test_an_outage_fails_the_job_only_if_asked_to(shell: Shell, server: FaultServer) -> None:
    """Pending records are told, with the reason, whatever the exit code is."""
    SegmentFile().run("r1").write(shell.spool)
    server.behaviour = always(Reply(503))
    for fail_on, code in (("pending", 75), ("dead", 0), ("never", 0)):
        shell.printed = ""
        assert "1 pending" in shell.run("replay", "--timeout", "0.3", "--fail-on", fail_on, code=code)
        assert "HTTP 503" in shell.printed


def test_a_wrong_key_fails_the_job_only_if_asked_to(shell: Shell, server: FaultServer) -> None:
    """What an operator must see to is told with the remedy, whatever the exit code is."""
    SegmentFile().run("r1").write(shell.spool)
    server.behaviour = always(Reply(401))
    for fail_on, code in (("pending", 77), ("dead", 0), ("never", 0)):
        shell.printed = ""
        shell.run("replay", "--fail-on", fail_on, code=code)
        assert "check TCC_API_KEY" in shell.printed


def test_dead_letters_fail_the_job_unless_nothing_does(shell: Shell, server: FaultServer) -> None:
    """A dead letter is 65 with ``dead``, also beside records that are pending."""
    SegmentFile().run("r1").write(shell.spool)
    server.behaviour = always(Reply(422))
    shell.run("replay", "--give-up", "--fail-on", "never")
    SegmentFile().run("r2").write(shell.spool)
    server.behaviour = always(Reply(503))
    shell.run("replay", "--timeout", "0.3", "--fail-on", "dead", code=65)
    shell.run("replay", "--timeout", "0.3", "--fail-on", "never")
    shell.run("replay", "--timeout", "0.3", code=75)


def test_damage_fails_the_job_unless_nothing_does(shell: Shell, tmp_path: Path) -> None:
    """A torn file is 65 with ``dead``."""
    path = tmp_path / "torn.jsonl"
    path.write_bytes(SegmentFile().run("r1").data + b"torn")
    shell.run("replay", path, "--fail-on", "dead", code=65)
    shell.run("replay", path, "--fail-on", "never")


@pytest.mark.parametrize("fail_on", FAIL_ON)
def test_what_is_no_result_of_a_record_fails_always(shell: Shell, fail_on: str) -> None:
    """Wrong usage is 2, a state that is held 73, a ledger of a newer version 75."""
    shell.run("replay", "/no/such/file", "--fail-on", fail_on, code=2)
    with shell.daemon():
        wait_until((shell.state / "status.json").exists, "the daemon's status")
        shell.run("replay", "--fail-on", fail_on, code=73)
    for file in shell.state.glob("ledger*"):
        file.unlink()
    (shell.state / "ledger.sqlite3").mkdir()
    shell.run("replay", "--fail-on", fail_on, code=75)


@pytest.mark.parametrize("fail_on", FAIL_ON)
def test_a_ledger_that_can_not_be_written_fails_always(fail_on: FailOn) -> None:
    """A full disk under the state is nothing that ``--fail-on`` may pass over."""
    assert exit_of_replay(result_of(trouble="disk full"), fail_on) is Exit.PENDING


def test_the_summary_counts_every_record(shell: Shell, server: FaultServer, tmp_path: Path) -> None:
    """The table adds up, dead letters are counted by their reasons, and what was there before stays."""
    file = tmp_path / "summary.md"
    file.write_text("before\n")
    SegmentFile().run("r1").run("r2").run("r3").run("r1").write(shell.spool)
    (shell.spool / "plain.jsonl").write_text('{"no":"item"}\n')
    server.behaviour = lambda request: Reply(422) if request.ids == ["r2"] else Reply()
    shell.run("replay", "--summary", file, code=65)
    text = file.read_text()
    assert text.startswith("before\n### ")
    assert "| 5 | 2 | 2 | 1 | 2 | 0 | 0 |" in text
    assert "- 1 <code>invalid</code>\n- 1 <code>refused</code>\n" in text
    shell.json("replay", "--summary", file, code=65)
    assert "| 5 | 2 | 0 | 1 | 2 | 0 | 0 |" in file.read_text()[len(text) :]


def test_the_summary_tells_what_waits_and_what_to_do(shell: Shell, server: FaultServer, tmp_path: Path) -> None:
    """A paused destination is there with the remedy, and without the server's words, the bodies or the key."""
    file = tmp_path / "summary.md"
    SegmentFile().run("r1", prompt={"user_prompt": "words of the prompt"}).write(shell.spool)
    server.behaviour = lambda request: Reply(401, body=b"wrong key " + KEY.encode() + b" for " + request.body)
    shell.run("replay", "--summary", file, code=77)
    shown = MarkdownIt("commonmark").enable("table").render(file.read_text())
    assert "HTTP 401" in shown
    assert "check TCC_API_KEY" in re.sub("&#95;", "_", shown)
    for secret in (KEY, "wrong key", "words of the prompt"):
        assert secret not in shown
        assert secret not in file.read_text()


def test_nothing_in_a_spool_is_markup_in_the_summary(shell: Shell, server: FaultServer, tmp_path: Path) -> None:
    """URLs and file names of strangers are code in which no character means anything to Markdown."""
    file = tmp_path / "summary.md"
    artifact = tmp_path / "artifact"
    SegmentFile().run("r1", url=f"http://127.0.0.1:1/{HOSTILE}").write(artifact)
    (artifact / f"{HOSTILE.replace('/', '')}.jsonl").write_bytes(b"no JSON\n")
    (artifact / f"{HOSTILE.replace('/', '')}.zip").write_bytes(b"PK\x03\x04" + bytes(600))
    shell.run("replay", artifact, "--fail-on", "never", "--summary", file)
    text = file.read_text()
    assert not server.requests
    assert text.count("onerror") == 4, "the URL in its place and in the remedy, both files"
    codes = re.findall("<code>(.*?)</code>", text)
    assert all(re.fullmatch(r"(?:[A-Za-z0-9 ]|&#\d+;)*", code) for code in codes)
    rest = re.sub("<code>.*?</code>", "", text)
    assert not re.search("[@<>]|example|head", rest)
    tokens = [token for block in MarkdownIt("commonmark").enable("table").parse(text) for token in block.children or []]
    kinds = {token.type for token in tokens}
    assert not kinds & {"link_open", "image", "em_open"}
    assert {token.content for token in tokens if token.type == "html_inline"} == {"<code>", "</code>"}


def test_the_summary_stays_small_whatever_the_artifact_holds() -> None:
    """Thousands of paused destinations, files and complaints are twenty lines each, and a fourth of GitHub's limit."""
    many = [f"{number}{'😀' * 10_000}" for number in range(5_000)]
    paused = [DestinationReport(url=text, key=text, state=text, waiting=1, reason=text, remedy=text) for text in many]
    hostile = result_of(unreadable={text: text for text in many}, wrong=many, paused=paused, trouble=many[0])
    text = summary(hostile, dict.fromkeys(many, 1))
    assert text.isascii()
    assert len(text) < 256 * 1024
    assert text.count("- and 4,980 more") == 4


def test_a_summary_that_can_not_be_written_is_a_warning(shell: Shell, server: FaultServer, tmp_path: Path) -> None:
    """The delivery is what counts: exit 0, and a word on standard error, which leaves the JSON alone."""
    SegmentFile().run("r1").write(shell.spool)
    assert shell.json("replay", "--summary", tmp_path / "no" / "such" / "folder")["delivered"] == 1
    assert "can't write the summary" in shell.printed
    shell.run("replay", "--summary", "")
    assert len(server.requests) == 1


@pytest.mark.parametrize("option", [["--summary", "file"], ["--fail-on", "dead"]])
def test_a_dry_run_has_no_result_to_tell(shell: Shell, option: list[str]) -> None:
    """What tells of a delivery is a usage error with ``--dry-run``, which says so."""
    shell.run("replay", "--dry-run", *option, code=2)
    assert "leave out" in shell.printed


def test_the_page_names_every_member_of_the_json(shell: Shell, server: FaultServer) -> None:
    """docs/ci.md lists the members that ``replay --json`` prints, and no other; the counts add up."""
    SegmentFile().run("r1").run("r2").write(shell.spool)
    server.behaviour = ok
    found = shell.json("replay")
    rows = PAGE.partition("| member | |")[2]
    named = {name for row in re.findall(r"^\| (`.*?) \| ", rows, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    assert named == set(found)
    counts = (found[fate] for fate in ("delivered", "duplicate", "dead", "pending", "dropped"))
    assert sum(int(str(count)) for count in counts) == found["records"] == 2


def test_the_page_tells_the_exit_codes_of_fail_on() -> None:
    """Each value of ``--fail-on`` has its row."""
    assert set(re.findall(r"^\| `(\w+)`(?: \(default\))? \| (?:\d|75)", PAGE, re.MULTILINE)) == set(FAIL_ON)
