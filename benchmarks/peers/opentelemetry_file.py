"""OpenTelemetry's SDK: a span per run, step and tool call; another thread writes them in batches."""

import json
from collections.abc import Callable
from pathlib import Path

from benchmarks.agent import Input
from opentelemetry.exporter.otlp.json.file.trace_exporter import FileSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor


def recorder(folder: str) -> Callable[[Input], object]:
    """Return what records one run."""
    provider = TracerProvider()
    exporter = FileSpanExporter(Path(folder, "spans.jsonl"))
    provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=1 << 20))  # loses none
    tracer = provider.get_tracer("benchmark")

    def record(x: Input) -> None:
        texts = {name: x[name] for name in ("run_id", "session_id", "user_prompt", "system_prompt", "response")}
        with tracer.start_as_current_span("run", attributes=texts | x["metadata"]):
            for step in x["steps"]:
                with tracer.start_as_current_span("step", attributes=step):
                    pass
            for call in x["tool_calls"]:
                attributes = {"name": call["tool_name"], "args": json.dumps(call["args"]), "result": call["result"]}
                with tracer.start_as_current_span("tool_call", attributes=attributes):
                    pass

    return record
