"""The wall clock jumps, both ways."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

import tcc_recorder as tcc
from support.faults import FaultServer, Reply, SegmentFile, retry_after
from support.rigging import Rig, Time
from tcc_recorder import sink
from tcc_schemas.lines import Line, LineReader
from tcc_uploader.clock import Clock
from tcc_uploader.delivery.engine import Engine

DECADE = 10 * 365 * 86_400


class JumpingTime(Time):
    """Its wall clock is off by ``jump`` seconds."""

    jump = 0.0

    @property
    def clock(self) -> Clock:
        """The clock for an engine."""
        return Clock(lambda: self.now, lambda: 1_790_000_000.0 + self.now + self.jump, lambda: self.chance)


@pytest.mark.parametrize("jump", [-DECADE, -3_600, 3_600, DECADE])
def test_no_jump_of_the_clock_holds_delivery_up_for_long(rig: Rig, server: FaultServer, jump: float) -> None:
    """A server asks to wait until a date, and the clock jumps before and after: everything arrives within two hours."""
    rig.time = JumpingTime()
    for number in range(6):
        SegmentFile().run(f"r{number}").seal().write(rig.spool, f"{number}.jsonl")
    began = rig.time.now

    def answer(_: object) -> Reply:
        if len(server.requests) in (2, 4):
            rig.time.jump += jump
            return retry_after(datetime.fromtimestamp(1_790_000_000.0 + rig.time.now, UTC) + timedelta(minutes=5), 429)
        return Reply()

    server.behaviour = answer
    rig.daemon(lambda engine: engine.settlement.total.delivered == 6 and not list(rig.spool.iterdir()))
    assert rig.time.now - began < 7_300
    assert len(server.requests) == 8


@pytest.mark.parametrize("jump", [-DECADE, DECADE])
def test_a_run_lasts_as_long_as_it_took_whatever_the_clock_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump: int
) -> None:
    """The clock jumps between a run's start and its end: the end is not before the start, nor years behind it."""
    real, offset = time.time_ns, 0
    monkeypatch.setattr(time, "time_ns", lambda: real() + offset)
    tcc.configure(spool_dir=tmp_path / "spool")
    try:
        for name in ("r0", "r1"):
            run = tcc.run(name).prompt("p")
            offset += jump * 10**9
            run.end()
    finally:
        tcc.configure()
        sink._arguments.clear()
    (path,) = (tmp_path / "spool").iterdir()
    lines = [line for line in LineReader().read(path.read_bytes()) if isinstance(line, Line) and line.kind == "run"]
    assert [line.id for line in lines] == ["r0", "r1"]
    for line in lines:
        item = orjson.loads(line.body)
        start, end = (datetime.fromisoformat(item[name]) for name in ("start_time", "end_time"))
        assert timedelta(0) <= end - start < timedelta(minutes=1)


def test_segments_whose_names_go_back_in_time_are_all_delivered(rig: Rig, server: FaultServer) -> None:
    """Names and times of files only sort: whatever a clock made of them, each record arrives once."""
    for number, name in enumerate(("19700101t000000z-a", "99991231t235959z-b", "20260131t120000z-c")):
        SegmentFile().run(f"r{number}").seal().write(rig.spool, f"{name}.jsonl")

    def until(engine: Engine) -> object:
        return engine.settlement.total.delivered == 3 and not list(rig.spool.iterdir())

    rig.daemon(until)
    assert sorted(server.ids) == [["r0"], ["r1"], ["r2"]]
