"""Small inputs that once cost much, each kind with what is run on it."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import orjson

from support.archive_samples import header, tar
from support.faults import AT, SegmentFile, run_item
from tcc_schemas.lines import encode
from torture.hostile import Shape

_REPLAY: Final = ("replay", "IN", "--json")
_LOOKS: Final = (_REPLAY, ("replay",), ("verify", "IN", "--json"), ("verify", "IN"), ("status", "--json"), ("status",))


def _packed(path: Path, parts: Iterable[bytes]) -> Path:
    with gzip.open(path, "wb", compresslevel=6) as file:
        for part in parts:
            file.write(part)
    return path


def _member(name: str, data: bytes, kind: bytes = tarfile.REGTYPE) -> bytes:
    member = tarfile.TarInfo(name)
    member.type, member.size = kind, len(data)
    return member.tobuf(tarfile.GNU_FORMAT) + data + bytes(-len(data) % 512)


_END: Final = bytes(1024)


def _open_run(number: int) -> bytes:
    """Return a segment whose only run has not ended."""
    ident = f"s{number}"
    head = {"segment_id": ident, "host": "h", "boot_id": "b", "pid": 1, "process": ident, "sequence": 1}
    head |= {"sdk_version": "0", "durability": "process"}
    run = b'{"type":"run","run_id":"r%d"}' % number
    journal = encode("journal", f"r{number}", run, at=AT, run_id=f"r{number}")
    return encode("segment", ident, orjson.dumps(head), at=AT) + journal


def one_name(folder: Path, scale: int) -> Path:
    """Pack members of one name, each with a run that has not ended."""
    parts = (_member("a.jsonl", _open_run(number)) for number in range(2000 * scale))
    return _packed(folder / "in.tar.gz", [*parts, _END])


def long_names(folder: Path, scale: int) -> Path:
    """Pack archives in archives whose members have names of 4,000 characters."""
    name = "/".join(["n" * 200] * 19)
    inner = b"".join(_member(f"{name}/{number}.jsonl", _open_run(number)) for number in range(100)) + _END
    parts = (_member(f"{name}/{number}.tar", tar({f"{name}/in.tar": inner})) for number in range(5 * scale))
    return _packed(folder / "in.tar.gz", [*parts, _END])


def headers(folder: Path, scale: int) -> Path:
    """Pack pax headers that describe a member which never comes."""

    def pax(number: int) -> bytes:
        record = b"%d=" % number + b"v" * 200_000
        return b"%d %b\n" % (len(record) + 8, record)

    parts = (_member("pax", pax(number), b"x") for number in range(10**6, 10**6 + 500 * scale))
    return _packed(folder / "in.tar.gz", [*parts, _END])


def manifest(folder: Path, scale: int) -> Path:
    """Pack manifests that list segments which are not there."""
    entry = {"id": "x", "records": 1, "bytes": 1, "sha256": "0" * 64, "sealed": True, "torn": 0}

    def listing(number: int) -> bytes:
        segments = [entry | {"name": f"segments/{number}-{index}.jsonl"} for index in range(30_000)]
        whole = {"format": 1, "made_at": AT, "made_by": "x", "records": 30_000, "segments": segments}
        return orjson.dumps(whole)

    parts = (_member(f"{number}/manifest.json", listing(number)) for number in range(3 * scale))
    return _packed(folder / "in.tar.gz", [*parts, _END])


def sparse(folder: Path, scale: int) -> Path:
    """Plant a sparse plain file in the spool: it is hashed whole."""
    path = folder / "spool" / "00-sparse.jsonl"
    with path.open("wb") as file:
        file.write(orjson.dumps(run_item("plain")) + b"\n")
        file.truncate(1_000_000_000 * scale)
    return path


def key_hints(folder: Path, scale: int) -> Path:
    """Record every run with another key."""
    segment = SegmentFile("hints")
    for number in range(4000 * scale):
        segment.run(f"r{number}", key_hint=f"{number:08x}")
    return segment.seal().write(folder / "spool", "00-hints.jsonl")


def urls(folder: Path, scale: int) -> Path:
    """Record every run with another URL that nobody allowed."""
    segment = SegmentFile("urls")
    for number in range(4000 * scale):
        segment.run(f"r{number}", url=f"https://{number}.invalid/v1/custom")
    return segment.seal().write(folder / "spool", "00-urls.jsonl")


def links(folder: Path, scale: int) -> Path:
    """Pack links, which are refused, each with a problem of its own."""
    parts = (header("l" * 90 + f"{number}", tarfile.SYMTYPE) for number in range(20_000 * scale))
    return _packed(folder / "in.tar.gz", [*parts, _END])


def tiny_segments(folder: Path, scale: int) -> Path:
    """Pack segments that hold one damaged line each, and no record."""
    head = (b"".join(SegmentFile(f"s{number}").raw(b'{"v":1,"crc":"x\n').lines) for number in range(2000 * scale))
    return _packed(folder / "in.tar.gz", [*(_member(f"{n}.jsonl", data) for n, data in enumerate(head)), _END])


def damaged_lines(folder: Path, scale: int) -> Path:
    """Write a segment of damaged lines."""
    segment = SegmentFile("damaged").raw(b"x\n" * 50_000 * scale)
    return segment.write(folder / "spool", "00-damaged.jsonl")


def odd_files(folder: Path, scale: int) -> Path:
    """Write many files that can't be read as records."""
    for number in range(1500 * scale):
        (folder / "spool" / f"00-{number:06}.jsonl").write_bytes(b"\0")
    return folder / "spool"


def newer_files(folder: Path, scale: int) -> Path:
    """Write many files of a newer version."""
    for number in range(1500 * scale):
        (folder / "spool" / f"00-{number:06}.jsonl").write_bytes(b'{"v":2,"crc":"00000000"}\n')
    return folder / "spool"


def plain_bomb(folder: Path, scale: int) -> Path:
    """Compress plain JSONL of blank lines: it is held until its hash is known."""
    start = orjson.dumps(run_item("plain")) + b"\n"
    return _packed(folder / "in.jsonl.gz", [start, *[b" " * 999_999 + b"\n"] * (60 * scale)])


def zip_in_gzip(folder: Path, scale: int) -> Path:
    """Compress a zip archive: it is read from its end."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        archive.writestr("zeros", bytes(60_000_000 * scale))
    return _packed(folder / "in.zip.gz", [raw.getvalue()])


def zip_directory(folder: Path, scale: int) -> Path:
    """Pack empty members: a zip archive that is nothing but its directory."""
    path = folder / "in.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(30_000 * scale):
            archive.writestr(f"{number}.txt", b"")
    return path


def journal(folder: Path, scale: int) -> Path:
    """Compress a segment with a run that has not ended, and very many small steps of it."""
    lines = [_open_run(1)]
    for number in range(40_000 * scale):
        step = b'{"type":"step","run_id":"r1","step_id":"%d"}' % number
        lines.append(encode("journal", f"{number}", step, at=AT, run_id="r1"))
    return _packed(folder / "in.jsonl.gz", lines)


def open_runs(folder: Path, scale: int) -> Path:
    """Compress a segment with very many runs that have not ended."""
    lines = [_open_run(0)]
    for number in range(1, 20_000 * scale):
        run = b'{"type":"run","run_id":"r%d"}' % number
        lines.append(encode("journal", f"r{number}", run, at=AT, run_id=f"r{number}"))
    return _packed(folder / "in.jsonl.gz", lines)


def feedback(folder: Path, scale: int) -> Path:
    """Record feedback that waits for one run."""
    segment = SegmentFile("feedback").run("r")
    for _ in range(2000 * scale):
        segment.feedback("r")
    return segment.seal().write(folder / "spool", "00-feedback.jsonl")


def conflicts(folder: Path, scale: int) -> Path:
    """Record other bytes under one id, again and again: each is a dead letter."""
    segment = SegmentFile("conflicts")
    for number in range(500 * scale):
        segment.run("r", version=str(number))
    return segment.seal().write(folder / "spool", "00-conflicts.jsonl")


def no_json(folder: Path, scale: int) -> Path:
    """Write plain lines that are no records."""
    path = folder / "spool" / "00-plain.jsonl"
    path.write_bytes(orjson.dumps(run_item("plain")) + b"\n" + b'{"no":1}\n' * 50_000 * scale)
    return path


def padding(folder: Path, scale: int) -> Path:
    """Pack a file of something else, which is passed over, but must be unpacked for that."""
    return _packed(
        folder / "in.tar.gz",
        [_member("x.bin", bytes(1_000_000_000 * scale))[:512], *[bytes(1_000_000)] * (1000 * scale), _END],
    )


_ARCHIVES = (_REPLAY, ("replay",), ("verify", "IN", "--json"), ("verify", "IN"))
_SPOOL = (("replay", "--json"), ("verify", "--json"), ("verify",), ("status", "--json"), ("status",))
_DEAD = (*_SPOOL, ("dead", "list", "--json"), ("dead", "list"))

SHAPES: Final = {
    "one_name": Shape("members of one name, each with an open run", one_name, _ARCHIVES),
    "long_names": Shape("long names in archives in archives", long_names, _ARCHIVES),
    "headers": Shape("tar headers for a member that never comes", headers, _ARCHIVES),
    "manifest": Shape("manifests of segments that are missing", manifest, _ARCHIVES),
    "links": Shape("links in an archive", links, _ARCHIVES),
    "tiny_segments": Shape("segments without a record in an archive", tiny_segments, _ARCHIVES),
    "plain_bomb": Shape("compressed plain JSONL", plain_bomb, _ARCHIVES),
    "zip_in_gzip": Shape("a compressed zip archive", zip_in_gzip, _ARCHIVES),
    "zip_directory": Shape("a zip archive that is all directory", zip_directory, _ARCHIVES),
    "padding": Shape("zeros in an archive that are no records", padding, _ARCHIVES),
    "journal": Shape("a compressed journal of one open run", journal, _ARCHIVES),
    "open_runs": Shape("a compressed journal of open runs", open_runs, _ARCHIVES),
    "sparse": Shape("a sparse plain file", sparse, (("replay", "--json"),)),
    "key_hints": Shape("a run for each of many keys", key_hints, _SPOOL),
    "urls": Shape("a run for each of many URLs", urls, _SPOOL),
    "damaged_lines": Shape("damaged lines", damaged_lines, _SPOOL),
    "no_json": Shape("plain lines that are no records", no_json, _SPOOL),
    "odd_files": Shape("files without records", odd_files, _SPOOL),
    "newer_files": Shape("files of a newer version", newer_files, _SPOOL),
    "feedback": Shape("feedback that waits for one run", feedback, _SPOOL),
    "conflicts": Shape("other bytes under one id", conflicts, _DEAD),
}
