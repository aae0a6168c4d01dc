"""An object is read as a file on disk would be: archives, segments and plain files, by every command that reads."""

import io
import tarfile

from support.archive_samples import tar, zipped
from support.buckets import Bucket
from support.faults import FaultServer, SegmentFile
from support.shell import Shell


def run_ids(listed: str) -> set[str]:
    """Return the ids of the runs that ``runs`` has listed."""
    return {line.split("\t")[1] for line in listed.splitlines()}


def filled(bucket: Bucket) -> set[str]:
    """Put one object of each kind into a bucket, and others that hold no records; return the runs that they hold."""
    bucket.put("a/segment.jsonl", SegmentFile().run("in-segment").seal().data)
    bucket.put("a/b/runs.tar", tar({"x.jsonl": SegmentFile().run("in-tar").seal().data}))
    bucket.put("runs.zip", zipped({"x.jsonl": SegmentFile().run("in-zip").seal().data}))
    bucket.put("plain.jsonl", b'{"type":"run","run_id":"plain","start_time":"2026-01-31T12:00:00Z",'
               b'"end_time":"2026-01-31T12:00:01Z","prompt":{"user_prompt":"x"},"status_code":0}\n')  # fmt: skip
    bucket.put("README.md", b"no records")
    bucket.put("empty.jsonl", b"")
    return {"in-segment", "in-tar", "in-zip", "plain"}


def test_every_command_that_reads_paths_reads_objects(shell: Shell, bucket: Bucket, server: FaultServer) -> None:
    """What lies below a name is shown, exported, reported, verified and delivered; a second replay sends nothing."""
    runs = filled(bucket)
    shell.environment |= bucket.environment()
    assert run_ids(shell.run("runs", bucket.url)) == runs
    assert "in-tar" in shell.run("show", "in-tar", bucket.url)
    shell.run("export", "--jsonl", str(shell.state.parent.parent / "runs.jsonl"), bucket.url)
    page = shell.spool.parent / "page.html"
    shell.run("report", bucket.url, "-o", page)
    assert page.stat().st_size
    assert "4 would be sent" in shell.run("replay", "--dry-run", bucket.url)
    assert shell.json("replay", bucket.url)["delivered_now"] == 4
    assert shell.json("replay", bucket.url)["delivered_now"] == 0
    assert {ident for request in server.ids for ident in request} == runs
    assert "adds up" in shell.run("verify", bucket.url)


def test_a_name_is_an_object_or_a_folder(shell: Shell, bucket: Bucket) -> None:
    """``a/b`` is all that lies in the folder, as is ``a/b/``, and not what merely begins so; an object is itself."""
    filled(bucket)
    bucket.put("a/besides.jsonl", SegmentFile().run("besides").seal().data)
    shell.environment |= bucket.environment()
    assert run_ids(shell.run("runs", f"{bucket.url}a/b")) == {"in-tar"}
    assert run_ids(shell.run("runs", f"{bucket.url}a/b/")) == {"in-tar"}
    assert run_ids(shell.run("runs", f"{bucket.url}runs.zip")) == {"in-zip"}


def test_a_zip_of_any_size_is_read_from_its_end(shell: Shell, bucket: Bucket) -> None:
    """A zip in a bucket is not held in memory, as one in a pipe is: it can be sought in."""
    segments = {f"{number}.jsonl": SegmentFile().run(f"run-{number}", prompt={"user_prompt": "x" * 100}).seal().data
                for number in range(20)}  # fmt: skip
    bucket.put("runs.zip", zipped(segments))
    shell.environment |= bucket.environment()
    assert len(run_ids(shell.run("runs", bucket.url))) == 20


def test_runs_are_chosen_among_objects(shell: Shell, bucket: Bucket, server: FaultServer) -> None:
    """A choice of runs needs two looks: objects can be read again."""
    filled(bucket)
    shell.environment |= bucket.environment()
    shell.run("replay", bucket.url, "-n", "1")
    assert len(server.ids) == 1


def test_hundreds_of_objects_are_listed_and_delivered(shell: Shell, bucket: Bucket, server: FaultServer) -> None:
    """300 objects, each a bundle; none is missed, none is sent twice."""
    for number in range(300):
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w:gz", compresslevel=1) as archive:
            segment = SegmentFile().run(f"run-{number}").seal().data
            member = tarfile.TarInfo("x.jsonl")
            member.size = len(segment)
            archive.addfile(member, io.BytesIO(segment))
        bucket.put(f"{number % 7}/{number}.tar.gz", data.getvalue())
    shell.environment |= bucket.environment()
    assert shell.json("replay", bucket.url, "--in-flight", "8")["delivered_now"] == 300
    assert sorted(ident for request in server.ids for ident in request) == sorted(f"run-{n}" for n in range(300))
