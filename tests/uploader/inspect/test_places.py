"""What is remembered of a million runs is small."""

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from tcc_uploader.inspect.runs.places import Numbers

NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.integers(-5, 5).map(lambda number: number * 4096)


@given(st.lists(NUMBERS))
def test_numbers_are_a_set(numbers: list[int]) -> None:
    """A number is new once."""
    seen = Numbers()
    known: set[int] = set()
    for number in numbers:
        assert seen.add(number) == (number not in known)
        known.add(number)


def test_a_number_takes_little_more_than_its_eight_bytes() -> None:
    """A hundred thousand take less than 14 bytes each, with what even an empty one takes."""
    tracemalloc.start()
    try:
        seen = Numbers()
        for number in range(100_000):
            seen.add(hash((number, "id")))
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < 14 * 100_000
