"""Make the sample traces again: ``python sample_traces/make.py``.  Each file is a segment that the recorder wrote."""

import os
import subprocess
import sys
import tempfile
from binascii import a2b_base64
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from agents_stories import openai_agents_error, openai_agents_handoff, openai_agents_tools
from book_shop_story import book_shop

import tcc_recorder as tcc
import tcc_recorder.spool.segment as recorder_segment
from tcc_schemas.lines import Line, LineReader, crc_of, encode
from tcc_schemas.tally import Tally

HERE = Path(__file__).parent


def success() -> None:
    """A run with two steps and two tool calls."""
    r = tcc.run("sample-success", session_id="sample-session-1")
    r.prompt("Where is order 1042?", system_prompt="You are the support agent of a book shop.")
    plan = r.step("sample-success-plan").prompt("Where is order 1042?").response("I will look it up.")
    plan.model("gpt-4o", "gpt-4o-2024-08-06").tokens(420, 0, 18).cost(0.0012).finish_reason("tool_calls").end()
    find = r.tool_call("find_order", "sample-success-find")
    find.args({"order": 1042}).result({"state": "shipped", "carrier": "DHL"}).end()
    track = r.tool_call("track_parcel", "sample-success-track")
    track.args({"carrier": "DHL"}).result("out for delivery since 08:12").end()
    answer = r.step("sample-success-answer").prompt("shipped, DHL, out for delivery").response("It arrives today.")
    answer.model("gpt-4o", "gpt-4o-2024-08-06").tokens(210, 384, 9).cost(0.0007).finish_reason("stop").end()
    r.metadata(agent="support", environment="production").response("It arrives today.").end()


def error() -> None:
    """A run that failed; the key in the message did not reach the disk."""
    r = tcc.run("sample-error").prompt("Refund order 1042")
    call = r.tool_call("refund", "sample-error-refund").args({"order": 1042})
    call.error("HTTP 401 from payments, Authorization: Bearer sk-live-0123456789abcdef")
    r.error("PaymentError: refund refused, api_key=sk-live-0123456789abcdef")


def conversation() -> None:
    """Three turns of one session."""
    turns = [("Hi!", "Hello, how can I help?"), ("A table for two", "For when?"), ("Tonight at 8", "Booked: 20:00.")]
    for number, (question, answer) in enumerate(turns, 1):
        with tcc.run(f"sample-conversation-{number}", "sample-session-2", conversational=True) as r:
            r.prompt(question).response(answer)


def partial_success() -> None:
    """A run that did half of what it was asked, and says so."""
    r = tcc.run("sample-partial").prompt("Translate these two files")
    r.tool_call("translate", "sample-partial-1").args({"file": "a.md"}).result("done").end()
    r.tool_call("translate", "sample-partial-2").args({"file": "b.md"}).error("the file is empty")
    r.response("I translated a.md; b.md is empty.").status(1, "one of two files was empty").end()


def late_feedback() -> None:
    """Feedback on a run, and a step that ended after it."""
    r = tcc.run("sample-late").prompt("Summarise the minutes").response("Three decisions were taken.")
    late = r.step("sample-late-step").prompt("judge the summary").response("faithful")
    r.end()
    late.end()
    r.feedback(score="thumbs_down", text="It leaves out the budget.")


def torn_tail() -> None:
    """The process was killed while it wrote its third run."""
    for number in (1, 2, 3):
        tcc.run(f"sample-torn-{number}").prompt("Count").response(str(number)).end()
    os._exit(0)


def duplicate_run_id() -> None:
    """The same run recorded twice, byte for byte."""
    moment = datetime(2026, 1, 31, 12, tzinfo=UTC)
    for _ in range(2):
        tcc.record(
            tcc.RunRecord(
                run_id="sample-duplicate",
                start_time=moment,
                end_time=moment,
                prompt={"user_prompt": "Twice"},
                response="2",
            )
        )


def conflicting_run_id() -> None:
    """Two different runs under one id: the second is kept as a dead letter."""
    tcc.run("sample-conflict").prompt("First").response("1").end()
    tcc.run("sample-conflict").prompt("Second").response("2").end()


def unknown_path() -> None:
    """A run; its copy below asks for an endpoint that this version does not know."""
    tcc.run("sample-path").prompt("Where to?").response("A place to come.").end()


def refused_path() -> None:
    """A run; its copy below asks for what can be no endpoint."""
    tcc.run("sample-refused-path").prompt("Where to?").response("Nowhere.").end()


def binary_body() -> None:
    """A run; in its place is below what another official package posted: OTLP in protobuf, packed with gzip."""
    tcc.run("sample-binary").prompt("p").response("r").end()


BINARY_BODY = b"""
H4sIAKFgB2sC/+PqYueS5pLk4ilOLSrLTE7Vy0vMTRXi5GLPySxJzcnJFXrFxiXBJZacn1eSWlGSnJ9bkJhXqQeTXMLMJTAv1efCpPU/rprsaT
pULXRRSohj6lvGVSrXPCy0+KHq4otSC0tTi0sMGC0Zfs5/q5H1WsKRYeYnBk0gw0uWSyg3tSQxJbEkUa8kOVmvqDTPM0WInYsVyNA19FLgEklP
zYtPzNSDGqKXm5+SmiPEwcWWXlCia5LvpcglCldRXJCfV5yKoUSeSxKqpLQ4MT1VLzOvoLQkviQ/OzWvWIhJggtoixSKgvzSEhQVIl52cFvAmv
VyU4tBKouFVLmUo6uVivJzUpWsFJRKgeGopKOgBA6wvBKQUEamUm2slwuXGFQ/xGyEAVpcGkgGJBYXZxaXJAK1oppSmQ8yRYdLDt2vaZl5mcUZ
wCBOLAbyhbi4OKKVikvyC5RiqxhaGRkYGRiElgGjyT1xTdYKG2uPnb+LvsbtuPRUiCNd0Kv1qYXhA6zRxLGBSRMcTfnHmIZSNNnjiiY1LhVC0W
QECmFXnPGkzaVJVDwZkR1RANU5aFmNAwAA
"""


HAND_WRITTEN = """\
{"type": "run", "run_id": "sample-hand-1", "start_time": "2026-01-31T12:00:00Z", "end_time": "2026-01-31T12:00:02Z", \
"status_code": 0, "prompt": {"user_prompt": "Written by hand"}, "response": "One wire item per line."}

{"type": "step", "run_id": "sample-hand-1", "step_id": "sample-hand-step", "start_time": "2026-01-31T12:00:00Z", \
"end_time": "2026-01-31T12:00:01Z", "status_code": 0, "prompt": "p", "response": "r"}
{"runId": "sample-hand-1", "score": "thumbs_up"}
{"type": "run", "run_id": "sample-hand-2", "start_time": "yesterday"}
"""


def killed() -> None:
    """A run, and another that the process was killed in; the journal was on."""
    tcc.configure(journal=True)
    tcc.run("sample-before-the-kill").prompt("First").response("done").end()
    r = tcc.run("sample-killed", "sample-session-3").prompt("Reindex everything")
    r.step("sample-killed-plan").prompt("Reindex everything").response("In 40 batches.").end()
    r.tool_call("reindex", "sample-killed-1").args({"batch": 1}).result("ok").end()
    os._exit(0)


STORIES = (
    book_shop,
    openai_agents_tools,
    openai_agents_handoff,
    openai_agents_error,
    killed,
    success,
    error,
    conversation,
    partial_success,
    late_feedback,
    torn_tail,
    duplicate_run_id,
    conflicting_run_id,
    *(unknown_path, refused_path, binary_body),
)


def rewritten(segment: bytes, changed: Callable[[Line], bytes]) -> bytes:
    """Return a segment of one record with another line in its place, and a true seal."""
    tally, lines = Tally(), []
    for line in LineReader().read(segment):
        assert isinstance(line, Line)
        body = b'{"records":1,"refused":0,"crcs":"%b"}' % tally.crcs.encode() if line.kind == "seal" else line.body
        encoded = changed(line) if line.is_record else encode(line.kind, line.id, body, at=line.at)
        tally.add(crc_of(encoded), is_record=line.is_record)
        lines.append(encoded)
    return b"".join(lines)


def sent_to(path: str, line: Line) -> bytes:
    """Return a record's line with another path."""
    return encode(line.kind, line.id, line.body, at=line.at, run_id=line.run_id, path=path, key=line.key)


def binary(line: Line) -> bytes:
    """Return the line of a request whose body is no JSON."""
    return encode(
        "otlp-steps",
        "8f6e1d0c5b4a39281706f5e4d3c2b1a0",
        a2b_base64(BINARY_BODY),
        at=line.at,
        path="/v1/otel-steps",
        type="application/x-protobuf",
        encoding="gzip",
        base64=True,
    )


REWRITTEN: Mapping[Callable[[], None], Callable[[Line], bytes]] = {
    unknown_path: partial(sent_to, "/v1/nowhere"),
    refused_path: partial(sent_to, "/v2/custom"),
    binary_body: binary,
}


def main() -> None:
    """Record each story in a process and a spool of its own."""
    for story in STORIES:
        with tempfile.TemporaryDirectory() as spool:
            environment = {"PATH": os.environ["PATH"], "TCC_SPOOL_DIR": spool, "OPENAI_API_KEY": "none"}
            subprocess.run([sys.executable, __file__, story.__name__], env=environment, check=True)
            [file] = Path(spool).iterdir()
            segment = file.read_bytes()
        if story is torn_tail:
            segment = segment[:-150]
        if story in REWRITTEN:
            segment = rewritten(segment, REWRITTEN[story])
        (HERE / f"{story.__name__}.jsonl").write_bytes(segment)
    (HERE / "hand_written.jsonl").write_text(HAND_WRITTEN)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        # the samples are nobody's in particular
        recorder_segment._host, recorder_segment._boot_id = lambda: "sample-host", lambda: "sample-boot"  # noqa: SLF001
        next(story for story in STORIES if story.__name__ == sys.argv[1])()
    else:
        main()
