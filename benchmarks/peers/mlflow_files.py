"""mlflow: a trace with spans in its file store."""

import os
from collections.abc import Callable
from pathlib import Path

import mlflow
from benchmarks.agent import Input


def recorder(folder: str) -> Callable[[Input], object]:
    """Return what records one run."""
    os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
    mlflow.set_tracking_uri(Path(folder, "mlruns").as_uri())
    mlflow.set_experiment("benchmark")

    def record(x: Input) -> None:
        with mlflow.start_span("run", attributes=x["metadata"]) as run:
            run.set_inputs({"user": x["user_prompt"], "system": x["system_prompt"]})
            for s in x["steps"]:
                with mlflow.start_span("step", span_type="LLM") as step:
                    step.set_inputs({"prompt": s["prompt"]})
                    step.set_outputs({"response": s["response"]})
            for t in x["tool_calls"]:
                with mlflow.start_span(t["tool_name"], span_type="TOOL") as tool:
                    tool.set_inputs(t["args"])
                    tool.set_outputs(t["result"])
            run.set_outputs({"response": x["response"]})

    return record
