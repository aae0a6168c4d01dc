"""What goes wrong between us and a store costs nothing but time: no record is lost, none is taken for damage."""

import traceback

import pytest

from support.archive_samples import tar
from support.buckets import SECRET, Bucket
from support.faults import FaultServer, SegmentFile
from support.faulty_store import Asked, Fault, FaultyStore
from support.shell import Shell
from tcc_uploader.cli.exit_codes import exit_of_verify
from tcc_uploader.inspect.verify import Verification
from tcc_uploader.sources.objects import StoreError
from tcc_uploader.sources.s3 import S3

TEXT = "".join(f"{number:08}" for number in range(150_000))
"""So long that a run does not fit into one chunk."""


def segment(*runs: str) -> bytes:
    """Return a large sealed segment of these runs."""
    made = SegmentFile()
    for run in runs:
        made.run(run, prompt={"user_prompt": TEXT})
    return made.seal().data


def sent(server: FaultServer) -> list[str]:
    """Return the ids of what the server got, in order."""
    return sorted(ident for request in server.ids for ident in request)


def test_a_busy_store_is_asked_again(shell: Shell, bucket: Bucket, server: FaultServer) -> None:
    """503 SlowDown, to the listing and to each object: it is asked again, a little later."""
    for number in range(3):
        bucket.put(f"{number}.jsonl", SegmentFile().run(f"run-{number}").seal().data)
    with FaultyStore(bucket.port, lambda asked: None if asked.before else Fault(503)) as store:
        shell.environment |= bucket.environment(store.port)
        shell.run("replay", bucket.url)
    assert sent(server) == ["run-0", "run-1", "run-2"]


def test_a_body_that_breaks_off_is_fetched_on(shell: Shell, bucket: Bucket, server: FaultServer) -> None:
    """A truncated answer is noticed, and the rest is asked for: of the same object."""
    bucket.put("a.jsonl", segment("a", "b", "c"))
    with FaultyStore(bucket.port, lambda asked: cut(asked, times=1)) as store:
        shell.environment |= bucket.environment(store.port)
        shell.run("replay", bucket.url)
    assert sent(server) == ["a", "b", "c"]


def cut(asked: Asked, times: int) -> Fault | None:
    """Let the first answers with an object's bytes break off."""
    is_object = asked.method == "GET" and "list-type" not in asked.path
    return Fault(cut_at=2_000_000) if is_object and asked.before < times else None


def cut_for_good(asked: Asked) -> Fault | None:
    """Let the answer with an object's bytes break off, and be busy for ever when the rest is asked for."""
    return Fault(503) if "a.tar" in asked.path and asked.before else cut(asked, times=1)


def test_an_object_that_can_t_be_read_on_is_no_damage(shell: Shell, bucket: Bucket, server: FaultServer) -> None:
    """What was read until then is delivered; the rest waits for another run, which sends nothing twice."""
    bucket.put("a.tar", tar({"a.jsonl": segment("a", "b", "c"), "b.jsonl": SegmentFile().run("d").seal().data}))
    with FaultyStore(bucket.port, cut_for_good) as store:
        shell.environment |= bucket.environment(store.port)
        result = shell.json("replay", bucket.url, code=75)
    assert (result["damage"], result["delivered_now"]) == (0, 1)
    assert "a.tar: 127.0.0.1" in str(result["unread_files"])
    assert exit_of_verify(Verification(not_read={"a.tar": "127.0.0.1 has failed"})) == 75
    shell.environment |= bucket.environment()
    shell.run("replay", bucket.url)
    assert sent(server) == ["a", "b", "c", "d"]
    assert "adds up" in shell.run("verify", bucket.url)


@pytest.mark.parametrize("what", ["replaced", "deleted"])
def test_an_object_is_another_one_when_its_bytes_are(
    shell: Shell, bucket: Bucket, server: FaultServer, what: str
) -> None:
    """Replaced or deleted while it is read: its bytes are never mixed with those of the one that has its name now."""
    bucket.put("a.jsonl", segment("a", "b", "c"))

    def change() -> None:
        bucket.put("a.jsonl", segment("d", "e", "f")) if what == "replaced" else bucket.delete("a.jsonl")

    def fault(asked: Asked) -> Fault | None:
        found = cut(asked, times=1)
        return found and found._replace(meanwhile=change)

    with FaultyStore(bucket.port, fault) as store:
        shell.environment |= bucket.environment(store.port)
        result = shell.json("replay", bucket.url, code=75)
    assert result["damage"] == 0
    assert what in str(result["unread_files"])
    assert sent(server) == ["a"]
    shell.environment |= bucket.environment()
    shell.run("replay", bucket.url)
    assert sent(server) == (["a", "d", "e", "f"] if what == "replaced" else ["a"])


def test_a_broken_object_among_good_ones_is_named(shell: Shell, bucket: Bucket, server: FaultServer) -> None:
    """The others are delivered; the command ends with 65, and says which one it is."""
    bucket.put("a.jsonl", SegmentFile().run("a").seal().data)
    bucket.put("b.tar.gz", b"\x1f\x8b\x08" + bytes(100))
    bucket.put("c.jsonl", SegmentFile().run("c").seal().data)
    shell.environment |= bucket.environment()
    shell.run("replay", bucket.url, code=65)
    assert f"{bucket.url}b.tar.gz" in shell.printed
    assert sent(server) == ["a", "c"]


@pytest.mark.parametrize(
    ("place", "changed", "code", "said"),
    [
        ("s3://there-is-none/x", {}, 66, "there is no bucket 'there-is-none'"),
        ("{url}missing", {}, 66, "there is no object of this name, and none below it"),
        ("{url}", {"AWS_SECRET_ACCESS_KEY": "wrong"}, 77, "refuses it (HTTP 403, SignatureDoesNotMatch)"),
        ("{url}", {"AWS_ACCESS_KEY_ID": "wrong"}, 77, "refuses it (HTTP 403, InvalidAccessKeyId)"),
        ("{url}", {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, 75, "127.0.0.1:1 can't be reached"),
        ("{url}", {"AWS_ENDPOINT_URL": "http://store.invalid"}, 77, "must be https://"),
        ("{url}", {"AWS_ENDPOINT_URL": "http://[x"}, 77, "AWS_ENDPOINT_URL is no URL"),
        ("{url}", {"AWS_ENDPOINT_URL": "minio.local:9000"}, 77, "AWS_ENDPOINT_URL is no URL"),
        ("{url}", {"AWS_ENDPOINT_URL": "http://minio local"}, 77, "AWS_ENDPOINT_URL is no URL"),
        ("s3://key:password@bucket/x", {}, 2, "it must be s3://BUCKET/PREFIX"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(
    shell: Shell, bucket: Bucket, place: str, changed: dict[str, str], code: int, said: str
) -> None:
    """A wrong bucket, key or endpoint ends the command with a line that says what to do, and holds no secret."""
    shell.environment |= bucket.environment() | changed
    shell.run("replay", place.format(url=bucket.url), code=code)
    last = shell.printed.splitlines()[-1]
    assert said in last
    assert code == 2 or last.startswith("tcc-upload: s3://")
    assert len(shell.printed.splitlines()) == (4 if code == 2 else 1)
    for secret in (SECRET, "wrong", "password"):
        assert secret not in shell.printed


def test_an_object_with_an_impossible_name_is_named(shell: Shell, bucket: Bucket) -> None:
    """The client lists no page with such a name: whoever owns the bucket must know which one it is."""
    bucket.put("a.jsonl", SegmentFile().run("a").seal().data)

    def fault(asked: Asked) -> Fault | None:
        is_list = "list-type" in asked.path
        return Fault(changed=lambda body: body.replace(b"/a.jsonl", b"//odd.jsonl")) if is_list else None

    with FaultyStore(bucket.port, fault) as store:
        shell.environment |= bucket.environment(store.port)
        shell.run("replay", bucket.url, code=77)
    assert "//odd.jsonl'): rename or delete that" in shell.printed


def test_no_error_carries_what_a_store_said(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """It can hold a token, a signature, or the name of a key: also a traceback tells our own words alone."""
    for name, value in (bucket.environment() | {"AWS_SECRET_ACCESS_KEY": "wrong"}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StoreError) as caught:
        S3(bucket.url).check()
    told = "".join(traceback.format_exception(caught.value))
    assert "HTTP 403, SignatureDoesNotMatch" in told
    assert "Error performing" not in told
    assert "RequestId" not in told
