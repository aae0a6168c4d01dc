"""What the bodies of each kind say, beyond what the recordings show: tools, failures, several parts, several posts."""

from pathlib import Path
from typing import Any

import pytest

from support.faults import SegmentFile
from support.posts import POSTED, Posted, post, segment_of
from tcc_uploader.inspect.runs.reader import RunReader
from tcc_uploader.inspect.runs.values import Outcome, Run, Span, Step, ToolCall
from tcc_uploader.sources.paths import sources_of

MS = 1_795_645_800_000
"""A time, in milliseconds since 1970."""


def read(folder: Path, *lines: bytes, also: SegmentFile | None = None) -> list[Run]:
    """Return the runs of a spool with these lines, newest first, then those without a record of their own."""
    segment_of(*lines).write(folder)
    if also:
        also.seal().write(folder)
    with RunReader(sources_of([folder])) as reader:
        return [*reader.newest_first(), *reader.without_record()]


def run_of(folder: Path, path: str, body: Any) -> Run:
    """Return the run of one post."""
    (run,) = read(folder, post(path, body).line("r"))
    assert run.posts == ()
    return run


def test_a_claude_run_with_tools_is_told_call_by_call(tmp_path: Path) -> None:
    """Parts of one message are one step; a result ends its tool call; an unknown message is a span."""
    use = {"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "ls"}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": "no such file", "is_error": True}
    usage = {"input_tokens": 3, "cache_creation_input_tokens": 2, "cache_read_input_tokens": 7, "output_tokens": 4}
    words = {"type": "text", "text": "Let me look."}

    def said(at: int, kind: str, **message: Any) -> dict[str, Any]:
        return {"type": kind, "message": message, "receivedAtMs": MS + at, "uuid": f"u{at}"}

    run = run_of(
        tmp_path,
        "/v1/claude",
        {
            "runId": "r",
            "userPrompt": "what is here?",
            "environment": "ci",
            "messages": [
                {"type": "stream_event", "receivedAtMs": MS, "event": {"type": "ping"}},
                said(1000, "assistant", id="m1", content=[words], model="claude-x", usage=usage, stop_reason=None),
                said(1100, "assistant", id="m1", content=[use], model="claude-x", usage=usage, stop_reason="tool_use"),
                said(2000, "user", role="user", content=[result]),
                said(3000, "assistant", id="m2", content="It is gone.", model="claude-x"),
                {"type": "result", "subtype": "error_max_turns", "receivedAtMs": MS + 3001, "total_cost_usd": 0.5},
            ],
        },
    )
    assert (run.outcome, run.message, run.cost, run.ms) == (Outcome.ERROR, "error_max_turns", 0.5, 3001)
    assert (run.prompt, run.response, run.attributes) == ("what is here?", "It is gone.", {"environment": "ci"})
    ping, first, bash, second = run.calls
    assert isinstance(ping, Span)
    assert (ping.name, ping.wire["attributes"]) == ("stream_event", {"event": {"type": "ping"}})
    assert isinstance(first, Step)
    assert (first.ms, first.tokens_in, first.tokens_cached, first.tokens_out) == (1100, 5, 7, 4)
    assert first.wire["prompt"] == '[{"role":"user","content":"what is here?"}]'
    assert '"Let me look."' in first.wire["response"]
    assert '"tool_use"' in first.wire["response"]
    assert isinstance(bash, ToolCall)
    assert (bash.name, bash.args, bash.result) == ("Bash", '{"command":"ls"}', "no such file")
    assert (bash.outcome, bash.message, bash.ms) == (Outcome.ERROR, "no such file", 900)
    assert isinstance(second, Step)
    assert '"tool_result"' in second.wire["prompt"]
    assert second.wire["response"] == "It is gone."


def test_a_mastra_trace_tells_generations_tools_and_errors(tmp_path: Path) -> None:
    """A model's steps within a generation are spans: as steps they would count its tokens again."""
    times = {"startTime": "2026-11-25T22:30:51.000Z", "endTime": "2026-11-25T22:30:52.500Z"}
    usage = {"inputTokens": 10, "outputTokens": 4, "inputDetails": {"cacheRead": 6}}
    spans = [
        {
            "id": "g",
            "type": "model_generation",
            "name": "llm: 'x'",
            "input": {"messages": [{"role": "user"}]},
            "attributes": {"model": "gpt-4o", "usage": usage, "finishReason": "stop"},
            "output": {"text": "done"},
        },
        {"id": "i", "type": "model_step", "name": "step: 0", "attributes": {"usage": usage}},
        {
            "id": "t",
            "type": "tool_call",
            "name": "tool: 'weather'",
            "attributes": {"toolId": "weather"},
            "input": {"city": "Bern"},
            "errorInfo": {"message": "no such city", "id": "X"},
        },
        {
            "id": "a",
            "type": "agent_run",
            "isRootSpan": True,
            "name": "agent",
            "attributes": {"agentId": "helper"},
            "input": [{"role": "system", "content": "s"}, {"role": "user", "content": "and now?"}],
            "errorInfo": {"message": "gave up"},
        },
    ]
    run = run_of(tmp_path, "/v1/mastra", {"runId": "r", "spans": [span | times for span in spans]})
    assert (run.outcome, run.message, run.agent, run.ms) == (Outcome.ERROR, "gave up", "helper", 1500)
    assert run.prompt == "and now?"
    (step,) = run.steps
    assert (step.model, step.tokens_in, step.tokens_cached, step.tokens_out) == ("gpt-4o", 4, 6, 4)
    assert (step.wire["response"], step.wire["finish_reason"]) == ("done", "stop")
    (call,) = run.tool_calls
    assert (call.name, call.args, call.outcome, call.message) == (
        "weather",
        '{"city":"Bern"}',
        Outcome.ERROR,
        "no such city",
    )
    assert [span.name for span in run.spans] == ["step: 0"]


def test_a_run_of_pi_tells_its_messages_and_tools(tmp_path: Path) -> None:
    """A message's own times, costs and errors; tool executions tell more of the calls in messages."""
    usage = {"input": 3, "output": 4, "cacheRead": 5, "cacheWrite": 1, "cost": {"total": 0.25}}
    call = {"type": "toolCall", "id": "c", "name": "read", "arguments": {"path": "x"}}
    answer = {"role": "assistant", "content": [call], "model": "m", "usage": usage, "stopReason": "toolUse"}
    came = {"role": "toolResult", "toolCallId": "c", "toolName": "read", "content": [{"type": "text", "text": "12"}]}
    end = {"role": "assistant", "content": [], "model": "m", "stopReason": "error", "errorMessage": "overloaded"}
    run = run_of(
        tmp_path,
        "/v1/pi",
        {
            "runId": "r",
            "startTimestamp": MS,
            "endTimestamp": MS + 5000,
            "sessionId": "S",
            "messages": [{"role": "user", "content": "hi"}, answer, came, end, {"role": "custom", "x": 1}],
            "toolExecutions": [{"toolCallId": "c", "startTimestamp": MS, "endTimestamp": MS + 7, "exitCode": 0}],
        },
    )
    assert (run.outcome, run.message, run.ms, run.cost) == (Outcome.ERROR, "overloaded", 5000, 0.25)
    first, second = run.steps
    assert (first.model, first.tokens_in, first.tokens_cached, first.tokens_out) == ("m", 4, 5, 4)
    assert second.outcome is Outcome.ERROR
    (tool,) = run.tool_calls
    assert (tool.name, tool.args, tool.result, tool.ms) == ("read", '{"path":"x"}', "12", 7)
    assert tool.wire["attributes"] == {"exitCode": 0}
    assert [span.name for span in run.spans] == ["custom"]


def test_events_of_openclaw_are_paired(tmp_path: Path) -> None:
    """A call is what happened between two hooks; a hook that is not known is a span."""

    def event(at: int, hook: str, **told: Any) -> dict[str, Any]:
        return {"hook": hook, "timestamp": MS + at, "event": told, "context": {"agentId": "a"}}

    run = run_of(
        tmp_path,
        "/v1/openclaw",
        {
            "events": [
                event(0, "llm_input", model="m", prompt="hi", systemPrompt="s", historyMessages=[{"role": "user"}]),
                event(10, "llm_output", model="m2", assistantTexts=["one", "two"], usage={"input": 1, "output": 2}),
                event(20, "before_tool_call", toolName="exec", params={"c": "ls"}),
                event(30, "after_tool_call", toolName="exec", params={"c": "ls"}, error="denied"),
                event(40, "gateway_start", port=1),
                event(50, "agent_end", success=False, error="it broke", durationMs=5),
            ],
            "metadata": {"tcc.runId": "r", "tcc.sessionId": "k", "team": "t"},
        },
    )
    assert (run.outcome, run.message, run.session_id, run.ms) == (Outcome.ERROR, "it broke", "k", 50)
    assert (run.prompt, run.response, run.metadata) == ("hi", "one\ntwo", {"agent": "a", "team": "t"})
    step, tool, other = run.calls
    assert isinstance(step, Step)
    assert (step.model, step.ms, step.tokens_in, step.tokens_out) == ("m2", 10, 1, 2)
    assert step.wire["prompt"].startswith('[{"role":"system","content":"s"},{"role":"user"}')
    assert isinstance(tool, ToolCall)
    assert (tool.name, tool.args, tool.message, tool.ms) == ("exec", '{"c":"ls"}', "denied", 10)
    assert (other.name, other.wire["attributes"]) == ("gateway_start", {"port": 1})


def span(ident: str, parent: str = "", *, nanos: int = MS * 10**6, name: str = "n", **members: Any) -> dict[str, Any]:
    """Return an OTLP span of one second; an attribute's value is text."""
    attributes = [{"key": key, "value": {"stringValue": value}} for key, value in members.pop("attributes", {}).items()]
    times = {"startTimeUnixNano": str(nanos), "endTimeUnixNano": str(nanos + 10**9)}
    return {"spanId": ident, "parentSpanId": parent, "name": name, "attributes": attributes, **times, **members}


def traces(*spans: dict[str, Any]) -> Posted:
    """Return a post of these spans."""
    return post("/v1/traces", {"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]})


def test_a_failed_span_tells_its_exception(tmp_path: Path) -> None:
    """The message is that of the status, else of the exception; the event stays in the attributes."""
    exception = [{"key": f"exception.{key}", "value": {"stringValue": key}} for key in ("type", "message")]
    events = [{"name": "exception", "timeUnixNano": "5", "attributes": exception}]
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "look", "gen_ai.tool.call.id": "c"}
    (run,) = read(
        tmp_path,
        traces(
            span("1", name="root", status={"code": 2, "message": "gave up"}, attributes={"input.value": "hi"}),
            span("2", "1", status={"code": "STATUS_CODE_ERROR"}, events=events, attributes=tool, droppedLinksCount=3),
        ).line("r"),
    )
    assert (run.outcome, run.message, run.prompt) == (Outcome.ERROR, "gave up", "hi")
    (call,) = run.tool_calls
    assert (call.name, call.outcome, call.message) == ("look", Outcome.ERROR, "type: message")
    kept = call.wire["attributes"]
    assert (kept["call_id"], kept["span"], kept["events"][0]["name"]) == ("c", {"droppedLinksCount": 3}, "exception")


def test_cached_tokens_are_part_of_the_sent_ones(tmp_path: Path) -> None:
    """By OpenTelemetry's convention; here they are counted apart.  The cost is OpenInference's."""
    counts = {"gen_ai.usage.input_tokens": "10", "gen_ai.usage.cache_read.input_tokens": "8", "llm.cost.total": "x"}
    told = {"gen_ai.operation.name": "chat", "gen_ai.response.model": "m", **counts}
    (run,) = read(tmp_path, traces(span("1", attributes=told)).line("r"))
    assert (run.tokens_in, run.tokens_cached, run.tokens_out, run.cost) == (2, 8, 0, None)


def test_a_trace_that_comes_in_several_posts_is_one_run(tmp_path: Path) -> None:
    """Also from several files: what was exported before the root ended, and the root."""
    model = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
    late = span("3", "1", nanos=(MS + 2000) * 10**6, attributes=model)
    lines = [traces(span("2", "1", attributes=model)).line("r"), traces(span("1", name="root"), late).line("r")]
    segment_of(lines[0]).write(tmp_path)
    (run,) = read(tmp_path, lines[1])
    assert [step.id for step in run.steps] == ["2", "3"]
    assert (run.ms, run.outcome, run.title) == (3000, Outcome.SUCCESS, "root")
    assert len(run.records) == 2


def test_posts_about_a_run_that_has_a_record_are_its_steps(tmp_path: Path) -> None:
    """A custom run beside whose calls another package posted: its own members count, and no second run is shown."""
    model = {"gen_ai.request.model": "m", "metadata.tcc.sessionId": "T"}
    steps = post("/v1/otel-steps", {"resourceSpans": [{"scopeSpans": [{"spans": [span("1", attributes=model)]}]}]})
    own = (
        SegmentFile()
        .later(POSTED)
        .run("r", prompt="mine", session_id="S", start_time="2026-11-25T22:29:50.000Z", status_code=1)
    )
    (run,) = read(tmp_path, steps.line("r"), also=own)
    assert (run.prompt, run.session_id, run.outcome) == ("mine", "S", Outcome.PARTIAL)
    assert [step.model for step in run.steps] == ["m"]


def test_a_post_without_a_run_stands_alone(tmp_path: Path) -> None:
    """Two of them are two runs, known by the hash of what was posted."""
    posts = [traces(span("1", name=name)) for name in ("one", "two")]
    runs = read(tmp_path, *(each.line() for each in posts))
    assert {run.id: run.title for run in runs} == {posts[0].id: "one", posts[1].id: "two"}


def test_feedback_is_part_of_the_run_that_was_posted(tmp_path: Path) -> None:
    """It belongs to whatever run has the id."""
    (run,) = read(tmp_path, traces(span("1")).line("r"), also=SegmentFile().later(POSTED).feedback("r", "thumbs_down"))
    assert [each.score for each in run.feedback] == ["thumbs_down"]


@pytest.mark.parametrize(
    ("nanos", "start"),
    [
        (1, "1970-01-01T00:00:00+00:00"),
        ("253402300799999999999", "9999-12-31T23:59:59.999999+00:00"),
        ("253402300800000000000", None),
        ("-62135596800000000000", "0001-01-01T00:00:00+00:00"),
        ("-62135596800000001000", None),
        ("1" * 40, None),
        (0, None),
        ("soon", None),
        (True, None),
        (1e400, None),
    ],
)
def test_times_at_the_ends_of_the_calendar(tmp_path: Path, nanos: object, start: str | None) -> None:
    """Nanoseconds that are beyond it, or are none, are no time; the run is shown all the same."""
    told = span("1") | {"startTimeUnixNano": nanos}
    (run,) = read(tmp_path, traces(told, span("2", "1") | {"startTimeUnixNano": nanos}).line("r"))
    assert (run.spans[0].start and run.spans[0].start.isoformat()) == start
