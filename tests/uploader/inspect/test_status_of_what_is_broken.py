"""``status`` where something is broken that it would look at: it tells all that it can, and what is broken."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from support.faults import FaultServer, Reply, SegmentFile, always
from support.shell import Shell
from support.worlds import wait_until

LEDGER: Final = "ledger.sqlite3"


@pytest.fixture
def used(shell: Shell, server: FaultServer) -> Shell:
    """Return the shell of a target to which one run was delivered; no uploader runs."""
    SegmentFile().run("r1").seal().write(shell.spool)
    shell.run("replay")
    return shell


def wrong(shell: Shell, **environment: str) -> dict[str, Any]:
    """Return the only finding, which needs a person."""
    found = shell.json("status", "--max-age", "9999w", code=77, **environment)
    (finding,) = found["findings"]  # type: ignore[misc]
    assert finding["do"]
    return found | {"finding": finding}


def emptied(file: Path) -> None:
    """Break a file: an operator, or a crash, left nothing in it."""
    file.write_bytes(b"")


def overwritten(file: Path) -> None:
    """Break a file: something else is in it."""
    file.write_bytes(b"no SQLite file")


def removed(file: Path) -> None:
    """Break a file: it is not there any more."""
    file.unlink()


def replaced_by_a_folder(file: Path) -> None:
    """Break a file: a folder has its name, as a mount of a file that was missing leaves it."""
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize(
    ("fault", "said"),
    [(emptied, "is empty"), (removed, "is gone"), (overwritten, "damaged"), (replaced_by_a_folder, "unable to open")],
)
def test_a_ledger_that_tells_nothing_is_named(used: Shell, fault: Callable[[Path], None], said: str) -> None:
    """Also an empty one, which looks as if nothing was ever delivered; all else is told as ever."""
    fault(used.state / LEDGER)
    found = wrong(used)
    assert said in found["finding"]["what"]
    assert str(used.state) in found["finding"]["what"]
    assert (found["spools"][0]["files"], found["destinations"][0]["state"]) == (1, "up")
    assert "never used" not in used.status_text()


@pytest.mark.parametrize("fault", [emptied, removed])
def test_a_ledger_that_was_there_is_not_begun_anew_without_a_word(used: Shell, fault: Callable[[Path], None]) -> None:
    """What is sent again for that has a reason in the log."""
    fault(used.state / LEDGER)
    used.run("replay")
    assert "a new one is begun, and what still lies in spools is sent again" in used.printed


@pytest.mark.parametrize("fault", [overwritten, emptied])
def test_each_target_is_judged_alone(used: Shell, fault: Callable[[Path], None]) -> None:
    """A damaged ledger hides no healthy one, neither for ``status`` nor for ``verify`` and ``dead list``."""
    used.run("replay", TCC_TARGET="other")
    fault(used.state.parent / "other" / LEDGER)
    found = used.json("status", code=77)
    assert (found["counts"]["delivered"], found["findings"]) == (1, [])  # type: ignore[index]
    (other,) = found["other_targets"]  # type: ignore[misc]
    assert str(used.state.parent / "other") in other["findings"][0]["what"]
    assert used.json("verify")["totals"]["delivered"] == 1  # type: ignore[index]
    if fault is overwritten:
        assert "is damaged" in used.json("verify")["other_targets"][0]["unusable"]  # type: ignore[index]
        assert used.json("verify", code=77, TCC_TARGET="other")["target"] == "other"
        assert "no dead letters" in used.run("dead", "list", code=77)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TCC_IN_FLIGHT", "many"),
        ("TCC_BASE_URL", "http://127.0.0.1:9/v1/custom"),
        ("TCC_URL", "nonsense"),
        ("TCC_TARGET", "A/B"),
        ("TCC_API_KEY_FILE", "/nowhere/keys"),
        ("TCC_ALLOW_PATHS", "../up"),
        ("TCC_LIMIT_RATE", "fast"),
    ],
)
def test_a_setting_that_can_not_be_used_is_a_finding(used: Shell, name: str, value: str) -> None:
    """An uploader would not start with it: that is what is wrong, and no reason to show nothing."""
    found = wrong(used, **{name: value})
    assert any(each in found["finding"]["what"] for each in (name, value, "/v1/../up"))
    assert (found["target"], found["counts"]["delivered"]) == ("here", 1)


def test_so_is_what_is_wrong_in_the_file_and_the_rest_of_it_counts(used: Shell, tmp_path: Path) -> None:
    """Each member is told with its line; the spool that stands beside it is looked at."""
    file = tmp_path / "upload.toml"
    file.write_text(f'in_flight = 0\nspool = "x"\nafter = "soon"\nspools = ["{used.spool}"]\n')
    found = used.json("status", "--config", file, code=77, TCC_SPOOL_DIR="")
    told = "\n".join(each["what"] for each in found["findings"])  # type: ignore[attr-defined]
    for said in (f"{file}, line 1: in_flight", f"{file}, line 2: there is no setting 'spool'", "--after 'soon'"):
        assert said in told
    assert found["spools"][0]["path"] == str(used.spool)  # type: ignore[index]
    file.write_text("no TOML")
    assert "not valid TOML" in wrong(used, TCC_UPLOAD_CONFIG=str(file))["finding"]["what"]


@pytest.mark.parametrize("fault", [emptied, overwritten, replaced_by_a_folder])
def test_a_status_file_that_can_not_be_read_is_not_none(used: Shell, fault: Callable[[Path], None]) -> None:
    """It is not told that nothing was ever sent; the ledger's counts are there."""
    fault(used.state / "status.json")
    found = wrong(used)
    assert "status.json can't be read" in found["finding"]["what"]
    assert found["counts"]["delivered"] == 1
    assert "last sent   not known" in used.status_text()


def test_a_clock_that_was_set_back_is_told(used: Shell) -> None:
    """What was written a day ahead of now makes every age wrong."""
    file = used.state / "status.json"
    text = file.read_text()
    updated = text.split('"updated":')[1].split("}")[0].split(",")[0].strip()
    file.write_text(text.replace(updated, str(time.time() + 86_400)))
    assert "the clock was set back" in wrong(used)["finding"]["what"]


def test_what_an_uploader_told_that_was_killed_is_told_as_what_was(shell: Shell, server: FaultServer) -> None:
    """Nothing is in flight or waits in it, nothing is probed, and a pause is one that it had."""
    SegmentFile().run("r1").write(shell.spool)
    server.behaviour = always(Reply(503))
    with shell.daemon():
        wait_until(lambda: any(each["state"] == "paused" for each in shell.status()["destinations"]), "the pause")
        assert ": paused since " in shell.status_text()
        assert "1 waiting" in shell.status_text()
    text = shell.status_text()
    assert ": was paused since " in text
    assert "waiting" not in text
    assert "next probe" not in text
    (late, *_) = shell.json("status", "--max-age", "0m", code=75)["findings"]  # type: ignore[misc]
    assert "was paused when the last uploader ended: HTTP 503" in late["what"]
    assert "start one" in late["do"]


def test_a_target_that_may_not_be_looked_at_hides_no_other(used: Shell) -> None:
    """It belongs to another user, maybe."""
    shutil.copytree(used.state, used.state.parent / "other")
    (used.state.parent / "other").chmod(0)
    try:
        if os.access(used.state.parent / "other", os.R_OK):
            pytest.skip("root may look everywhere")
        found = used.json("status", code=77)
    finally:
        (used.state.parent / "other").chmod(0o700)
    assert found["counts"]["delivered"] == 1  # type: ignore[index]


@pytest.mark.parametrize("name", [LEDGER, "uploader.lock"])
def test_a_file_that_may_not_be_written_is_named(used: Shell, name: str) -> None:
    """Nothing can be delivered then, also if nothing waits now."""
    (used.state / name).chmod(0o400)
    if os.access(used.state / name, os.W_OK):
        pytest.skip("root may write everywhere")
    assert f"{name} can't be written" in wrong(used)["finding"]["what"]


def test_a_key_file_without_a_key_is_named(shell: Shell, server: FaultServer, tmp_path: Path) -> None:
    """Not the variable that nobody meant to set."""
    file = tmp_path / "keys"
    file.touch()
    SegmentFile().run("r1").write(shell.spool)
    shell.run("replay", code=77, TCC_API_KEY="", TCC_API_KEY_FILE=str(file))
    assert wrong(shell)["finding"]["do"] == f"no key is held: there is none in {file}"
