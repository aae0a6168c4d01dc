"""``tcc-record run``: what a program's SDK posts is recorded, and arrives as it was sent."""

import sys
from pathlib import Path

import pytest

from support.recorded import run_program
from support.through_gateway import TCC_RECORD, carried, environment, record, run_recorded
from support.worlds import World
from tcc_schemas.endpoints import key_hint
from tcc_schemas.lines import Line, LineReader

AGENT = """
import contextcompany as tcc

for number in range(3):
    run = tcc.run(session_id="s")
    run.prompt("Where is order 1042?", system_prompt="You sell books.")
    step = run.step()
    step.prompt("Where?").response("I will look it up: \\u00fc").model(requested="gpt-4o")
    step.end()
    call = run.tool_call("find_order")
    call.args({"order": 1042}).result("shipped")
    call.end()
    run.response("It arrives today.")
    run.end()
    assert tcc.submit_feedback(run_id=run.run_id, score="thumbs_up")
"""


@pytest.fixture
def agent(tmp_path: Path) -> Path:
    """Return a program that uses the official package."""
    path = tmp_path / "agent.py"
    path.write_text(AGENT)
    return path


def test_the_official_packages_posts_arrive_as_they_were_sent(world: World, agent: Path, tmp_path: Path) -> None:
    """Without a network, a key or a daemon; then a bundle; then a replay elsewhere: each body is the same."""
    done, sent = record(tmp_path, sys.executable, agent)
    assert len(sent) == 12
    assert {post.path for post in sent} == {"/v1/custom", "/v1/feedback"}
    assert done.stdout == ""
    assert f"12 records in {tmp_path / 'spool'}" in done.stderr
    assert carried(tmp_path, world) == sent
    assert len(world.receipts()) == 12


def test_a_proxy_in_the_environment_is_not_asked(agent: Path, tmp_path: Path) -> None:
    """Where HTTP_PROXY leads to a dead port, what goes to loopback is recorded all the same."""
    dead = "http://127.0.0.1:9"
    _, sent = record(tmp_path, sys.executable, agent, HTTP_PROXY=dead, http_proxy=dead, ALL_PROXY=dead, NO_PROXY="a.b")
    assert len(sent) == 12


def test_other_addresses_of_the_environment_are_not_used_and_named_once(agent: Path, tmp_path: Path) -> None:
    """Whatever URL was set, the program posts to the gateway, and no password of the URL is shown."""
    url = "http://user:hidden@127.0.0.1:9/v1/custom?hidden"
    elsewhere = dict.fromkeys(("TCC_BASE_URL", "TCC_URL", "TCC_FEEDBACK_URL"), url)
    done, sent = record(tmp_path, sys.executable, agent, **elsewhere)
    assert len(sent) == 12
    assert all(done.stderr.count(f"{name} (http://127.0.0.1:9/v1/custom)") == 1 for name in elsewhere)
    assert "hidden" not in done.stderr


def test_the_inner_of_two_records(agent: Path, tmp_path: Path) -> None:
    """One run within another: everything lies in the inner one's spool, and nothing in the outer one's."""
    inner = tmp_path / "inner"
    done = run_recorded(tmp_path, "env", f"TCC_SPOOL_DIR={inner}", TCC_RECORD, "run", sys.executable, agent)
    assert done.returncode == 0
    assert f"12 records in {inner}" in done.stderr
    assert f"0 records in {tmp_path / 'spool'}" in done.stderr
    assert len(list(inner.iterdir())) == 1
    assert not (tmp_path / "spool").exists()


OUTLIVING = """
import http.client, os, sys
from urllib.parse import urlsplit

connection = http.client.HTTPConnection(urlsplit(os.environ["TCC_BASE_URL"]).netloc)
connection.connect()
parent_lives, never = os.pipe()
if os.fork():
    os._exit(5)
os.close(never)
os.read(parent_lives, 1)  # until the parent has ended
connection.request("POST", "/v1/feedback", b'{"runId":"r","score":"thumbs_up"}', {"Content-Type": "application/json"})
print(connection.getresponse().status)
"""


def test_a_connection_that_outlives_the_program_is_served(tmp_path: Path) -> None:
    """What a child of the program posts after the program's end is recorded, and the exit code is the program's."""
    done = run_recorded(tmp_path, sys.executable, "-c", OUTLIVING)
    assert (done.returncode, done.stdout) == (5, "200\n")
    assert "1 record in" in done.stderr


STAYING = """
import os, socket
from urllib.parse import urlsplit

address = urlsplit(os.environ["TCC_BASE_URL"])
connection = socket.create_connection((address.hostname, address.port))
if os.fork():
    os._exit(0)
connection.recv(1)  # until the gateway closes it
try:
    socket.create_connection((address.hostname, address.port))
except ConnectionRefusedError:
    print("nobody is there")
"""


def test_a_connection_that_stays_open_is_not_waited_for_longer_than_asked(tmp_path: Path) -> None:
    """After the linger the gateway is gone, and what is posted then fails."""
    command = [TCC_RECORD, "run", "--linger", "0.1", sys.executable, "-c", STAYING]
    done = run_program(*command, env=environment(tmp_path))
    assert (done.returncode, done.stdout) == (0, "nobody is there\n")


def test_the_key_is_recorded_as_its_hint_alone(agent: Path, tmp_path: Path) -> None:
    """The records belong to the agent's key, and nothing that was written or said holds it."""
    key = "tcc_test_key_0123456789"
    done = run_recorded(tmp_path, sys.executable, agent, TCC_API_KEY=key)
    [segment] = (tmp_path / "spool").iterdir()
    lines = [line for line in LineReader().read(segment.read_bytes()) if isinstance(line, Line) and line.is_record]
    assert [line.key for line in lines] == [key_hint(key)] * 12
    assert key.encode() not in segment.read_bytes()
    assert key not in done.stdout + done.stderr
