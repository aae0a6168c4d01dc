"""Whatever a crash leaves on the disk, a restart makes good.  See :mod:`crashes.disk` for which states there are."""

from pathlib import Path

import pytest

from crashes import campaign
from crashes.scenarios import SCENARIOS, Scenario
from tcc_uploader import state

PLAYS = (campaign.dying_writer, campaign.sealing_writer, campaign.forking_writer)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda it: it.__name__)
def test_a_crash_at_any_point_breaks_no_promise(tmp_path: Path, scenario: Scenario) -> None:
    """No promised record is lost or stuck, none is sent twice outside the named window, and the books balance."""
    assert campaign.cut_off(tmp_path / "world", scenario) > 30


@pytest.mark.parametrize("play", PLAYS, ids=lambda it: it.__name__)
def test_no_change_of_turns_loses_a_record(tmp_path: Path, play: campaign.Play) -> None:
    """Wherever a recorder and the uploader interrupt each other, every record is taken and arrives once."""
    assert campaign.take_turns(tmp_path / "world", play) > 70


def test_two_uploaders_never_work_on_one_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whenever the second is started, it leaves the work to the first."""
    monkeypatch.setattr(state, "_lock_soon", state.try_lock)
    assert campaign.take_turns(tmp_path / "world", campaign.two_uploaders) >= 10
