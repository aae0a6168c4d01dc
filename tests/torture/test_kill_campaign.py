"""The kill campaign, a short one."""

from pathlib import Path

from torture.kills import run_kills


def test_killed_recorders_and_daemons_beside_a_bad_server_lose_nothing(tmp_path: Path) -> None:
    """What was recorded arrives; a second receipt follows a kill or a lost answer; the counts add up."""
    figures = run_kills(60, tmp_path, at_once=60, seed=40, modes=("redirect", "truncated", "mixed", "reset"))
    assert figures.kills >= 60
    assert figures.daemon_kills
    assert figures.recorded > 60
    assert (figures.lost, figures.unexplained) == (0, 0)
