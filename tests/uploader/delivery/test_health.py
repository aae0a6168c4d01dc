"""A destination is up or paused: when it pauses, for how long, and what ends it."""

from hypothesis import given
from hypothesis import strategies as st

from tcc_uploader.delivery.health import Health, backoff


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
