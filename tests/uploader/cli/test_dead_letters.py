"""``dead list``, ``show``, ``requeue`` and ``drop``, as an operator runs them."""

import shutil
from pathlib import Path

from support.faults import FaultServer, Reply, Request, SegmentFile, always, ok, run_item, step_item
from support.shell import Shell
from support.worlds import wait_until


def refuse(run_id: str) -> object:
    """Return a behaviour that refuses one run."""
    return lambda request: Reply(422, body=b"no such project") if run_id in request.ids else Reply()


def editor(folder: Path, text: str) -> str:
    """Return an editor that writes ``text``."""
    program = folder / "editor.sh"
    program.write_text(f"#!/bin/sh\ncat > \"$1\" <<'EOF'\n{text}\nEOF\n")
    program.chmod(0o755)
    return str(program)


def dead_ids(shell: Shell) -> list[str]:
    """Return the ids that ``dead list`` tells."""
    return [line.split()[0] for line in shell.run("dead", "list").splitlines() if line != "no dead letters"]


def one_dead(shell: Shell, server: FaultServer) -> str:
    """Deliver three runs of which one is refused; return its letter's id."""
    SegmentFile("s").run("r1").run("bad", prompt={"user_prompt": "secret plans"}).run("r3").seal().write(shell.spool)
    server.behaviour = refuse("bad")
    shell.run("replay", "--in-flight", "1", code=65)
    [ident] = dead_ids(shell)
    server.behaviour = ok
    server.clear()
    return ident


def test_dead_list_and_show_tell_why(shell: Shell, server: FaultServer) -> None:
    """A letter names its reason, the server's answer, its origin and its bytes."""
    ident = one_dead(shell, server)
    assert "refused: HTTP 422: no such project" in shell.run("dead", "list")
    shown = shell.run("dead", "show", ident)
    for part in ("HTTP 422", "no such project", "segment s, line 3", "run bad", "secret plans"):
        assert part in shown
    (told,) = shell.json_list("dead", "show", ident)
    assert (told["id"], told["line"]) == (ident, 3)
    shell.run("dead", "show", "nonsense", code=2)
    shell.run("dead", "show", code=2)


def test_requeue_sends_a_letter_once_and_the_counts_follow(shell: Shell, server: FaultServer) -> None:
    """What was dead is delivered, is no letter any more, and is not sent again with its segment."""
    ident = one_dead(shell, server)
    assert "1 letter delivered" in shell.run("dead", "requeue", ident)
    assert server.ids == [["bad"]]
    assert dead_ids(shell) == []
    assert "3 records = 3 delivered" in shell.run("verify")
    shell.run("replay")
    assert server.ids == [["bad"]]
    assert not list((shell.state / "requests").iterdir())


def test_a_letter_that_is_refused_again_is_a_letter_again(shell: Shell, server: FaultServer) -> None:
    """Requeueing what can't be delivered changes nothing but the answer that is kept."""
    ident = one_dead(shell, server)
    server.behaviour = always(Reply(400, body=b"still no"))
    assert "1 dead again" in shell.run("dead", "requeue", "--all", code=65)
    assert dead_ids(shell) == [ident]
    assert "still no" in shell.run("dead", "show", ident)
    assert "3 records = 2 delivered + 0 pending + 1 dead" in shell.run("verify")


def test_a_letter_can_be_edited_on_its_way(shell: Shell, server: FaultServer, tmp_path: Path) -> None:
    """The bytes that the operator wrote are sent; what is no JSON is refused, and the letter stays as it was."""
    ident = one_dead(shell, server)
    shell.run("dead", "requeue", ident, "--edit", code=2, EDITOR=editor(tmp_path, "{ not JSON"))
    assert not server.requests
    shell.run("dead", "requeue", ident, "--edit", EDITOR=editor(tmp_path, '{"type":"run","run_id":"bad","mended":1}'))
    assert server.requests[0].body == b'{"type":"run","run_id":"bad","mended":1}'
    assert dead_ids(shell) == []


def test_a_conflict_can_be_sent_against_the_ledger(shell: Shell, server: FaultServer) -> None:
    """Other bytes under a delivered id go out when the operator says so, and both records count as delivered."""
    SegmentFile().run("r1", response="a").seal().write(shell.spool)
    SegmentFile().run("r1", response="b").seal().write(shell.spool)
    shell.run("replay", "--in-flight", "1", code=65)
    shell.run("dead", "requeue", "--all")
    assert [request.json["response"] for request in server.requests] in (["a", "b"], ["b", "a"])
    assert "2 records = 2 delivered" in shell.run("verify")
    shell.run("replay")
    assert len(server.requests) == 2


def test_only_what_was_refused_of_a_run_is_in_its_letter(shell: Shell, server: FaultServer) -> None:
    """A run whose one step is refused is delivered but for that step, and requeueing sends the step alone."""
    SegmentFile().run("r1", step_item("r1", "good"), step_item("r1", "bad")).seal().write(shell.spool)

    def behaviour(request: Request) -> Reply:
        return Reply(413) if len(request.ids) > 1 or request.ids == ["bad"] else Reply()

    server.behaviour = behaviour
    shell.run("replay", code=65)
    server.behaviour = ok
    server.clear()
    shell.run("dead", "requeue", "--all")
    assert server.ids == [["bad"]]
    assert "1 delivered + 0 pending + 0 dead" in shell.run("verify")


def test_a_plain_line_that_was_no_record_can_be_mended(shell: Shell, server: FaultServer, tmp_path: Path) -> None:
    """An invalid line is sent only once it has become a wire item."""
    shell.spool.mkdir()
    (shell.spool / "mine.jsonl").write_text('{"type":"run","run_id":"r1"}\n')
    shell.run("replay", code=65)
    shell.run("dead", "requeue", "--all", code=2)
    mended = str(run_item("r1")).replace("'", '"')
    shell.run("dead", "requeue", "--all", "--edit", EDITOR=editor(tmp_path, mended))
    assert server.ids == [["r1"]]
    assert "1 delivered + 0 pending + 0 dead" in shell.run("verify")


def test_drop_asks_first(shell: Shell, server: FaultServer) -> None:
    """A letter is given up only if the operator says yes, and then counts as dropped."""
    ident = one_dead(shell, server)
    shell.run("dead", "drop", ident, code=1)
    assert dead_ids(shell) == [ident]
    shell.run("dead", "drop", ident, "--yes")
    assert dead_ids(shell) == []
    assert not server.requests
    assert "3 records = 2 delivered + 0 pending + 0 dead + 0 duplicate + 1 dropped" in shell.run("verify")
    shell.run("replay")
    assert not server.requests


def test_a_running_daemon_takes_the_requests(shell: Shell, server: FaultServer) -> None:
    """Beside a daemon the commands only ask; the daemon sends and drops, and forgets the request."""
    SegmentFile("s").run("r1").run("bad").run("r3").run("worse").run("r5").seal().write(shell.spool)
    server.behaviour = lambda request: Reply(400 if request.ids[0] in ("bad", "worse") else 200)
    with shell.daemon("--in-flight", "1"):
        wait_until(lambda: len(dead_ids(shell)) == 2, "two letters")
        server.behaviour = ok
        by_run = {
            line.split("run ")[1].split(",")[0]: line.split()[0] for line in shell.run("dead", "list").splitlines()
        }
        assert "handed to the running uploader" in shell.run("dead", "requeue", by_run["bad"])
        shell.run("dead", "drop", by_run["worse"], "--yes")
        wait_until(lambda: dead_ids(shell) == [] and not list((shell.state / "requests").iterdir()), "no letters")
        counts = "4 delivered + 0 pending + 0 dead + 0 duplicate + 1 dropped"
        wait_until(lambda: counts in shell.run("verify"), counts)
    assert server.ids.count(["bad"]) == 2
    assert server.ids.count(["worse"]) == 1


def test_a_requeued_letter_survives_a_restart(shell: Shell, server: FaultServer) -> None:
    """A letter that could not be sent at once is pending, also for the next process, and if its segment has gone."""
    ident = one_dead(shell, server)
    server.behaviour = always(Reply(503))
    shell.run("dead", "requeue", ident, "--timeout", "0", code=75)
    assert "2 delivered + 1 pending + 0 dead" in shell.run("verify")
    shutil.rmtree(shell.spool)
    assert "2 delivered + 1 pending + 0 dead" in shell.run("verify")
    server.behaviour = ok
    shell.run("replay")
    assert "3 records = 3 delivered" in shell.run("verify")


def test_a_plain_file_is_listed_by_its_path(shell: Shell) -> None:
    """Its id is a hash of its bytes, from which nobody knows where to look."""
    shell.spool.mkdir()
    (shell.spool / "mine.jsonl").write_text('{"type":"run"}\n')
    shell.run("replay", code=65)
    assert f"(no record, {shell.spool}/mine.jsonl:1)" in shell.run("dead", "list")


def test_a_requeued_letter_whose_file_is_gone_is_not_missing_and_is_told_beside_the_files(
    shell: Shell, server: FaultServer
) -> None:
    """The letter has all of its record: nothing must be brought back, and it was not delivered -1 times before."""
    path = SegmentFile("s").run("r1").run("r2").write(shell.spool)
    server.behaviour = lambda request: Reply(422) if request.ids == ["r1"] else Reply()
    shell.run("replay", code=65)
    shell.run("dead", "requeue", "--all", "--timeout", "0", TCC_BASE_URL="http://127.0.0.1:9", code=75)
    path.unlink()
    shell.run("verify")
    shell.run("status", "--max-age", "52w")
    server.behaviour = always(Reply())
    shell.printed = ""
    shell.run("replay")
    assert "0 records: 0 delivered, 0 duplicate" in shell.printed
    assert "1 requeued letter delivered beside these" in shell.printed
    assert shell.status()["counts"]["delivered"] == 2
