"""What the official packages really posted is shown as runs: names, times, models, tokens, texts and outcomes."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.posts import official, official_lines, segment_of
from tcc_uploader.inspect.runs.kinds.read import READERS
from tcc_uploader.inspect.runs.reader import RunReader
from tcc_uploader.inspect.runs.values import Outcome, Run, Span, Step, ToolCall
from tcc_uploader.inspect.runs.wanted import Wanted, matching
from tcc_uploader.model.selection import Selection
from tcc_uploader.sources.paths import sources_of

Reads = Callable[..., list[Run]]


@pytest.fixture
def reads(tmp_path: Path) -> Reads:
    """Give a function that reads the runs of recordings, newest first."""

    def read(*names: str) -> list[Run]:
        segment_of(*official_lines(*names)).write(tmp_path)
        with RunReader(sources_of([tmp_path])) as reader:
            found = [*reader.newest_first(), *reader.without_record()]
            assert (reader.damaged, reader.unread) == (0, {})
            return found

    return read


def test_a_run_of_agno_has_its_model_calls_and_its_tool_call(reads: Reads) -> None:
    """OpenInference's spans, in protobuf."""
    (run,) = reads("py_agno")
    assert (run.id, run.outcome) == ("295651ef-d21f-4b89-bfad-75679c520b94", Outcome.SUCCESS)
    assert run.session_id == "ef3d458d-8b38-46e2-96bf-6d45173377bc"
    assert (run.prompt, run.response) == ("weather in Bern?", "It is 4 °C.")
    assert run.ms == pytest.approx(349.972)
    asking, look, answering = run.calls
    assert isinstance(asking, Step)
    assert isinstance(look, ToolCall)
    assert isinstance(answering, Step)
    assert (asking.model, asking.tokens_in, asking.tokens_out) == ("gpt-4o", 5, 3)
    assert asking.wire["prompt"] == '[{"role":"user","content":"weather in Bern?"}]'
    assert '"name":"get_weather"' in asking.wire["response"]
    assert asking.wire["attributes"]["llm.provider"] == "OpenAI"
    assert asking.wire["attributes"]["parent_span_id"] == "0c8beed4cfc5aa30"
    assert (look.name, look.args, look.result, look.id) == (
        "get_weather",
        '{"city": "Bern"}',
        "4 C",
        "23b1175943f208ef",
    )
    assert answering.wire["response"] == "It is 4 °C."
    assert run.attributes["agno.agent.id"] == "fleet-mendel-909db16a"
    assert run.attributes["name"] == "Agent.run"


def test_a_run_of_langchain_has_a_node_beside_its_model_call(reads: Reads) -> None:
    """OpenLLMetry's spans, in protobuf: a prompt template is neither a step nor a tool call."""
    (run,) = reads("py_langchain")
    assert (run.prompt, run.session_id, run.agent) == ('{"x":"hi"}', "S", "RunnableSequence")
    assert '"content":"yo"' in run.response
    node, step = run.calls
    assert isinstance(node, Span)
    assert node.name == "execute_task ChatPromptTemplate"
    assert '"inputs": {"x": "hi"}' in node.input
    assert '"SystemMessage"' in node.output
    assert isinstance(step, Step)
    assert step.model == "unknown"
    assert step.wire["prompt"] == (
        '[{"role":"system","content":[{"type":"text","content":"s"}]},'
        '{"role":"user","parts":[{"type":"text","content":"hi"}]}]'
    )
    assert step.wire["response"] == "yo"


@pytest.mark.parametrize("name", ["py_litellm", "py_litellm_gzip", "py_litellm_deflate"])
def test_steps_of_litellm_have_a_run_of_unknown_outcome(reads: Reads, name: str) -> None:
    """Whatever their encoding, and though the same was posted twice: no span is the run's own."""
    (run,) = reads(name)
    assert (run.id, run.outcome, run.prompt, run.title) == ("run-1", Outcome.UNKNOWN, "", "hi")
    assert [(step.model, step.tokens_in, step.tokens_out) for step in run.steps] == [("gpt-4o", 10, 20)] * 2
    assert [step.wire["response"] for step in run.steps] == ["yo", "yo2"]
    assert [step.wire["finish_reason"] for step in run.steps] == ["stop"] * 2
    assert run.metadata == {"service.name": "litellm"}
    assert run.spans == ()


def test_posts_about_one_run_are_one_run(reads: Reads) -> None:
    """Three posts of steps, each sent once or twice."""
    (run,) = reads("py_litellm", "py_litellm_gzip", "py_litellm_deflate")
    assert len(run.steps) == len({step.id for step in run.steps}) == 6
    assert len(run.records) == 3
    assert run.tokens == 180
    assert (run.start, run.end) == (run.steps[0].start, run.steps[-1].end)


def test_a_run_of_the_ai_sdk_has_its_own_span_as_the_run(reads: Reads) -> None:
    """OTLP in JSON, three runs."""
    runs = reads("js_otel")
    assert [run.id[:8] for run in runs] == ["02fc82f7", "a9161fba", "831cbecd"]
    for run in runs:
        assert (run.prompt, run.response, run.session_id, run.outcome) == ("hi", "yo ü", "S", Outcome.SUCCESS)
        assert run.attributes["name"] == "ai.generateText"
        (step,) = run.steps
        assert (step.model, step.tokens_in, step.tokens_out) == ("mock-model-id", 1, 2)
        assert step.wire["prompt"] == '[{"role":"user","content":[{"type":"text","text":"hi"}]}]'
        assert step.wire["finish_reason"] == "stop"


def test_a_run_of_claude_has_its_messages_cost_and_answer(reads: Reads) -> None:
    """The Python package's post."""
    (run,) = reads("py_claude")
    assert (run.outcome, run.prompt, run.response) == (Outcome.SUCCESS, "hi", "hello")
    assert (run.cost, run.session_id, run.metadata) == (0.01, "S", {"k": "v"})
    (step,) = run.steps
    assert (step.id, step.model, step.tokens_in, step.tokens_out) == ("msg_1", "claude-x", 1, 2)
    assert step.wire["response"] == "hé\u2028llo"
    (init,) = run.spans
    assert (init.name, init.wire["attributes"]["model"]) == ("system init", "claude-x")
    assert run.attributes["num_turns"] == 1


def test_every_kind_of_the_typescript_packages_is_shown(reads: Reads) -> None:
    """Claude, pi and OpenClaw, as far as they tell of themselves; LangChain posts a custom run."""
    langchain, openclaw, pi, claude = reads("js_claude_pi_openclaw_langchain")
    assert (claude.prompt, claude.response, claude.outcome) == ("hi", "yo", Outcome.SUCCESS)
    assert (pi.prompt, pi.session_id, pi.outcome, pi.ms) == ("hi", "S", Outcome.SUCCESS, 0)
    assert (openclaw.session_id, openclaw.agent, openclaw.outcome) == ("k1", "a", Outcome.SUCCESS)
    assert [(step.model, step.ms) for step in openclaw.steps] == [("m", 1)]
    assert [step.wire["response"] for step in langchain.steps] == ["yo"]


def test_a_trace_of_mastra_is_a_run(reads: Reads) -> None:
    """Its root span is the run."""
    (run,) = reads("js_mastra")
    assert (run.prompt, run.session_id, run.outcome) == ("hi", "S", Outcome.SUCCESS)
    assert run.attributes["traceId"] == "t" * 32
    assert run.attributes["span"]["type"] == "agent_run"


def test_two_runs_of_one_id_are_both_shown(reads: Reads) -> None:
    """CrewAI's ``kickoff_for_each`` posts each with the run id that was set."""
    runs = reads("py_crewai_for_each")
    assert [(run.id, run.prompt) for run in runs] == [("fixed-run", "weather in {c}?")] * 2
    assert runs[0].start != runs[1].start


def test_what_javascript_sends_beyond_json_is_read(reads: Reads) -> None:
    """A lone surrogate in a prompt."""
    prompts = [run.prompt for run in reads("js_odd")]
    assert "lone \ufffd and nl\n" in prompts


def test_every_kind_with_a_reader_is_tried_here() -> None:
    """A new reader needs a request that a real package made."""
    names = ["py_agno", "py_litellm", "py_claude", "js_mastra", "js_claude_pi_openclaw_langchain"]
    tried = {posted.path.removeprefix("/v1/") for name in names for posted in official(name)}
    assert {{"otlp": "traces", "otlp-steps": "otel-steps"}.get(kind, kind) for kind in READERS} <= tried


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"models": ("GPT-4o",)}, {"295651ef", "run-1"}),
        ({"tools": ("get_weather",)}, {"295651ef"}),
        ({"pattern": re.compile("fleet-mendel")}, {"295651ef"}),
        ({"pattern": re.compile("ChatPromptTemplate")}, {"11111111"}),
        ({"selection": Selection(statuses=["success"], sessions=["S"])}, {"11111111", "95bf672c"}),
        ({"selection": Selection(limit=1)}, {"95bf672c"}),
    ],
)
def test_filters_choose_among_posts_as_among_runs(reads: Reads, wanted: dict[str, Any], found: set[str]) -> None:
    """By model, tool, text, outcome, session and number."""
    runs = reads("py_agno", "py_litellm", "py_langchain", "js_mastra")
    assert {run.id[:8] for run in matching(runs, Wanted(**{"selection": Selection(), **wanted}))} == found
