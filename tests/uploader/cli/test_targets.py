"""Each server has its own ledger: what was sent to the sandbox does not count for production."""

import json
import os
import shutil
import time
from typing import Any

from support.faults import KEY, FaultServer, Reply, SegmentFile, always
from support.shell import Shell
from tcc_schemas.endpoints import key_hint

NOTHING_NAMED = {"TCC_API_KEY": "", "TCC_BASE_URL": "", "TCC_TARGET": ""}


def targets(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the reports of a ``--json`` output, by target."""
    return {each["target"]: each for each in (report, *report["other_targets"])}


def test_a_replay_into_the_sandbox_does_not_count_for_production(shell: Shell, server: FaultServer) -> None:
    """The same spool goes to both servers; the daemon of the second removes nothing that only the first has."""
    SegmentFile().run("r1").seal().write(shell.spool)
    with FaultServer() as sandbox:
        shell.run("replay", TCC_BASE_URL=sandbox.url, TCC_TARGET="")
        assert sandbox.ids == [["r1"]]
        assert not server.requests
        shell.run("replay")
        assert server.ids == [["r1"]]
        shell.run("replay", TCC_BASE_URL=sandbox.url, TCC_TARGET="")
        assert len(sandbox.requests) == 1


def test_status_verify_and_dead_list_show_every_target_without_key_and_url(shell: Shell, server: FaultServer) -> None:
    """Whoever looks need not know which servers there are."""
    SegmentFile().run("r1").run("r2").seal().write(shell.spool)
    shell.run("replay")
    server.behaviour = always(Reply(451))
    shell.run("replay", "--give-up", TCC_TARGET="other", code=65)
    found = targets(shell.status(**NOTHING_NAMED))
    assert {name: report["counts"]["dead"] for name, report in found.items()} == {"here": 0, "other": 2}
    assert found["here"]["counts"]["delivered"] == 2
    verified = targets(shell.json("verify", **NOTHING_NAMED))
    assert {name: report["totals"]["delivered"] for name, report in verified.items()} == {"here": 2, "other": 0}
    letters = json.loads(shell.run("dead", "list", "--json", **NOTHING_NAMED))
    assert [letter["target"] for letter in letters] == ["other", "other"]
    for command in (["status"], ["verify"], ["dead", "list"]):
        printed = shell.run(*command, code=None, **NOTHING_NAMED)
        assert "other" in printed
    assert "here" in shell.status_text(**NOTHING_NAMED)


def test_a_spool_that_a_target_never_read_is_not_pending_there(shell: Shell, server: FaultServer) -> None:
    """A sandbox that got one spool once does not show the whole of another as pending."""
    SegmentFile().run("r1").seal().write(shell.spool.parent / "another spool")
    shell.run("replay", TCC_TARGET="sandbox", TCC_SPOOL_DIR=str(shell.spool.parent / "another spool"))
    SegmentFile().run("r2").seal().write(shell.spool)
    shell.run("replay")
    assert targets(shell.status())["sandbox"]["counts"]["pending"] == 0


def test_the_exit_code_is_that_of_the_target_that_is_named_else_the_worst_in_use(
    shell: Shell, server: FaultServer
) -> None:
    """A target that nobody has used for a week is listed, and decides nothing."""
    path = SegmentFile().run("r1").seal().write(shell.spool)
    shell.run("replay")
    shell.run("replay", TCC_TARGET="other")
    path.write_bytes(path.read_bytes()[:-20])
    shell.run("verify", code=65)
    path.unlink()
    SegmentFile().run("r2").write(shell.spool)
    server.behaviour = always(Reply(503))
    shell.run("replay", "--timeout", "0", TCC_TARGET="other", code=75)
    shutil.rmtree(shell.spool)
    shell.run("verify")
    shell.run("verify", TCC_TARGET="other", code=70)
    shell.run("verify", code=70, **NOTHING_NAMED)
    week_ago = time.time() - 8 * 24 * 3600
    os.utime(shell.state.parent / "other" / "ledger.sqlite3", (week_ago, week_ago))
    shell.run("verify", **NOTHING_NAMED)
    assert "other, not used for a week" in shell.status_text()


def test_a_layout_without_targets_is_named_and_nothing_is_touched(shell: Shell, server: FaultServer) -> None:
    """An unreleased version kept its ledger in the state directory itself: one clear message, 77."""
    SegmentFile().run("r1").seal().write(shell.spool)
    old = shell.state.parent / "ledger.sqlite3"
    old.parent.mkdir()
    old.write_bytes(b"old")
    for command in (["replay"], ["daemon"], ["status"], ["verify"], ["dead", "list"]):
        shell.printed = ""
        shell.run(*command, code=77)
        assert str(old) in shell.printed
        assert "move it away" in shell.printed
    assert old.read_bytes() == b"old"
    assert not server.requests


def test_records_of_a_key_of_another_server_wait(shell: Shell, server: FaultServer) -> None:
    """A development key beside a production key: its records are not sent to, nor counted for, this target."""
    SegmentFile().run("r1", key_hint=key_hint("dev_key")).seal().write(shell.spool)
    environment = {"TCC_BASE_URL": "", "TCC_API_KEYS": "dev_key", "TCC_TARGET": ""}
    shell.run("replay", code=77, **environment)
    assert "run once more with this key first" in shell.printed
    assert KEY not in shell.printed


def test_a_letter_that_is_listed_can_be_shown_and_the_target_is_named_where_one_must_be(
    shell: Shell, server: FaultServer
) -> None:
    """Who has `dead list` from any target looks at one by its id; to send or drop it, its target must be named."""
    SegmentFile().run("r1").seal().write(shell.spool)
    server.behaviour = always(Reply(451))
    for target in ("one", "two"):
        shell.run("replay", "--give-up", TCC_TARGET=target, code=65)
    (ident,) = {letter["id"] for letter in json.loads(shell.run("dead", "list", "--json", **NOTHING_NAMED))}
    assert len(json.loads(shell.run("dead", "show", ident[:9], "--json", **NOTHING_NAMED))) == 2
    assert len(json.loads(shell.run("dead", "show", ident[:9], "--json", TCC_TARGET="two"))) == 1
    for command in (["requeue"], ["drop", "--yes"]):
        shell.printed = ""
        shell.run("dead", *command, ident, code=2)
        assert "it is of one: name that by TCC_TARGET" in shell.printed
    assert len(server.requests) == 2
