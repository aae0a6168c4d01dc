"""Makes reports of runs for tests, and runs like those that agents record."""

import base64
import gzip
import json
import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from support.faults import SegmentFile, batch_of, run_item, step_item, tool_call_item
from tcc_uploader.inspect.report.columns import Made
from tcc_uploader.inspect.report.write import Written, write_report
from tcc_uploader.inspect.runs.reader import RunReader
from tcc_uploader.inspect.runs.wanted import Wanted, all_wanted
from tcc_uploader.model.selection import Selection
from tcc_uploader.sources.paths import sources_of

MADE = Made(datetime(2026, 11, 25, tzinfo=UTC), "0.1", ["spool"], "")
_BLOCK = re.compile(rb'<script type="application/octet-stream" id="(\w+)">([^<]*)</script>')
_BEGIN = datetime(2026, 11, 22, 5, tzinfo=UTC)


def report_on(*paths: Path, output: Path, selection: Selection | None = None, **options: Any) -> Written:
    """Write the report of everything in these paths to ``output``."""
    with RunReader(sources_of(paths)) as reader:
        runs = all_wanted(reader, Wanted(selection or Selection()))
        return write_report(runs, reader, output, made=MADE, **options)


def report_of(folder: Path, *segments: SegmentFile, name: str = "report.html", **options: Any) -> Path:
    """Write these segments to a spool in ``folder``, and the report on it beside it; return the report's path."""
    spool = folder / "reported"
    for segment in segments:
        segment.seal().write(spool)
    report_on(spool, output=folder / name, **options)
    return folder / name


def blocks(report: Path) -> dict[str, bytes]:
    """Return the data blocks of a report, unpacked; the last one is empty."""
    found = {name.decode(): base64.b64decode(data) for name, data in _BLOCK.findall(report.read_bytes())}
    return {name: gzip.decompress(data) if data else b"" for name, data in found.items()}


def at(seconds: float) -> str:
    """Return a time on the wire, so many seconds after the first run began."""
    return (_BEGIN + timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def conversations(runs: int, *, seed: int = 5) -> SegmentFile:
    """Return a segment with so many runs of an agent: sessions that resend their history, tools, some failures."""
    segment, chance, begin = SegmentFile(), random.Random(seed), 0.0  # noqa: S311 -- made-up text
    history: list[dict[str, str]] = []
    for number in range(runs):
        turn = number % 4
        if turn == 0:
            history = [{"role": "system", "content": "You sell books. " * 60}]
        begin += chance.expovariate(1 / 60)
        segment.later(at(begin + 4))
        _turn(segment, chance, number, f"conversation-{number // 4}", history, begin)
    return segment


def _turn(
    segment: SegmentFile, chance: random.Random, number: int, session: str, history: list[dict[str, str]], begin: float
) -> None:
    run_id, call_id = f"run-{number}", f"call-{number}"
    question = f"Where is my order {chance.randrange(1000, 9999)}? {_words(chance, 12)}"
    answer = f"It was scanned in Härkingen. {_words(chance, 40)}"
    failed = number % 20 == 7
    history.append({"role": "user", "content": question})
    sent = orjson.dumps(history).decode()
    call = {"type": "function_call", "name": "find_order", "call_id": call_id, "arguments": '{"order": 4711}'}
    model = {"model_requested": "gpt-4.1", "model_used": "gpt-4.1-2026-04-14", "prompt_uncached_tokens": 400}
    steps = [
        {"prompt": sent, "response": orjson.dumps([call]).decode(), "real_total_cost": 0.0011},
        {"prompt": sent[:-1] + "," + orjson.dumps(call).decode() + "]", "response": answer, "real_total_cost": 0.0013},
    ]
    children = [
        step_item(
            run_id, f"{run_id}-{n}", start_time=at(begin + 2 * n), end_time=at(begin + 2 * n + 1), **model, **step
        )
        for n, step in enumerate(steps)
    ]
    outcome = {"status_code": 2, "status_message": "TimeoutError: no answer in 10 s"} if failed else {}
    result = {} if failed else {"result": orjson.dumps({"status": "shipped", "note": _words(chance, 30)}).decode()}
    children.append(
        tool_call_item(
            run_id,
            call_id,
            tool_name="find_order",
            args='{"order": 4711, "shop": "Bern"}',
            start_time=at(begin + 1),
            end_time=at(begin + 2),
            attributes={"call_id": call_id},
            **result,
            **outcome,
        )
    )
    ended: dict[str, Any] = outcome if failed else {"response": answer}
    run = run_item(
        run_id,
        start_time=at(begin),
        end_time=at(begin + 4 + number % 9),
        session_id=session,
        prompt={"user_prompt": question, "system_prompt": history[0]["content"]},
        metadata={"agent": "support"},
        **ended,
    )
    segment.record("run", run_id, batch_of(run, *children))
    history.append({"role": "assistant", "content": answer})


def _words(chance: random.Random, number: int) -> str:
    return " ".join(
        chance.choices(["carton", "shelf", "parcel", "Zürich", "refund", "reader", "late", "copy"], k=number)
    )


def children_of(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the wire items of a record's body."""
    yield from body["items"] if body.get("type") == "batch" else [body]


def as_set(items: Iterable[dict[str, Any]]) -> Counter[bytes]:
    """Return items as comparable bytes, however they are ordered; 1.0 is 1, as in JavaScript."""
    plain = (json.loads(orjson.dumps(item), parse_float=_number) for item in items)
    return Counter(orjson.dumps(item, option=orjson.OPT_SORT_KEYS) for item in plain)


def _number(text: str) -> float:
    return int(float(text)) if float(text).is_integer() else float(text)
