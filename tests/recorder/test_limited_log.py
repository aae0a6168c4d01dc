import logging
from collections.abc import Callable, Iterator

import pytest

import tcc_recorder as tcc
from support.clocks import Clock
from tcc_recorder.defaults import scoped
from tcc_recorder.limited_log import LimitedLog


def test_a_message_is_logged_once_a_minute_with_its_count(caplog: pytest.LogCaptureFixture) -> None:
    """Each message has its own minute; suppressed ones are counted."""
    clock = Clock()
    log = LimitedLog(clock)
    for second in range(61):
        clock.now = second
        log.warning("full")
        if second == 30:
            log.warning("other")
    assert [record.getMessage() for record in caplog.records] == [
        "full",
        "other",
        "full (60 times since this was last logged)",
    ]
    assert {record.name for record in caplog.records} == {"tcc_recorder"}


class _Full(logging.Handler):
    """A handler whose disk is full."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.asked += 1
        raise OSError(28, "No space left on device")


@pytest.fixture
def full() -> Iterator[_Full]:
    """Give the program a handler that raises."""
    handler = _Full()
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)


@pytest.mark.parametrize(
    "call",
    [
        lambda: tcc.run().prompt("p").end(),
        lambda: tcc.run().prompt("p").error("e"),
        lambda: tcc.submit_feedback("r", "thumbs_up"),
        tcc.flush,
        lambda: tcc.run().end_time("no time"),  # type: ignore[arg-type]
        lambda: tcc.run().metadata(7),  # type: ignore[arg-type]
        lambda: scoped(7).__enter__(),  # type: ignore[arg-type]
    ],
)
def test_a_log_handler_that_raises_reaches_no_agent(
    full: _Full, monkeypatch: pytest.MonkeyPatch, call: Callable[[], object]
) -> None:
    """What can't be recorded is told; if telling fails too, the agent still goes on."""
    monkeypatch.setenv("TCC_SPOOL_DIR", "/proc/no/spool")
    tcc.configure()
    call()
    assert full.asked or call is tcc.flush


def test_a_debug_log_that_fails_costs_no_record(
    full: _Full, caplog: pytest.LogCaptureFixture, items: Callable[..., list[object]], spool: object
) -> None:
    """Where debug messages are enabled, as by TCC_DEBUG, each record is told after it was written."""
    caplog.set_level(logging.DEBUG, logger="tcc_recorder")
    tcc.run("r").prompt("p").end()
    assert full.asked
    assert len(items(spool)) == 1
    assert tcc.run("s").prompt("p").feedback("thumbs_up") is True
