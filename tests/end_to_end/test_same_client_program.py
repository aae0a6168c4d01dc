"""A program written for ``contextcompany`` does the same with this recorder and a replay."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from support.faults import FaultServer

TCC_UPLOAD = str(Path(sys.executable).with_name("tcc-upload"))

PROGRAM = """
import json, sys
import {package} as tcc
from {package} import run, step, tool_call, submit_feedback, get_api_key, get_url

errors = []
def wrong(call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except Exception as error:
        errors.append([type(error).__name__, str(error)])
    else:
        errors.append(None)

r = run("run-1", session_id="session-1", conversational=True)
assert r.run_id == "run-1"
assert r.prompt("hello", system_prompt="be kind") is r
s = r.step("step-1").prompt("p1").response("r1").model("gpt-4o", used="gpt-4o-1").finish_reason("stop")
s.tokens(prompt_uncached=10, prompt_cached=2, completion=3).cost(0.25).tool_definitions('[{{"name": "f"}}]')
s.status(1, "half: password=hunter2hunter2").end()
t = s.tool_call("search", "tool-1").args({{"q": "caf\\u00e9", "n": 3, "deep": {{"a": [1, None]}}}})
t.result({{"hits": []}}).end()
wrong(t.end)
wrong(s.end)
u = r.tool_call(tool_call_id="tool-2").args("plain text").result("a result")
wrong(u.end)
u.name("named late").end()
r.tool_call(tool_call_id="tool-3").error("Authorization: Bearer abcdef123456")
failed = r.step("step-2").prompt("p2")
wrong(failed.end)
failed.error("boom")
wrong(failed.error, "again")
late = r.step("step-3")
wrong(late.end)
r.metadata({{"a": "1"}}, b="2").metadata(c="3").response("done").status(1, "sk-abcdefghijklmnopqrstuvwx leaked").end()
late.prompt("late").response("but there").end()
wrong(r.end)
wrong(r.error, "again")

e = run(run_id="run-2")
wrong(e.end)
e.error("https://user:pass@host/ failed, api_key: abc123; token=xoxb-1234567890abcdefgh")
run("run-3").prompt("only a prompt").end()
run("run-4").error()
anonymous = run()
anonymous.prompt("no id given").end()

step("run-9", step_id="step-9").prompt("alone").response("attached").end()
tool_call("run-9", tool_call_id="tool-9", tool_name="alone").args({{}}).end()
assert submit_feedback("run-1", score="thumbs_up") is True
assert submit_feedback(run_id="run-1", text="x" * 2000) is True
assert r.feedback("thumbs_down", "meh") is True
wrong(submit_feedback, "run-1")
wrong(submit_feedback, "run-1", text="x" * 2001)
wrong(r.feedback)
print(json.dumps([errors, get_api_key(), get_url("/v1/custom"), get_url("/x", api_key="dev_1")]))
"""


def client(package: str, server: FaultServer, folder: Path) -> Any:
    """Run the program with a package; return what it printed."""
    environment = {
        "TCC_API_KEY": "a-key",
        "TCC_BASE_URL": server.url,
        "TCC_SPOOL_DIR": str(folder / "spool"),
        "TCC_STATE_DIR": str(folder / "state"),
    }
    program = [sys.executable, "-c", PROGRAM.format(package=package)]
    printed = subprocess.run(program, env=environment, capture_output=True, text=True, check=True).stdout
    if package == "tcc_recorder":
        assert server.requests == []
        subprocess.run([TCC_UPLOAD, "replay"], env=environment, check=True, capture_output=True)
    return json.loads(printed)


def items_of(server: FaultServer) -> list[dict[str, Any]]:
    """Return every item received, without times and made-up ids, sorted."""
    items: list[dict[str, Any]] = []
    for request in server.requests:
        assert request.key == "a-key"
        value = request.json
        items += value["items"] if value.get("type") == "batch" else [{**value, "at": request.path}]
    return sorted((comparable(item) for item in items), key=json.dumps)


def comparable(item: dict[str, Any]) -> dict[str, Any]:
    """Return an item with what may differ taken out, and JSON texts parsed."""
    kept = {name: value for name, value in item.items() if name not in ("start_time", "end_time", "at")}
    if item.get("prompt") == {"user_prompt": "no id given"}:
        del kept["run_id"]
    for name in ("args", "result"):
        if name in kept:
            try:
                kept[name] = json.loads(kept[name])
            except ValueError:
                continue
    return dict(sorted(kept.items()))


@pytest.fixture
def both(tmp_path: Path) -> Sequence[tuple[Any, list[dict[str, Any]]]]:
    """Run the program, and keep what it printed and sent, with the official package and with ours."""
    found = []
    for package in ("contextcompany", "tcc_recorder"):
        with FaultServer() as server:
            printed = client(package, server, tmp_path)
            printed[2:] = [url.replace(server.url, "BASE") for url in printed[2:]]
            found.append((printed, items_of(server)))
    return found


def test_the_same_program_sends_equal_items_and_raises_equal_errors(
    both: Sequence[tuple[Any, list[dict[str, Any]]]],
) -> None:
    """Changing the import line changes neither the items that arrive nor the errors that are raised."""
    (their_output, their_items), (our_output, our_items) = both
    assert our_output == their_output
    assert None not in our_output[0]
    assert len(our_items) == 16
    assert our_items == their_items
