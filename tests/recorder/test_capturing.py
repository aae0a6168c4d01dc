import threading
from contextlib import suppress
from pathlib import Path

import tcc_recorder as tcc
from tcc_recorder.testing import capture


def test_captured_runs_are_seen_and_touch_no_disk(spool: Path) -> None:
    """capture() gives lines and wire items of everything recorded meanwhile, and writes nothing."""
    with capture() as captured:
        run = tcc.run("r").prompt("p")
        run.step("s").prompt("p").response("r").end()
        run.tool_call("t", "c").end()
        run.end()
        run.feedback("thumbs_up")
        assert tcc.flush() is True
        tcc.configure(max_bytes=10**6)
        tcc.tool_call("r", "late", "t").end()
    assert [line.kind for line in captured.lines] == ["run", "feedback", "tool_call"]
    assert [item["run_id"] for item in captured.runs] == ["r"]
    assert [item["step_id"] for item in captured.steps] == ["s"]
    assert [item["tool_call_id"] for item in captured.tool_calls] == ["c", "late"]
    assert captured.feedback == [{"runId": "r", "score": "thumbs_up"}]
    assert not spool.exists()
    tcc.run().prompt("p").end()
    assert spool.exists()
    assert len(captured.runs) == 1


def test_blocks_nest_and_end_with_an_exception() -> None:
    """The innermost block takes the records; leaving it, however, restores the one around it."""
    with capture() as outer:
        with suppress(KeyError), capture() as inner:
            tcc.run("inner").prompt("p").end()
            raise KeyError
        tcc.run("outer").prompt("p").end()
    assert [line.id for line in inner.lines] == ["inner"]
    assert [line.id for line in outer.lines] == ["outer"]


def test_threads_are_captured_too() -> None:
    """A block takes what other threads record."""
    with capture() as captured:
        threads = [threading.Thread(target=lambda: tcc.run().prompt("p").end()) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(captured.runs) == 8
