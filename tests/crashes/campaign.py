"""Tries all states after a crash of a scenario, and all turns of a play; on the product, or on a mutation of it."""

import itertools
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from crashes.disk import Disk, Operation, crashes
from crashes.reopening import Reopening, Violation
from crashes.scenarios import REFUSED, Scenario
from crashes.stage import Stage
from tcc_uploader.state import StateHeldError

# ruff: noqa: D401 -- a play's docstring is its title


THOROUGH: Final = bool(os.environ.get("TCC_TORTURE"))
"""Whether to run a long campaign: (nearly) all states after a power loss, and one turn more per play."""
STATES_PER_POWER_LOSS: Final = 4096 if THOROUGH else 12
Mutation = Callable[[pytest.MonkeyPatch], None]
Actors = Mapping[str, Callable[[], None]]
Play = Callable[[Stage], Actors]


def no_mutation(_: pytest.MonkeyPatch) -> None:
    """Leave the product as it is."""


def record(root: Path, scenario: Scenario, mutation: Mutation = no_mutation) -> list[Operation]:
    """Run a scenario, and return its trace.  Raises Violation if a recorder refused a run without a disk fault."""
    with _stage(root, mutation) as stage:
        scenario(stage)
        trace = stage.close()
    if stage.refused and not stage.short_writes:
        raise Violation(f"the disk had no fault, but {stage.refused} were not recorded")
    return trace


def cut_off(root: Path, scenario: Scenario, mutation: Mutation = no_mutation) -> int:
    """Crash a scenario at every point; return how many states were tried.  Raises Violation."""
    trace = record(root, scenario, mutation)
    with reopening(root) as again:
        for state in crashes(trace, most=STATES_PER_POWER_LOSS):
            again.check(state)
    return again.checked


def take_turns(root: Path, play: Play, mutation: Mutation = no_mutation) -> int:
    """Run a play with every change of turns, and kill all actors at the end; return how many.  Raises Violation."""
    tried = 0
    root.mkdir()
    for turns in _turns(_seams(root, play, mutation)):
        tried += 1
        where = root / str(tried)
        with _stage(where, mutation) as stage:
            stage.play(play(stage), turns)
            trace = stage.close()
        if stage.refused:
            raise Violation(f"{turns}: the disk had no fault, but {stage.refused} were not recorded")
        disk = Disk()
        for operation in trace:
            disk.apply(operation)
        with reopening(where) as again:
            for state in disk.after_kill(f"turns {turns}"):
                again.check(state)
    return tried


@contextmanager
def reopening(root: Path) -> Iterator[Reopening]:
    """Yield the object that puts states on the disk and checks them."""
    with pytest.MonkeyPatch.context() as patch:
        yield Reopening(root, patch, REFUSED)


@contextmanager
def _stage(root: Path, mutation: Mutation) -> Iterator[Stage]:
    logging.disable(logging.CRITICAL)  # thousands of faults would be logged
    try:
        with pytest.MonkeyPatch.context() as patch:
            stage = Stage(root, patch)
            stage.server.refused = REFUSED
            mutation(patch)
            yield stage
    finally:
        logging.disable(logging.NOTSET)


def _seams(root: Path, play: Play, mutation: Mutation) -> dict[str, int]:
    with _stage(root / "first", mutation) as stage:
        seams = stage.play(play(stage))
        stage.close()
    return seams


def _turns(seams: Mapping[str, int]) -> Iterator[tuple[tuple[str, int], ...]]:
    """Yield all turns: one actor is interrupted, then the other (in a thorough campaign, then the first again)."""
    for first, second in itertools.permutations(seams, 2):
        actors = (first, second, first)[: 3 if THOROUGH else 2]
        for places in itertools.product(*(range(1, seams[actor] + 2) for actor in actors)):
            yield tuple(zip(actors, places, strict=True))


def dying_writer(stage: Stage) -> Actors:
    """A process records two runs and is killed, while the uploader runs."""

    def write() -> None:
        writer = stage.writer()
        writer.record("a")
        writer.record("b")
        writer.die()

    return {"writer": write, "uploader": lambda: _rounds(stage)}


def sealing_writer(stage: Stage) -> Actors:
    """A process records two runs and ends normally, while the uploader runs."""

    def write() -> None:
        writer = stage.writer("power")
        writer.record("a")
        writer.record("b")
        writer.seal()

    return {"writer": write, "uploader": lambda: _rounds(stage)}


def forking_writer(stage: Stage) -> Actors:
    """A process records and forks, and both processes record, while the uploader runs."""

    def write() -> None:
        parent = stage.writer()
        parent.record("a")
        child = parent.fork()
        parent.record("b")
        child.record("c")
        child.die()
        parent.record("d")

    return {"writer": write, "uploader": lambda: _rounds(stage)}


def two_uploaders(stage: Stage) -> Actors:
    """Two uploaders are started on one state directory."""
    writer = stage.writer()
    for run_id in ("a", "b"):
        writer.record(run_id)
    writer.seal()

    def upload() -> None:
        try:
            _rounds(stage)
        except StateHeldError:
            return

    return {"one": upload, "other": upload}


def _rounds(stage: Stage) -> None:
    with stage.uploader() as uploader:
        for _ in range(3):
            uploader.round()
