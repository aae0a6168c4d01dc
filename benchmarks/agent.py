"""The agent of the benchmarks: makes every builder call of a standard run, with any client that has these builders."""

from typing import Any

Input = dict[str, Any]


def begun(client: Any, x: Input) -> Any:
    """Return a run with all its steps and tool calls ended, before its own ``end()``."""
    run = client.run(run_id=x["run_id"], session_id=x["session_id"]).prompt(x["user_prompt"], x["system_prompt"])
    for s in x["steps"]:
        step = run.step().prompt(s["prompt"]).response(s["response"]).model(s["model_requested"], s["model_used"])
        step.finish_reason(s["finish_reason"]).cost(s["real_total_cost"])
        step.tokens(s["prompt_uncached_tokens"], s["prompt_cached_tokens"], s["completion_tokens"]).end()
    for t in x["tool_calls"]:
        run.tool_call(t["tool_name"]).args(t["args"]).result(t["result"]).end()
    return run.metadata(x["metadata"]).response(x["response"])


def record(client: Any, x: Input) -> None:
    """Record a run from its first call to its ``end()``."""
    begun(client, x).end()
