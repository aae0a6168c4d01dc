"""The OpenAI Agents recorder, beside the same run without it."""

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from typing import Any

from agents import Agent, Model, ModelResponse, Runner, Usage, function_tool, set_tracing_disabled
from benchmarks.harness import Row, ratios, row
from benchmarks.standard_run import fresh_inputs
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

import tcc_recorder as tcc
import tcc_recorder.openai_agents

_TURNS = 40


def rows(quick: bool) -> Iterator[Row]:
    """Alternate runs with and without the recorder; which comes first alternates, too."""
    repetitions, pairs = (1, 3) if quick else (5, 100)
    set_tracing_disabled(True)  # no exporter that would retry without a network
    bare, recorded = [], []
    with tempfile.TemporaryDirectory() as spool:
        tcc.configure(spool_dir=spool, max_bytes=1 << 40)
        asyncio.run(_seconds(recording=True))  # what happens once has happened
        for _ in range(repetitions):
            found: dict[bool, list[float]] = {True: [], False: []}
            for pair in range(pairs):
                for recording in (pair % 2 == 0, pair % 2 == 1):
                    found[recording].append(asyncio.run(_seconds(recording)))
            bare.append(statistics.median(found[False]))
            recorded.append(statistics.median(found[True]))
        tcc.configure(spool_dir=spool)  # seals what is open before its folder goes
    yield row(f"a run of {_TURNS} turns without us, an instant model", [seconds * 1e3 for seconds in bare], unit="ms")
    yield row("the same, recorded", ratios(recorded, bare), limit="without us", at_most=1.06)


class _Instant(Model):
    """Calls a tool in every turn but the last, with texts of a standard run."""

    def __init__(self) -> None:
        x = fresh_inputs(1)[0]
        self.texts = [x["response"], *(step["response"] for step in x["steps"])]
        self.turn = 0

    async def get_response(self, *_: Any, **__: Any) -> ModelResponse:
        self.turn += 1
        words = ResponseOutputText(type="output_text", text=self.texts[self.turn % 4], annotations=[])
        said = ResponseOutputMessage(
            id=f"m{self.turn}", type="message", role="assistant", status="completed", content=[words]
        )
        arguments = json.dumps({"query": self.texts[self.turn % 4][:60]})
        call = ResponseFunctionToolCall(
            type="function_call", name="search", call_id=f"call-{self.turn}", arguments=arguments
        )
        output = [said] if self.turn == _TURNS else [said, call]
        return ModelResponse(output=output, usage=Usage(input_tokens=80, output_tokens=12), response_id=None)

    def stream_response(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError  # the benchmark streams nothing


@function_tool
def search(query: str) -> str:
    """Search."""
    return query * 8


async def _seconds(recording: bool) -> float:
    """Return the seconds of one run, from its call to its result."""
    (tcc_recorder.openai_agents.install if recording else tcc_recorder.openai_agents.uninstall)()
    x = fresh_inputs(1)[0]
    agent = Agent(name="benchmark", instructions=x["system_prompt"], model=_Instant(), tools=[search])
    began = time.perf_counter()
    await Runner.run(agent, x["user_prompt"], max_turns=_TURNS + 1)
    return time.perf_counter() - began
