"""langfuse: observations that another thread would send."""

from collections.abc import Callable

from benchmarks.agent import Input
from benchmarks.loopback import DOWN
from langfuse import Langfuse


def recorder(_folder: str) -> Callable[[Input], object]:
    """Return what records one run."""
    client = Langfuse(public_key="benchmark", secret_key="benchmark", base_url=DOWN)  # noqa: S106 -- none

    def record(x: Input) -> None:
        prompts = {"user": x["user_prompt"], "system": x["system_prompt"]}
        run = client.start_observation(name="run", input=prompts, metadata=x["metadata"])
        for s in x["steps"]:
            run.start_observation(
                name="step", as_type="generation", input=s["prompt"], output=s["response"], model=s["model_used"]
            ).end()
        for t in x["tool_calls"]:
            run.start_observation(name=t["tool_name"], as_type="tool", input=t["args"], output=t["result"]).end()
        run.update(output=x["response"]).end()

    return record
