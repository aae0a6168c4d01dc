"""langsmith: a tree of runs that another thread would send."""

from collections.abc import Callable
from typing import Any

from benchmarks.agent import Input
from benchmarks.loopback import DOWN
from langsmith import Client
from langsmith.run_trees import RunTree


def recorder(_folder: str) -> Callable[[Input], object]:
    """Return what records one run."""
    client = Client(api_url=DOWN, api_key="benchmark")

    def record(x: Input) -> None:
        prompts = {"user": x["user_prompt"], "system": x["system_prompt"]}
        run = RunTree(name="run", inputs=prompts, extra={"metadata": x["metadata"]}, ls_client=client)
        run.post()
        for s in x["steps"]:
            _child(run, "step", "llm", {"prompt": s["prompt"], "model": s["model_used"]}, s["response"])
        for t in x["tool_calls"]:
            _child(run, t["tool_name"], "tool", t["args"], t["result"])
        _end(run, x["response"])

    return record


def _child(run: RunTree, name: str, kind: Any, inputs: dict[str, Any], output: str) -> None:
    child = run.create_child(name=name, run_type=kind, inputs=inputs)
    child.post()
    _end(child, output)


def _end(run: RunTree, output: str) -> None:
    run.end(outputs={"output": output})
    run.patch()
