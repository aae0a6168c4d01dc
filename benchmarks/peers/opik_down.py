"""opik: a trace with spans that another thread would send."""

from collections.abc import Callable
from datetime import UTC, datetime

from benchmarks.agent import Input
from benchmarks.loopback import DOWN
from opik import Opik


def recorder(_folder: str) -> Callable[[Input], object]:
    """Return what records one run."""
    client = Opik(host=DOWN, _show_misconfiguration_message=False)

    def record(x: Input) -> None:
        prompts = {"user": x["user_prompt"], "system": x["system_prompt"]}
        trace = client.trace(
            name="run",
            input=prompts,
            output={"response": x["response"]},
            metadata=x["metadata"],
            thread_id=x["session_id"],
            end_time=datetime.now(UTC),  # given at once, as its documentation advises
        )
        for s in x["steps"]:
            trace.span(
                name="step",
                type="llm",
                input={"prompt": s["prompt"]},
                output={"response": s["response"]},
                model=s["model_used"],
                end_time=datetime.now(UTC),
            )
        for t in x["tool_calls"]:
            output = {"result": t["result"]}
            trace.span(name=t["tool_name"], type="tool", input=t["args"], output=output, end_time=datetime.now(UTC))

    return record
