"""The kill campaign, a short one: each kind of world once, with the misdeeds that it is for."""

from pathlib import Path

from torture.kill_world import KillFigures, Kind
from torture.kills import run_world

KILLS = 24


def run(folder: Path, kind: Kind, *modes: str) -> KillFigures:
    """Run a world in which every mode has its turn.  It checks itself; that it had something to check is seen here."""
    figures = run_world(folder / "world", len(modes), kind, KILLS, rounds=len(modes), modes=modes)
    assert figures.recorder_kills == KILLS
    assert figures.daemon_kills
    assert figures.recorded > KILLS
    assert (figures.lost, figures.unexplained, figures.leaks) == (0, 0, 0)
    return figures


def test_killed_recorders_and_daemons_beside_a_bad_server_lose_nothing(tmp_path: Path) -> None:
    """What was recorded arrives; a second receipt follows a kill, a body half sent, or a lost answer."""
    figures = run(tmp_path, "one target", "truncated", "slow link", "down", "dead link", "mixed")
    assert figures.links


def test_no_portal_takes_a_record_and_no_key_that_is_quoted_is_kept(tmp_path: Path) -> None:
    """What a captive portal answers is no delivery; a key in an answer stands in no file and in no command's words."""
    figures = run(
        tmp_path, "one target", "portal by type", "portal in br", "portal by text", "echo 401", "echo garbage"
    )
    assert figures.acts


def test_what_a_firewall_refuses_for_ever_is_accounted_for(tmp_path: Path) -> None:
    """Beside flapping 404s, only what is refused for its content dies; requeued, and let through, all arrives."""
    figures = run(tmp_path, "firewall", "ok", "404 at random", "404 by content")
    assert figures.held_back  # by their ids, which are made anew each time: whether any of these dies is chance


def test_two_targets_each_get_everything(tmp_path: Path) -> None:
    """A daemon and replays send one spool to two servers: no delivery to one counts for the other."""
    figures = run(tmp_path, "two targets", "mixed", "portal redirect")
    assert figures.recorded_for_two == figures.recorded
    assert figures.command_kills
