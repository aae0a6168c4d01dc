"""A destination is up or paused: when it pauses, for how long, and what ends it."""

from hypothesis import given
from hypothesis import strategies as st

from tcc_uploader.delivery.health import Health, backoff
from tcc_uploader.delivery.strikes import Strikes


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_backoff_lies_between_a_second_and_five_minutes(attempt: int, chance: float) -> None:
    """Full jitter: at least 1 s, at most 2^n s and 5 min."""
    assert 1 <= backoff(attempt, chance) <= min(300, 2.0 ** min(attempt, 10))


def test_an_outage_pauses_for_longer_and_longer_and_a_success_ends_it() -> None:
    """Each failed probe doubles the wait; one success makes everything as before."""
    it = Health()
    now, waits = 0.0, []
    for _ in range(12):
        it.failed("HTTP 503", None, now=now, wall=now, chance=0.999_999)
        assert it.pause is not None
        assert it.pause.since == 0
        waits.append(round(it.pause.next_probe - now))  # type: ignore[operator]
        now = it.pause.next_probe or 0
    assert waits == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300, 300]
    it.succeeded(now=now, wall=now)
    assert (it.pause, it.failures, it.last_success) == (None, 0, now)


def test_answers_from_before_a_pause_do_not_lengthen_it() -> None:
    """Thirty requests that fail together are one failure."""
    it = Health()
    for _ in range(30):
        it.failed("HTTP 503", None, now=0, wall=0, chance=0.5)
    assert it.failures == 1


def test_an_outage_does_not_hide_that_an_operator_is_needed() -> None:
    """A late 503 leaves the 401 and its remedy standing."""
    it = Health()
    it.needs_operator("HTTP 401", "mend the key", now=0, wall=0)
    it.failed("HTTP 503", None, now=1, wall=1, chance=0.5)
    it.refused("HTTP 422", now=1, wall=1)
    assert it.pause is not None
    assert (it.pause.reason, it.pause.remedy, it.pause.next_probe) == ("HTTP 401", "mend the key", 300)


def test_the_twentieth_refusal_suspects_the_destination() -> None:
    """Nineteen refusals are the records' fault, twenty the server's."""
    it = Health()
    assert [it.refused("HTTP 400", now=0, wall=0) for _ in range(21)] == [False] * 19 + [True, True]
    assert it.pause is not None
    assert it.pause.needs_operator


def test_a_refusal_from_before_a_pause_does_not_end_it() -> None:
    """A server that asked for ten minutes gets them, whatever else it said meanwhile."""
    it = Health()
    it.failed("HTTP 503", 600, now=0, wall=0, chance=0.5)
    assert not it.refused("HTTP 422", now=1, wall=1)
    assert it.pause is not None
    assert it.pause.next_probe == 600
    assert not it.refused("HTTP 422", now=600, wall=600)
    assert it.pause is None


def test_a_success_begins_the_count_of_refusals_anew() -> None:
    """Nineteen refused, one delivered, nineteen refused: each of them is its own record's fault."""
    it = Health()
    for _ in range(2):
        assert not any(it.refused("HTTP 400", now=0, wall=0) for _ in range(19))
        it.succeeded(now=0, wall=0)
    assert it.pause is None


def test_a_record_that_is_refused_again_counts_once() -> None:
    """One record alone never makes the server suspect."""
    it = Health()
    it.refused("HTTP 400", now=0, wall=0)
    assert not any(it.refused("HTTP 400", again=True, now=0, wall=0) for _ in range(99))
    assert it.refusals == 1


def test_a_refusal_does_not_lift_the_pause_of_an_operator() -> None:
    """A probe that is refused shows that the server answers, not that the operator has helped."""
    it = Health()
    it.needs_operator("HTTP 401", "mend the key", now=0, wall=7)
    for now in (1, 300, 301, 900):
        assert it.refused("HTTP 422", now=now, wall=now)
        assert it.pause is not None
        assert it.pause.needs_operator
        assert it.pause.since == 7
    assert it.pause.next_probe == 1200
    it.succeeded(now=1200, wall=1200)
    assert it.pause is None


def test_a_suspected_destination_is_probed_quickly_while_there_are_untried_records() -> None:
    """Most records may be good: twenty more are sent one after the other, and then one each five minutes."""
    it = Health(refusals=19)
    waits = []
    for _ in range(22):
        assert it.refused("HTTP 400", untried=True, now=100, wall=0)
        waits.append(it.pause and it.pause.next_probe)
    assert waits == [100] * 20 + [400] * 2
    it = Health(refusals=19)
    assert it.refused("HTTP 400", now=100, wall=7)
    assert it.pause is not None
    assert (it.pause.reason, it.pause.since, it.pause.next_probe) == ("HTTP 400", 7, 400)
    assert "in a row: 20" in it.pause.remedy
    it = Health(refusals=19)
    it.refused("HTTP 400", untried=True, now=100, wall=0)
    it.succeeded(now=100, wall=0)
    assert it.quick_probes == 0, "after a success nothing is probed"


def test_a_pause_that_the_server_asked_for_is_not_ended_by_an_earlier_success() -> None:
    """It ends with a success after its time; a pause that nobody asked for ends with any."""
    it = Health()
    it.failed("HTTP 429", 600, now=0, wall=0, chance=0.5)
    it.succeeded(now=599, wall=0)
    assert it.pause is not None
    assert it.pause.reason == "HTTP 429"
    it.succeeded(now=600, wall=5)
    assert (it.pause, it.successes, it.last_success) == (None, 2, 5)
    it.failed("HTTP 503", None, now=0, wall=0, chance=0.5)
    it.succeeded(now=0, wall=0)
    assert it.pause is None


def test_a_probe_of_a_destination_that_waits_for_an_operator_comes_every_five_minutes() -> None:
    """An outage meanwhile only puts the next one off; when the operator was first needed stays told."""
    it = Health()
    it.failed("HTTP 503", None, now=0, wall=1, chance=0.5)
    it.needs_operator("HTTP 401", "mend the key", now=10, wall=10)
    it.needs_operator("HTTP 402", "pay", now=20, wall=20)
    assert it.pause is not None
    assert (it.pause.reason, it.pause.remedy, it.pause.since, it.pause.next_probe) == ("HTTP 402", "pay", 10, 320)
    it.failed("HTTP 503", None, now=320, wall=320, chance=0.5)
    assert (it.pause.reason, it.pause.since, it.pause.next_probe) == ("HTTP 402", 10, 620)


def test_only_refusals_between_which_the_server_took_others_are_strikes() -> None:
    """Enough of them, over long enough, show that the record is at fault."""
    it = Strikes()
    for now, successes in ((100, 0), (150, 0), (200, 3), (250, 3), (300, 4)):
        it = it.struck(successes, now)
    assert it == Strikes(3, 100, 4)
    assert it.are_enough((3, 200.0), 300)
    assert not it.are_enough((3, 200.0), 299)
    assert not it.are_enough((4, 200.0), 300)
    assert Strikes(4, 100, 9).are_enough((3, 0.0), 100)
