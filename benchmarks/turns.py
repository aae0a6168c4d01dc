"""Waiting: how often a daemon's loop turns while all its destinations are paused, each for another reason."""

import contextlib
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import orjson
from benchmarks.harness import Row, row

from tcc_schemas.endpoints import CUSTOM_PATH, origin_of
from tcc_schemas.lines import encode
from tcc_uploader.dead.store import LetterFolder
from tcc_uploader.delivery.engine import Engine
from tcc_uploader.delivery.events import each_turn
from tcc_uploader.delivery.host import Host
from tcc_uploader.ledger.sqlite import SqliteLedger
from tcc_uploader.settings import Settings
from tcc_uploader.sources.given import Sources

_STATUSES = {"retry-after": 429, "outage": 500, "operator": 401, "undecided": 403, "undecided-content": 422}
"""What is answered, by the first folder of a destination's path."""
_NOT_HELD = "deadbeef"
"""The hint of a key that the engine does not hold."""
_AT = "2026-01-31T12:00:00.000Z"


def rows(quick: bool) -> Iterator[Row]:
    """Let an engine in this process settle down, and count its turns."""
    repetitions, settle, seconds = (1, 0.5, 1.0) if quick else (5, 3.0, 15.0)
    figures = [_turns_per_second(settle, seconds) for _ in range(repetitions)]
    kinds = "Retry-After, outage, operator, undecided, key not held"
    yield row(f"turns per second, idle, with paused destinations ({kinds})", figures, unit="", at_most=3)


def _turns_per_second(settle: float, seconds: float) -> float:
    turns, engines, ready = 0, list[Engine](), threading.Event()

    def count(engine: Engine) -> None:
        nonlocal turns
        turns += 1
        engines[:] = [engine]
        ready.set()

    def work(settings: Settings) -> None:
        state, sources = settings.state_dir, Sources(list(settings.spools))
        with (
            contextlib.closing(SqliteLedger.open(state)) as ledger,
            Engine(settings, ledger, LetterFolder(state), sources, host=Host(hear=each_turn(count))) as engine,
        ):
            engine.run_for_ever()

    with _server() as url, tempfile.TemporaryDirectory() as folder:
        spool = Path(folder, "spool")
        spool.mkdir()
        for kind in _STATUSES:
            _write(spool, f"{url}/{kind}{CUSTOM_PATH}", None)
        _write(spool, None, _NOT_HELD)
        origins = frozenset({origin_of(url)})
        settings = Settings(
            spools=(spool,), state_dir=Path(folder), api_keys=("benchmark",), base_url=url, allowed_origins=origins
        )
        thread = threading.Thread(target=work, args=(settings,))
        thread.start()
        ready.wait()
        time.sleep(settle)
        before, began = turns, time.monotonic()
        time.sleep(seconds)
        found = (turns - before) / (time.monotonic() - began)
        engines[0].stop()
        thread.join()
    return found


def _write(spool: Path, url: str | None, key: str | None) -> None:
    """Write a segment of 30 runs that name this URL, and the hint of this key."""
    ident = str(uuid.uuid4())
    header = {"segment_id": ident, "host": "benchmark", "boot_id": "", "pid": 1, "sdk_version": "0"}
    lines = [encode("segment", ident, orjson.dumps(header | {"durability": "process"}), at=_AT)]
    for _ in range(30):
        run_id = str(uuid.uuid4())
        item = {"type": "run", "run_id": run_id, "start_time": _AT, "end_time": _AT, "status_code": 0}
        body = orjson.dumps(item | {"prompt": {"user_prompt": "hello"}})
        lines.append(encode("run", run_id, body, at=_AT, run_id=run_id, path=CUSTOM_PATH, url=url, key=key))
    Path(spool, f"20260131t120000z-{ident[-12:]}.jsonl").write_bytes(b"".join(lines))


@contextlib.contextmanager
def _server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    """Answers as the first folder of the path says."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        status = _STATUSES[self.path.split("/")[1]]
        self.send_response(status)
        if status == _STATUSES["retry-after"]:
            self.send_header("Retry-After", "600")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""
