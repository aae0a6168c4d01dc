"""What was posted arrives byte for byte, wherever the spool was carried to; what was posted twice arrives once."""

import sqlite3
from pathlib import Path

import orjson

from support.faults import KEY, FaultServer, ok
from support.posting import JSON, PROTOBUF, official_requests, repeat, request
from support.worlds import World, upload
from support.worlds import world as world  # noqa: PLC0414 -- a fixture
from tcc_recorder.gateway.options import Options
from tcc_recorder.gateway.server import Gateway


def environment(folder: Path, url: str) -> dict[str, str]:
    """Return the environment of an uploader that sends to ``url``."""
    return {
        "HOME": str(folder),
        "TCC_STATE_DIR": str(folder / "state"),
        "TCC_TARGET": "here",
        "TCC_API_KEY": KEY,
        "TCC_BASE_URL": url,
    }


def test_what_sdks_post_arrives_byte_for_byte(spool: Path, tmp_path: Path) -> None:
    """Each official request goes through a bundle, and leaves it with its path, type, encoding and bytes."""
    with Gateway(Options(spool_dir=str(spool))) as gateway:
        for posted in official_requests():
            assert repeat(gateway.url, posted.under(KEY)).status == 200
    with FaultServer(ok) as server:
        settings = environment(tmp_path, server.url)
        bundle = str(tmp_path / "bundle.tar.gz")
        for arguments in (("bundle", str(spool), "--output", bundle), ("replay", bundle)):
            done = upload(settings, *arguments)
            assert done.returncode == 0, done.stderr

        def sent(path: str, headers: dict[str, str], body: bytes) -> tuple[str, str, str | None, bytes]:
            names = {name.lower(): value for name, value in headers.items()}
            return path, names["content-type"], names.get("content-encoding"), body

        arrived = {sent(one.path, dict(one.headers), one.body) for one in server.requests}
    assert arrived == {sent(one.path, one.headers, one.body) for one in official_requests()}


def test_a_binary_body_arrives_in_the_sandbox(world: World) -> None:
    """Protobuf, packed protobuf and JSON on several lines, through a bundle: equal bytes."""
    bodies = {
        "/v1/traces": (bytes(range(256)), PROTOBUF),
        "/v1/otel-steps": (b"\x1f\x8b\n\x00", PROTOBUF | {"Content-Encoding": "gzip"}),
        "/v1/claude": (b'{\n "runId": "r"\n}\r\n', JSON),
    }
    key = {"Authorization": f"Bearer {world.environment['TCC_API_KEY']}"}
    with Gateway(Options(spool_dir=str(world.spool))) as gateway:
        for path, (body, headers) in bodies.items():
            assert request(gateway.url, path, body, headers | key).status == 200
    bundle = str(world.folder / "bundle.tar.gz")
    for arguments in (("bundle", str(world.spool), "--output", bundle), ("replay", bundle)):
        done = world.upload(*arguments)
        assert done.returncode == 0, done.stderr
    with sqlite3.connect(world.folder / "receipts") as database:
        received = dict(database.execute("SELECT path, body FROM receipts").fetchall())
    database.close()
    assert received == {path: body for path, (body, _) in bodies.items()}


def test_repeated_posts_are_one_delivery_and_duplicates(world: World) -> None:
    """An exporter sends up to eight copies when it gets no answer: one is delivered, the equation shows the rest."""
    [span] = [posted for posted in official_requests() if posted.name == "pylc-ok"]
    with Gateway(Options(spool_dir=str(world.spool))) as gateway:
        for _ in range(8):
            assert repeat(gateway.url, span.under(world.environment["TCC_API_KEY"])).status == 200
    assert world.upload("replay", str(world.spool)).returncode == 0
    counts = orjson.loads(world.upload("verify", "--json", str(world.spool)).stdout)
    assert (counts["totals"]["delivered"], counts["totals"]["duplicate"]) == (1, 7)
    assert [sum(times.values()) for times in world.receipts().values()] == [1]


def test_two_runs_of_one_id_are_both_delivered(spool: Path, tmp_path: Path) -> None:
    """Different posts of one run are no conflict."""
    both = [posted for posted in official_requests() if posted.name == "pycrewfe"]
    with Gateway(Options(spool_dir=str(spool))) as gateway:
        for posted in both:
            repeat(gateway.url, posted)
    with FaultServer(ok) as server:
        done = upload(environment(tmp_path, server.url), "replay", str(spool))
        assert done.returncode == 0, done.stderr
        assert {one.body for one in server.requests} == {posted.body for posted in both}


def test_an_uploader_that_posts_into_the_gateway_loses_nothing(spool: Path, tmp_path: Path) -> None:
    """It pauses, says so, and its record stays; the gateway records nothing twice."""
    with Gateway(Options(spool_dir=str(spool))) as gateway:
        assert request(gateway.url, "/v1/custom", b'{"type":"run","run_id":"r"}').status == 200
        done = upload(environment(tmp_path, gateway.url), "replay", str(spool), "--timeout", "5")
        assert done.returncode == 77, done.stderr
        assert "gateway" in done.stderr.lower()
        text = request(gateway.url, "/metrics", method="GET").body.decode()
    assert 'tcc_gateway_records_total{kind="run"} 1\n' in text
    assert 'tcc_gateway_answers_total{status="508"} 1\n' in text
