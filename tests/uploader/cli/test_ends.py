"""How commands end: by a signal, by a second one, beside another uploader, with other settings."""

import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from support import children
from support.faults import KEY, FaultServer, Reply, SegmentFile, always, hold
from support.rigging import Rig
from support.shell import COMMAND, Shell
from support.worlds import PATIENCE, wait_until
from tcc_uploader.delivery.engine import Engine
from tcc_uploader.state import SpoolLocks, StateHeldError


def started(shell: Shell, *arguments: str) -> subprocess.Popen[str]:
    """Start a command."""
    return children.start(
        [COMMAND, *arguments],
        env=shell.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_what_was_not_begun_is_not_sent_when_a_command_ends(shell: Shell, server: FaultServer) -> None:
    """As many records as were sent may arrive twice, and that number is told."""
    segment = SegmentFile()
    for number in range(30):
        segment.run(f"r{number}")
    segment.seal().write(shell.spool)
    server.behaviour = always(hold())
    process = started(shell, "replay")
    server.wait_for(lambda: bool(server.requests))
    process.send_signal(signal.SIGTERM)
    printed, _ = process.communicate(timeout=PATIENCE)
    assert f"no answer yet for {len(server.requests)} of the records that were sent" in printed
    assert len(server.requests) < 30


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(("command", "code"), [("daemon", 0), ("replay", 75)])
def test_a_server_that_hangs_does_not_keep_a_command_from_ending(
    shell: Shell, server: FaultServer, command: str, code: int, number: int
) -> None:
    """It ends by itself; the record whose answer did not come stays pending, and is sent again."""
    SegmentFile().run("r1").seal().write(shell.spool)
    server.behaviour = always(hold())
    process = started(shell, command)
    server.wait_for(lambda: bool(server.requests))
    process.send_signal(number)
    printed, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == code, printed
    assert ("interrupted: " in printed) == (command == "replay")
    assert "not read to the end" not in printed
    assert "no answer yet for 1 of the records that were sent: they are sent again, and are there twice" in printed
    assert shell.status()["counts"]["pending"] == 1
    server.behaviour = always(Reply())
    shell.run("replay")
    shell.run("verify")


def test_a_second_ctrl_c_ends_at_once(shell: Shell, server: FaultServer) -> None:
    """Nobody has to reach for kill -9, and nothing is lost by it."""
    SegmentFile().run("r1").seal().write(shell.spool)
    server.behaviour = always(hold())
    process = started(shell, "replay")
    server.wait_for(lambda: bool(server.requests))
    process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=0.5)  # it waits for the answer
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=PATIENCE) == 75
    server.behaviour = always(Reply())
    shell.run("replay")
    shell.run("verify")


def test_an_interrupted_replay_says_so_and_calls_nothing_damaged(shell: Shell, server: FaultServer) -> None:
    """What it has not read yet is not torn: a job that was cancelled can be run again, and goes on."""
    segment = SegmentFile()
    for number in range(300):
        segment.run(f"r{number}", response="x" * 9_000)
    segment.seal().write(shell.spool, "1.jsonl")
    second = segment.write(shell.spool, "2.jsonl")
    served = 0

    def slow(_: object) -> object:
        nonlocal served
        served += 1
        return Reply() if served < 20 else hold()

    server.behaviour = slow  # type: ignore[assignment]
    process = started(shell, "replay", "--in-flight", "1")
    server.wait_for(lambda: len(server.requests) >= 20)
    process.send_signal(signal.SIGTERM)
    printed, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 75, printed
    assert "interrupted: " in printed
    assert "damaged" not in printed
    assert " not read to the end; run it again" in printed
    assert f"not read to the end: {second}\n" in printed
    shell.run("verify")
    assert "damage" not in shell.status_text()
    server.behaviour = always(Reply())
    told = shell.json("replay")
    assert (told["records"], told["pending"]) == (600, 0)


def test_two_daemons_on_a_spool_that_comes_later_do_not_share_it(shell: Shell, server: FaultServer) -> None:
    """Whichever locks the new spool delivers it, and nothing is sent twice; also if it is removed and made again."""
    with shell.daemon(TCC_TARGET="one") as first, shell.daemon(TCC_TARGET="two"):
        for name in ("a", "b"):
            SegmentFile(name).run(name).seal().write(shell.spool)
        server.wait_for(lambda: len(server.requests) >= 2)
        wait_until(lambda: not list(shell.spool.iterdir()), "the removals")
        shutil.rmtree(shell.spool)
        SegmentFile("c").run("c").seal().write(shell.spool)
        server.wait_for(lambda: ["c"] in server.ids)
        assert sorted(server.ids) == [["a"], ["b"], ["c"]]
        assert first.poll() is None


def test_a_spool_that_another_uploader_holds_is_read_when_it_is_free(rig: Rig, server: FaultServer) -> None:
    """Until then the daemon says who has it, and takes nothing from it, whatever the watcher sees."""
    SegmentFile().run("r1").seal().write(rig.spool)
    with SpoolLocks() as mine, SpoolLocks() as theirs:
        theirs.take(rig.spool)

        def tell(engine: Engine) -> bool:
            if rig.time.now > 1_100 and rig.spool in engine.intake.unreadable:
                assert "another uploader watches" in engine.intake.unreadable[rig.spool]
                assert not server.requests
                theirs.release()
            return bool(server.requests)

        rig.daemon(tell, locks=mine)


def test_a_spool_that_comes_later_is_locked_when_it_is_taken_again(tmp_path: Path) -> None:
    """Whoever comes first has it: a bundle that is about to remove finds out, and so does a daemon's scan."""
    spool = tmp_path / "spool"
    with SpoolLocks([spool]) as mine:
        spool.mkdir()
        with SpoolLocks([spool]):
            with pytest.raises(StateHeldError):
                mine.take_all()
            shutil.rmtree(spool)
            spool.mkdir()
            mine.take_all()  # another folder has the name now
        with pytest.raises(StateHeldError), SpoolLocks([spool]):
            pass


def test_a_spool_with_two_names_is_one_spool(tmp_path: Path) -> None:
    """Nobody is kept out by himself."""
    spool, other_name = tmp_path / "spool", tmp_path / "link"
    spool.mkdir()
    other_name.symlink_to(spool)
    with SpoolLocks([spool, other_name]), pytest.raises(StateHeldError), SpoolLocks([other_name]):
        pass


def test_nothing_is_removed_from_under_a_daemon(shell: Shell, server: FaultServer, tmp_path: Path) -> None:
    """Neither as a spool, nor file by file, nor by a bundle."""
    server.behaviour = always(Reply(503))
    path = SegmentFile().run("r1").seal().write(shell.spool)
    commands = (["replay", "--remove"], ["replay", "--remove", path], ["bundle", "-o", tmp_path / "x.zip", "--remove"])
    with shell.daemon(TCC_TARGET="daemon"):
        server.wait_for(lambda: bool(server.requests))
        for command in commands:
            shell.run(*command, code=73)
        assert path.exists()
        server.behaviour = always(Reply())
        wait_until(lambda: not path.exists(), "the delivery")


def test_a_daemon_that_is_told_to_end_and_to_reload_ends(shell: Shell, server: FaultServer) -> None:
    """A closing terminal and systemd send both."""
    shell.spool.mkdir()
    for signals in ((signal.SIGTERM, signal.SIGHUP), (signal.SIGHUP, signal.SIGTERM)):
        process = started(shell, "daemon")
        assert process.stdout is not None
        process.stdout.readline()
        for number in signals:
            process.send_signal(number)
        printed, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode in (0, 75), printed


def test_a_daemon_reads_its_keys_again_when_it_is_told(shell: Shell, server: FaultServer) -> None:
    """SIGHUP: a new key in the key file is used, without a restart; a file that can't be used changes nothing."""
    keys = shell.spool.parent / "keys"
    keys.write_text("tcc_revoked")
    server.behaviour = lambda request: Reply(200 if request.key == KEY else 401)
    del shell.environment["TCC_API_KEY"]
    SegmentFile().run("r1").seal().write(shell.spool)
    with shell.daemon("--api-key-file", str(keys)) as process:
        server.wait_for(lambda: bool(server.requests))
        keys.write_bytes(b"\xff\xfe")
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: "stay as they were" in process.stdout.readline(), "the refusal")  # type: ignore[union-attr]
        keys.write_text(KEY)
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: not list(shell.spool.iterdir()), "the delivery")
    assert server.requests[-1].key == KEY


def test_a_daemon_reads_its_settings_file_again_when_it_is_told(shell: Shell, server: FaultServer) -> None:
    """SIGHUP: what the file allows now is sent, by the same process."""
    file = shell.spool.parent / "upload.toml"
    file.touch()
    SegmentFile().run("r1").record("post", "id-1", {}, path="/v1/later").seal().write(shell.spool)
    with shell.daemon("--config", str(file)) as process:
        server.wait_for(lambda: bool(server.requests))
        file.write_text('allow_paths = ["later"]\n')
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: not list(shell.spool.iterdir()), "the delivery")
    assert [request.path for request in server.requests] == ["/v1/custom", "/v1/later"]
