"""The kill campaign, a short one: each kind of world once, with the misdeeds that it is for."""

from pathlib import Path

from torture.kill_world import KillFigures
from torture.kills import run_world

KILLS = 40


def assert_holds(figures: KillFigures) -> None:
    """What a world checks for itself stops it; these figures show that it had something to check."""
    assert figures.recorder_kills == KILLS
    assert figures.daemon_kills
    assert figures.recorded > KILLS
    assert (figures.lost, figures.unexplained, figures.leaks) == (0, 0, 0)


def test_killed_recorders_and_daemons_beside_a_bad_server_lose_nothing(tmp_path: Path) -> None:
    """What was recorded arrives; a second receipt follows a kill or a lost answer; the counts add up."""
    modes = ("redirect", "truncated", "mixed", "reset", "slow link", "stalling link", "dead link")
    assert_holds(run_world(tmp_path / "world", 40, "one target", KILLS, modes))


def test_no_portal_takes_a_record_and_no_key_that_is_quoted_is_kept(tmp_path: Path) -> None:
    """What a captive portal answers is no delivery; a key in an answer stands in no file and in no command's words."""
    modes = ("portal by type", "echo 401", "portal in br", "echo garbage", "portal by text", "echo redirect", "echo 503")
    assert_holds(run_world(tmp_path / "world", 41, "one target", KILLS, modes))


def test_what_a_firewall_refuses_for_ever_is_accounted_for(tmp_path: Path) -> None:
    """Beside flapping 404s, only what is refused for its content dies; requeued, and let through, all arrives."""
    figures = run_world(tmp_path / "world", 42, "firewall", KILLS, ("ok", "404 at random", "404 by content", "mixed"))
    assert_holds(figures)
    assert figures.held_back
    assert figures.letters


def test_two_targets_each_get_everything(tmp_path: Path) -> None:
    """A daemon and replays send one spool to two servers: no delivery to one counts for the other."""
    figures = run_world(tmp_path / "world", 43, "two targets", KILLS, ("ok", "mixed", "portal by text", "reset"))
    assert_holds(figures)
    assert figures.recorded_for_two == figures.recorded
    assert figures.command_kills
