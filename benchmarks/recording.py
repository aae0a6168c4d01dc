"""What recording one standard run costs, as a ratio to the least that it could: ``python benchmarks/recording.py``.

The limit L is ``orjson.dumps`` of the finished dict and one ``os.write``.  All variants run interleaved in one process,
with fresh strings (CPython keeps a string's UTF-8 form, so that used ones flatter every encoder); the figures are
ratios of medians.  ``--quick`` only shows that it works.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

import orjson
from standard_run import fresh_inputs, to_record

import tcc_recorder as tcc

Input = dict[str, Any]


def record(x: Input) -> None:
    """Record a run as an agent does: every builder call, and end()."""
    run = tcc.run(run_id=x["run_id"], session_id=x["session_id"]).prompt(x["user_prompt"], x["system_prompt"])
    for s in x["steps"]:
        step = run.step().prompt(s["prompt"]).response(s["response"]).model(s["model_requested"], s["model_used"])
        step.finish_reason(s["finish_reason"]).cost(s["real_total_cost"])
        step.tokens(s["prompt_uncached_tokens"], s["prompt_cached_tokens"], s["completion_tokens"]).end()
    for t in x["tool_calls"]:
        run.tool_call(t["tool_name"]).args(t["args"]).result(t["result"]).end()
    run.metadata(x["metadata"]).response(x["response"]).end()


def timed(call: Callable[[Any], object], inputs: list[Any]) -> float:
    """Return the median seconds of a call."""
    seconds = []
    for value in inputs:
        began = time.perf_counter()
        call(value)
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    repetitions, runs = (2, 50) if parser.parse_args().quick else (9, 1000)
    with tempfile.TemporaryDirectory() as folder:
        descriptor = os.open(f"{folder}/limit", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        found: dict[str, list[float]] = {"recording": [], "recording, journal on": []}
        limits = []
        for repetition in range(repetitions):
            finished = [to_record(x) for x in fresh_inputs(runs, repetition)]
            limits.append(timed(lambda value: os.write(descriptor, orjson.dumps(value) + b"\n"), finished))
            for name, samples in found.items():
                tcc.configure(spool_dir=f"{folder}/spool", journal=name.endswith("on"))
                samples.append(timed(record, fresh_inputs(runs, repetition)))
        os.close(descriptor)
        tcc.configure(spool_dir=f"{folder}/spool")
    print(f"L = {statistics.median(limits) * 1e6:.1f} us ({min(limits) * 1e6:.1f} to {max(limits) * 1e6:.1f})")
    for name, samples in found.items():
        ratios = [sample / limit for sample, limit in zip(samples, limits, strict=True)]
        print(f"{name}: {statistics.median(ratios):.2f} x L ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
