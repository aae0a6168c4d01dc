"""Whatever happens in a history, its log has nothing of what was recorded, though the server quotes every body."""

import io
import logging
from pathlib import Path

from simulation.server import Server, Stored
from simulation.world import World
from support.faults import KEY
from tcc_uploader.ops.logs import LifeLog
from tcc_uploader.sinks import JsonFormatter, ShownFormatter
from tcc_uploader.transport.answers import Answer
from tcc_uploader.transport.client import Request

HISTORIES = 20
IN_EVERY_BODY = ("start_time", "runId")
"""Of each body one of these is a part, and of no log line."""


class QuotingServer(Server):
    """Refuses with the words of the request, as servers that validate do."""

    def answer(self, request: Request) -> tuple[Answer, Stored | None]:
        """Refuse a request, or store it."""
        answer, stored = super().answer(request)
        quotes = (answer.status or 0) >= 400
        return answer._replace(text=b"not valid: " + request.body) if quotes else answer, stored


def test_no_history_logs_what_was_recorded_or_the_key(tmp_path: Path) -> None:
    """Everything is logged that can be, as text and as JSON: answers, pauses, dead letters, damage, kills, ends."""
    written = io.StringIO()
    log = logging.getLogger("tcc_uploader")
    handlers = [logging.StreamHandler(written), logging.StreamHandler(written)]
    for handler, formatter in zip(handlers, (ShownFormatter(), JsonFormatter()), strict=True):
        handler.setFormatter(formatter)
        log.addHandler(handler)
    before, log.propagate = log.level, False
    log.setLevel(logging.DEBUG)
    try:
        for seed in range(HISTORIES):
            (tmp_path / str(seed)).mkdir()
            world = World(seed, tmp_path / str(seed))
            world.server, world.hear = QuotingServer(world), LifeLog(is_daemon=True)
            world.run()
    finally:
        log.setLevel(before)
        log.propagate = True
        for handler in handlers:
            log.removeHandler(handler)
    text = written.getvalue()
    for action in ("started", "answered", "committed", "paused", "recovered", "dead", "totals"):
        assert f" {action}: " in text
        assert f'"action":"{action}"' in text
    for secret in (*IN_EVERY_BODY, KEY):
        assert secret not in text
