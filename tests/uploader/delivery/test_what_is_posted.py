"""What other packages post is sent as it was posted; what only a newer version understands stays pending."""

import gzip
import zlib
from pathlib import Path

import pytest

from support.faults import AT, FaultServer, Reply, SegmentFile, always
from support.rigging import Rig
from support.shell import Shell
from tcc_schemas.lines import Line, LineReader, decode, encode

BINARY = b"\n\x0b\xff\x00 protobuf \r\n"


def with_member(line: bytes, member: bytes) -> bytes:
    """Return a line with one more member."""
    found = LineReader().read(line)[0]
    assert isinstance(found, Line)
    rest = line[line.index(b'"n":') :].replace(b',"body":', b"," + member + b',"body":', 1).rstrip(b"\n")
    return b'{"v":1,"crc":"%08x",%b\n' % (zlib.crc32(b'{"v":1,' + rest), rest)


@pytest.mark.parametrize(
    ("path", "body", "members"),
    [
        ("/v1/traces", BINARY, {"type": "application/x-protobuf", "base64": True}),
        (
            "/v1/otel-steps",
            gzip.compress(BINARY),
            {"type": "application/x-protobuf", "encoding": "gzip", "base64": True},
        ),
        ("/v1/claude", b'{\n  "runId": "pretty"\n}', {"type": "application/json; charset=utf-8", "base64": True}),
        ("/v1/mastra", b'{"runId":"plain"}', {}),
        *((f"/v1/{name}", b"{}", {}) for name in ("pi", "openclaw")),
    ],
    ids=["traces", "otel-steps", "claude", "mastra", "pi", "openclaw"],
)
def test_a_body_is_sent_byte_for_byte_with_its_type_and_encoding(
    rig: Rig, server: FaultServer, path: str, body: bytes, members: dict[str, object]
) -> None:
    """The server sees what the package that was recorded would have sent it."""
    SegmentFile().record("post", "id-1", body, path=path, **members).seal().write(rig.spool)
    assert rig.once().counts.delivered == 1
    (request,) = server.requests
    assert (request.path, request.body) == (path, body)
    assert request.headers["content-type"] == members.get("type", "application/json")
    assert request.headers.get("content-encoding") == members.get("encoding")


def test_a_refused_binary_body_becomes_a_letter_and_is_requeued_unchanged(shell: Shell, server: FaultServer) -> None:
    """The bytes survive the way through a dead letter; an editor is not let at them."""
    members = {"type": "application/x-protobuf", "encoding": "gzip", "base64": True}
    SegmentFile().record("otlp", "id-1", BINARY, path="/v1/traces", **members).seal().write(shell.spool)
    server.behaviour = always(Reply(451))
    shell.run("replay", "--give-up", code=65)
    shell.run("dead", "requeue", "--all", "--edit", code=2)
    assert "without --edit" in shell.printed
    server.behaviour = always(Reply())
    shell.run("dead", "requeue", "--all")
    assert [request.body for request in server.requests] == [BINARY, BINARY]
    assert [request.headers["content-encoding"] for request in server.requests] == ["gzip", "gzip"]
    shell.run("verify")


def test_a_path_that_a_newer_version_knows_waits_until_it_is_allowed(shell: Shell, server: FaultServer) -> None:
    """An artifact of strangers does not choose where our key posts; the operator can, by name."""
    SegmentFile().record("post", "id-1", {}, path="/v1/later").run("r2").seal().write(shell.spool)
    for arguments in (["replay"], ["replay", "--dry-run"]):
        shell.printed = ""
        shell.run(*arguments, code=77)
        assert "--allow-path later" in shell.printed
    assert [request.path for request in server.requests] == ["/v1/custom"]
    shell.run("replay", "--allow-path", "later")
    assert [request.path for request in server.requests] == ["/v1/custom", "/v1/later"]
    shell.run("replay", "--allow-path", "../later", code=2)
    assert "can't be allowed" in shell.printed


@pytest.mark.parametrize(
    "path", ["/v1/../admin", "/v1/later?x=1", "/v2/custom", "/v1/UPPER", "/v1/" + "a" * 65, "/v1/later\n"]
)
def test_what_can_be_no_endpoint_is_a_dead_letter(rig: Rig, server: FaultServer, path: str) -> None:
    """It is never sent, whatever is allowed."""
    SegmentFile().record("post", "id-1", {}, path=path).run("r2").seal().write(rig.spool)
    assert rig.once(give_up=True).counts.dead == 1
    assert [letter.reason for letter in rig.letters()] == ["refused_path"]
    assert server.ids == [["r2"]]


def test_a_record_with_an_unknown_member_waits_for_an_upgrade(shell: Shell, server: FaultServer) -> None:
    """It may mean that the record is to be sent elsewhere, or in another way; one that begins with x does not."""
    segment = SegmentFile()
    for number, member in enumerate((b'"xnote":{"a":1}', b'"to":"another place"')):
        segment.raw(with_member(encode("run", f"r{number}", b"{}", at=AT, run_id="r", path="/v1/custom"), member))
    segment.write(shell.spool)
    for arguments in (["replay"], ["replay", "--dry-run"]):
        shell.printed = ""
        shell.run(*arguments, code=77)
        assert "'to'" in shell.printed
        assert "upgrade" in shell.printed
    assert len(server.requests) == 1


def test_a_file_with_a_line_of_an_unknown_kind_is_kept(rig: Rig, server: FaultServer, tmp_path: Path) -> None:
    """A newer version may know what it is: the daemon delivers the rest, and removes the other file only."""
    strange = SegmentFile("strange").run("r1")
    strange._add(encode("checkpoint", "c1", b"{}", at=AT), is_record=False)
    kept = strange.seal().write(rig.spool)
    SegmentFile("usual").run("r2").seal().write(rig.spool)
    rig.daemon(lambda engine: engine.intake.counts.delivered == 2 and not engine.in_flight and engine.intake.idle)
    rig.daemon(lambda engine: engine.intake.scans > 1)
    assert list(rig.spool.iterdir()) == [kept]
    assert [decode(line).kind for line in LineReader().feed(kept.read_bytes())] == [
        "segment",
        "run",
        "checkpoint",
        "seal",
    ]  # type: ignore[union-attr]


def test_status_says_why_a_file_with_a_line_of_an_unknown_kind_stays(shell: Shell, server: FaultServer) -> None:
    """Before and after its records are delivered: else nobody knows why the spool never gets empty."""
    strange = SegmentFile().run("r1")
    strange._add(encode("checkpoint", "c1", b"{}", at=AT), is_record=False)
    path = strange.seal().write(shell.spool)
    for _ in range(2):
        shell.printed = ""
        shell.run("status", code=77)
        assert f"{path} was written by a newer recorder" in shell.printed
        shell.run("replay", "--remove")
    assert path.exists()
