"""A few days of the year that ``make torture`` simulates."""

from pathlib import Path

import pytest

from torture import years


def test_days_with_outages_restarts_and_prunes_lose_and_repeat_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every run arrives once, and after each day the counts add up."""
    monkeypatch.setattr(years, "MONTH", 2)
    monkeypatch.setattr(years, "KEPT", years.DAY)
    found = years.run_years(tmp_path, 4, seed=3)
    assert (found.lost, found.repeated, found.unexplained) == (0, 0, 0)
    assert found.runs == 600
    assert found.pruned > 0
    assert len(found.months) == 2
