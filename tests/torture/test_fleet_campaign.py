"""The campaign of a shared ledger, a short one: each event once."""

from pathlib import Path

from support.postgres import Postgres
from torture.fleets import WORST, fleet_world


def test_whatever_fails_beside_a_shared_ledger_loses_nothing(tmp_path: Path, postgres: Postgres) -> None:
    """What came twice is explained by the event, and the counts and letters are right."""
    with fleet_world(tmp_path / "world", postgres, seed=1) as world:
        figures = world.run(len(WORST))
    assert set(figures.events) == set(WORST)
    assert (figures.lost, figures.unexplained, figures.altered) == (0, 0, 0), figures
