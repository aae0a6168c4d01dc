"""The campaign of small input and great cost notices what costs too much."""

from pathlib import Path

import pytest

from torture.hostile import Cost, Shape, cost_of, faults_of
from torture.hostile_shapes import SHAPES

FAIR = (
    Cost(1.0, 10, 500, 0.1, arrived=True),
    Cost(2.0, 20, 900, 0.1, arrived=True),
    Cost(4.0, 40, 900, 0.1, arrived=True),
)


@pytest.mark.parametrize(
    ("members", "fault"),
    [
        ({}, ""),
        ({"seconds": 8.0}, "twice as much takes 4.0 times as long"),
        ({"peak": 80 << 20}, "it takes 83,886,080 bytes of memory"),
        ({"output": 2_000_000}, "output grows: 900 bytes, then 2,000,000"),
        ({"turn": 6.0}, "a turn takes 6.0 s"),
        ({"arrived": False}, "the good file did not arrive"),
    ],
)
def test_what_costs_too_much_is_named(members: dict[str, float], fault: str) -> None:
    """Each bound of the design is one fault; what grows as its input is none."""
    shape: Shape = SHAPES["links"]
    costs = [*FAIR[:2], FAIR[2]._replace(**members)]  # type: ignore[arg-type]
    assert list(faults_of(shape, costs)) == ([fault] if fault else [])


def test_a_hostile_archive_is_measured_beside_a_good_record(tmp_path: Path) -> None:
    """The commands run, tell what they cost, and the good record arrives."""
    size, cost = cost_of(tmp_path / "1", SHAPES["headers"], 1)
    assert 0 < size < 1_000_000
    assert cost.seconds > 0
    assert cost.peak > 1 << 20
    assert 0 < cost.output < 10_000
    assert cost.arrived
