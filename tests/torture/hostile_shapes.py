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
    parts = (_member("a.jsonl", _open_run(number)) for number in range(800 * scale))
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

    parts = (_member("pax", pax(number), b"x") for number in range(10**6, 10**6 + 250 * scale))
    return _packed(folder / "in.tar.gz", [*parts, _END])


def manifest(folder: Path, scale: int) -> Path:
    """Pack manifests that list segments which are not there."""
    entry = {"id": "x", "records": 1, "bytes": 1, "sha256": "0" * 64, "sealed": True, "torn": 0}

    def listing(number: int) -> bytes:
        segments = [entry | {"name": f"segments/{number}-{index}.jsonl"} for index in range(30_000)]
        whole = {"format": 1, "made_at": AT, "made_by": "x", "records": 30_000, "segments": segments}
        return orjson.dumps(whole)

    parts = (_member(f"{number}/manifest.json", listing(number)) for number in range(2 * scale))
    return _packed(folder / "in.tar.gz", [*parts, _END])


def sparse(folder: Path, scale: int) -> Path:
    """Plant a sparse plain file in the spool: it is hashed whole."""
    path = folder / "spool" / "00-sparse.jsonl"
    with path.open("wb") as file:
        file.write(orjson.dumps(run_item("plain")) + b"\n")
        file.truncate(300_000_000 * scale)
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
    parts = (header("l" * 90 + f"{number}", tarfile.SYMTYPE) for number in range(4000 * scale))
    return _packed(folder / "in.tar.gz", [*parts, _END])


def tiny_segments(folder: Path, scale: int) -> Path:
    """Pack segments that hold one damaged line each, and no record."""
    head = (b"".join(SegmentFile(f"s{number}").raw(b'{"v":1,"crc":"x\n').lines) for number in range(800 * scale))
    return _packed(folder / "in.tar.gz", [*(_member(f"{n}.jsonl", data) for n, data in enumerate(head)), _END])


def damaged_lines(folder: Path, scale: int) -> Path:
    """Write a segment of damaged lines."""
    segment = SegmentFile("damaged").raw(b"x\n" * 50_000 * scale)
    return segment.write(folder / "spool", "00-damaged.jsonl")


def odd_files(folder: Path, scale: int) -> Path:
    """Write many files that can't be read as records."""
    for number in range(600 * scale):
        (folder / "spool" / f"00-{number:06}.jsonl").write_bytes(b"\0")
    return folder / "spool"


def newer_files(folder: Path, scale: int) -> Path:
    """Write many files of a newer version."""
    for number in range(600 * scale):
        (folder / "spool" / f"00-{number:06}.jsonl").write_bytes(b'{"v":2,"crc":"00000000"}\n')
    return folder / "spool"


def plain_bomb(folder: Path, scale: int) -> Path:
    """Compress plain JSONL of blank lines: it is held until its hash is known."""
    start = orjson.dumps(run_item("plain")) + b"\n"
    return _packed(folder / "in.jsonl.gz", [start, *[b" " * 999_999 + b"\n"] * (50 * scale)])


def zip_in_gzip(folder: Path, scale: int) -> Path:
    """Compress a zip archive: it is read from its end."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        archive.writestr("zeros", bytes(40_000_000 * scale))
    return _packed(folder / "in.zip.gz", [raw.getvalue()])


def zip_directory(folder: Path, scale: int) -> Path:
    """Pack empty members: a zip archive that is nothing but its directory."""
    path = folder / "in.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(8000 * scale):
            archive.writestr(f"{number}.txt", b"")
    return path


def journal(folder: Path, scale: int) -> Path:
    """Compress a segment with a run that has not ended, and very many small steps of it."""
    lines = [_open_run(1)]
    for number in range(25_000 * scale):
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
    for _ in range(1000 * scale):
        segment.feedback("r")
    return segment.seal().write(folder / "spool", "00-feedback.jsonl")


def conflicts(folder: Path, scale: int) -> Path:
    """Record other bytes under one id, again and again: each is a dead letter."""
    segment = SegmentFile("conflicts")
    for number in range(400 * scale):
        segment.run("r", version=str(number))
    return segment.seal().write(folder / "spool", "00-conflicts.jsonl")


def no_json(folder: Path, scale: int) -> Path:
    """Write plain lines that are no records."""
    path = folder / "spool" / "00-plain.jsonl"
    path.write_bytes(orjson.dumps(run_item("plain")) + b"\n" + b'{"no":1}\n' * 50_000 * scale)
    return path


def padding(folder: Path, scale: int) -> Path:
    """Pack a file of something else, which is passed over, but must be unpacked for that."""
    megabytes = 150 * scale
    head = tarfile.TarInfo("x.bin")
    head.size = megabytes << 20
    return _packed(folder / "in.tar.gz", [head.tobuf(tarfile.GNU_FORMAT), *[bytes(1 << 20)] * megabytes, _END])


_ARCHIVE: Final = (("replay", "SPOOL", "IN", "--json"), ("verify", "SPOOL", "IN", "--json"))
_SPOOL: Final = (("replay", "--json"), ("verify", "--json"), ("status", "--json"))

SHAPES: Final = {
    "one_name": Shape("archive: members of one name, each with an open run", one_name, _ARCHIVE),
    "long_names": Shape("archive: long names in archives in archives", long_names, _ARCHIVE),
    "headers": Shape("archive: headers for a member that never comes", headers, _ARCHIVE),
    "manifest": Shape("archive: manifests of segments that are missing", manifest, _ARCHIVE, line=7_000_000),
    "links": Shape("archive: links", links, _ARCHIVE),
    "tiny_segments": Shape("archive: segments without a record", tiny_segments, _ARCHIVE),
    "padding": Shape("archive: zeros that are no records", padding, _ARCHIVE),
    "plain_bomb": Shape("compressed plain JSONL", plain_bomb, _ARCHIVE),
    "zip_in_gzip": Shape("a compressed zip archive", zip_in_gzip, _ARCHIVE),
    "zip_directory": Shape("a zip archive that is all directory", zip_directory, _ARCHIVE),
    "journal": Shape("compressed: the journal of one open run", journal, _ARCHIVE),
    "open_runs": Shape("compressed: a journal of open runs", open_runs, _ARCHIVE),
    "sparse": Shape("spool: a sparse plain file", sparse, (("replay", "--json"),)),
    "key_hints": Shape("spool: a run for each of many keys", key_hints, _SPOOL),
    "urls": Shape("spool: a run for each of many URLs", urls, _SPOOL),
    "damaged_lines": Shape("spool: damaged lines", damaged_lines, _SPOOL),
    "no_json": Shape("spool: plain lines that are no records", no_json, _SPOOL),
    "odd_files": Shape("spool: files without records", odd_files, _SPOOL),
    "newer_files": Shape("spool: files of a newer version", newer_files, _SPOOL),
    "conflicts": Shape("spool: other bytes under one id", conflicts, _SPOOL),
    "feedback": Shape("spool: feedback that waits for one run", feedback, _SPOOL),
}
