"""The stand-in for Observatory: it checks what it gets, and hides no second receipt."""

import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from support.faults import AT, batch_of, run_item, step_item
from support.shell import Shell
from tcc_uploader.sandbox import Receipts, Sandbox, _Received


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Give a sandbox that accepts one key."""
    receipts = Receipts(":memory:")
    with Sandbox(0, receipts, "the-key") as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
    receipts.close()


def post(sandbox: Sandbox, path: str, body: object, key: str = "the-key") -> int:
    """Send; return the status."""
    content = {"content": body} if isinstance(body, bytes) else {"json": body}
    return httpx.post(sandbox.url + path, headers={"Authorization": f"Bearer {key}"}, **content).status_code  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/custom", run_item("r1"), 200),
        ("/v1/custom", batch_of(run_item("r1"), step_item("r1", "s1")), 200),
        ("/v1/feedback", {"runId": "r1", "score": "thumbs_up"}, 200),
        ("/v1/feedback", run_item("r1"), 422),
        ("/v1/custom", {"runId": "r1", "score": "thumbs_up"}, 422),
        ("/v1/custom", {"type": "run", "run_id": "r1", "start_time": AT}, 422),
        ("/v1/custom", [], 422),
        ("/v1/custom", b"no json", 400),
        ("/v1/custom", b"", 400),
        ("/v2/custom", run_item("r1"), 404),
    ],
)
def test_it_answers_as_the_wire_says(sandbox: Sandbox, path: str, body: object, status: int) -> None:
    """What the models take is accepted; the rest is refused with the status that fits, and not kept."""
    assert post(sandbox, path, body) == status
    assert bool(sandbox.receipts.counts()) == (status == 200)


def test_a_wrong_key_is_refused(sandbox: Sandbox) -> None:
    """Another key, or none, is 401."""
    assert post(sandbox, "/v1/custom", run_item("r1"), "another") == 401
    assert httpx.post(sandbox.url + "/v1/custom", json=run_item("r1")).status_code == 401
    assert not sandbox.receipts.counts()


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8000", 200),
        ("localhost", 200),
        ("[::1]:80", 200),
        ("sandbox", 200),
        ("host.docker.internal:8000", 200),
        ("rebound.example.com:8000", 421),
        ("127.0.0.1.nip.example.", 421),
        ("RUNS.EXAMPLE", 421),
    ],
)
def test_it_answers_to_names_of_this_machine_alone(sandbox: Sandbox, host: str, status: int) -> None:
    """A web page may let its own name lead to loopback, and then read and write here as its own server."""
    assert httpx.get(sandbox.url, headers={"Host": host}).status_code == status
    headers = {"Host": host, "Authorization": "Bearer the-key"}
    assert httpx.post(sandbox.url + "/v1/custom", headers=headers, json=run_item("r1")).status_code == status
    assert bool(sandbox.receipts.counts()) == (status == 200)


def test_a_page_gets_no_leave_to_post_a_key(sandbox: Sandbox) -> None:
    """A browser asks before it sends an ``Authorization`` header to another origin: nothing here says yes."""
    asked = {"Origin": "http://page.example", "Access-Control-Request-Headers": "authorization"}
    answer = httpx.options(sandbox.url + "/v1/custom", headers=asked)
    assert answer.status_code == 501
    assert not any(name.startswith("access-control") for name in answer.headers)


def test_a_second_receipt_is_counted(sandbox: Sandbox) -> None:
    """The same item twice is two receipts, and the page says so."""
    post(sandbox, "/v1/custom", batch_of(run_item("r1"), step_item("r1", "s1")))
    post(sandbox, "/v1/custom", step_item("r1", "s1"))
    assert [(kind, ident, times) for kind, ident, _, times in sandbox.receipts.counts()] == [
        ("run", "r1", 1),
        ("step", "s1", 2),
    ]
    assert "2 different items received, 1 of them more than once" in httpx.get(sandbox.url).text


def test_a_file_that_can_not_hold_receipts_is_a_usage_error(shell: Shell, tmp_path: Path) -> None:
    """A missing folder, or a file that is no database, ends the command with 2 and a message that names the file."""
    (tmp_path / "notes").write_text("these are not receipts, and they are long enough to be no new database " * 20)
    for file in (tmp_path / "missing" / "receipts", tmp_path / "notes"):
        shell.run("sandbox", "--db", file, code=2)
        assert f"can't keep receipts in {file}: " in shell.printed


@pytest.mark.parametrize("port", ["-1", "65536", "many"])
def test_a_port_that_is_none_is_a_usage_error(shell: Shell, port: str) -> None:
    """It is said in a sentence, and the command ends with 2."""
    shell.run("sandbox", "--port", port, code=2)


def test_a_receipt_costs_the_same_beside_thousands() -> None:
    """SQLite takes as many steps to store a receipt behind 5,000 others as behind two."""

    def steps_of(receipts: Receipts, times: int) -> int:
        steps = 0

        def count() -> int:
            nonlocal steps
            steps += 1
            return 0

        for number in range(times):
            receipts.add("/v1/custom", "", [_Received("run", f"r{number}", None, b"{}")])
        receipts._database.set_progress_handler(count, 1)
        receipts.add("/v1/custom", "", [_Received("run", "last", None, b"{}")])
        receipts._database.set_progress_handler(None, 1)
        return steps

    few, many = Receipts(":memory:"), Receipts(":memory:")
    try:
        assert steps_of(many, 5000) <= steps_of(few, 2) + 5
    finally:
        few.close()
        many.close()
