"""The copy campaign, a short one."""

from pathlib import Path

from torture.copying import run_copies


def test_a_copy_of_a_living_spool_holds_what_was_recorded_before_it(tmp_path: Path) -> None:
    """By tar or copytree, in memory or on disk; replayed again after it grew, nothing is lost and nothing is twice."""
    figures = run_copies(60, tmp_path, seed=3)
    assert figures.by_tar
    assert figures.by_copytree
    assert figures.seals
    assert figures.expected > 100
    assert figures.missing == 0
    assert figures.replays > 3
    assert (figures.lost, figures.repeated) == (0, 0)
