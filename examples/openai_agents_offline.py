"""An agent of the OpenAI Agents SDK, recorded without a network and without a key.

pip install 'tcc-offline[openai-agents]'
python examples/openai_agents_offline.py            # writes to the default spool

The model answers from a script, so that this runs anywhere; with a real one nothing else changes.
"""

import json
from typing import Any

from agents import Agent, Model, ModelResponse, Runner, Usage, function_tool
from agents.tracing import set_tracing_disabled
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

import tcc_recorder as tcc
import tcc_recorder.openai_agents

tcc_recorder.openai_agents.install()  # the one line

# In an air gap: no upload by the SDK itself, no warning about a missing key.  Recording goes on.
set_tracing_disabled(True)


class ScriptedModel(Model):
    """Asks for the weather, then reports it."""

    def __init__(self) -> None:
        self.turn = 0

    async def get_response(self, *_: Any, **__: Any) -> ModelResponse:
        """Answer one turn."""
        self.turn += 1
        arguments = json.dumps({"city": "Bern"})
        call = ResponseFunctionToolCall(type="function_call", name="weather", call_id="call-1", arguments=arguments)
        text = ResponseOutputText(type="output_text", text="It is 4 °C and foggy in Bern.", annotations=[])
        answer = ResponseOutputMessage(id="m", type="message", role="assistant", status="completed", content=[text])
        usage = Usage(requests=1, input_tokens=80, output_tokens=12, total_tokens=92)
        return ModelResponse(output=[call if self.turn == 1 else answer], usage=usage, response_id=None)

    def stream_response(self, *_: Any, **__: Any) -> Any:
        """Refuse: this example does not stream."""
        raise NotImplementedError  # nobody calls it: Runner.run does not stream


@function_tool
def weather(city: str) -> str:
    """Return the weather in a city."""
    return f"{city}: 4 °C, fog"


agent = Agent(name="weather", instructions="You are a weather assistant.", model=ScriptedModel(), tools=[weather])
result = Runner.run_sync(agent, "What is the weather in Bern?")
print(result.final_output)

tcc.flush()
print("recorded: one run, two steps, one tool call; deliver it with tcc-upload")
