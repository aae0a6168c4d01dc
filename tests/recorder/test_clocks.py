"""Times and durations in programs whose clocks are frozen, or stepped."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

import freezegun
import pytest
import time_machine

import tcc_recorder as tcc
from tcc_recorder.testing import capture

FROZEN = datetime(2026, 1, 31, 12, tzinfo=UTC)
Freeze = Callable[[datetime], AbstractContextManager[Any]]


def ended(run: dict[str, Any]) -> float:
    """Return how many seconds a run took."""
    start, end = (datetime.fromisoformat(run[name]) for name in ("start_time", "end_time"))
    assert start.year == end.year == 2026
    return (end - start).total_seconds()


@pytest.mark.parametrize("freeze", [freezegun.freeze_time, time_machine.travel], ids=["freezegun", "time-machine"])
@pytest.mark.parametrize("when", ["begins", "ends", "both"])
def test_a_frozen_clock_gives_no_negative_and_no_huge_duration(freeze: Freeze, when: str) -> None:
    """Whether a run begins in the freeze, ends in it, or both: it took what it took."""
    with capture() as captured:
        if when == "ends":
            run = tcc.run().prompt("p")
            step = run.step().prompt("p").response("r")
            with freeze(FROZEN):
                step.end()
                run.end()
        else:
            with freeze(FROZEN):
                run = tcc.run().prompt("p")
                step = run.step().prompt("p").response("r")
                if when == "both":
                    step.end()
                    run.end()
            if when == "begins":
                step.end()
                run.end()
    assert 0 <= ended(captured.runs[0]) < 60
    assert 0 <= ended(captured.steps[0]) < 60


def test_a_clock_that_is_set_back_changes_no_duration(monkeypatch: pytest.MonkeyPatch) -> None:
    """Durations are those of the monotonic clock; a start that is told by the new clock is not after the end."""
    with capture() as captured:
        run, late = tcc.run().prompt("p"), tcc.run().prompt("p")
        monkeypatch.setattr(time, "time_ns", lambda real=time.time_ns: real() - 3600 * 10**9)
        run.end()
        late.start_time(datetime.fromtimestamp(time.time() + 3600, UTC)).end()
    assert 0 <= ended(captured.runs[0]) < 60
    assert ended(captured.runs[1]) == 0
