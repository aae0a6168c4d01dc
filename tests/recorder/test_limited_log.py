import pytest

from support.clocks import Clock
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
