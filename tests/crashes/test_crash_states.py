"""After any crash, a restart keeps every promise.  :mod:`crashes.disk` says which states a crash can leave."""

from pathlib import Path

import pytest

from crashes import campaign
from crashes.scenarios import SCENARIOS, Scenario
from tcc_uploader import state

PLAYS = (campaign.dying_writer, campaign.sealing_writer, campaign.forking_writer)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda it: it.__name__)
def test_a_crash_at_any_point_breaks_no_promise(tmp_path: Path, scenario: Scenario) -> None:
    """No promised record is lost or stays pending, only uncommitted deliveries repeat, and all counts are right."""
    assert campaign.cut_off(tmp_path / "world", scenario) > 30


@pytest.mark.parametrize("play", PLAYS, ids=lambda it: it.__name__)
def test_no_change_of_turns_loses_a_record(tmp_path: Path, play: campaign.Play) -> None:
    """Wherever a recorder and the uploader interrupt each other, every record is recorded, and arrives once."""
    assert campaign.take_turns(tmp_path / "world", play) > 70


def test_two_uploaders_never_work_on_one_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whenever a second uploader starts on a state that another one holds, it gives up, and nothing is sent twice."""
    monkeypatch.setattr(state, "_lock_soon", state.try_lock)
    assert campaign.take_turns(tmp_path / "world", campaign.two_uploaders) >= 10
