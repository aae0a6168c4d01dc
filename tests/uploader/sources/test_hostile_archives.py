"""Hostile and damaged archives: what is good is handed out, what is not is said, nothing is written."""

import gzip
import io
import random
import stat
import struct
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable, Mapping

import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from support.archive_samples import LINES, NOISE, PACKERS, WHOLE, Pipe, empty_folder, found, header, tar, zipped
from tcc_uploader.sources import streams
from tcc_uploader.sources import zip as zip_module
from tcc_uploader.sources.walk import ArchiveError, Member, Refused, kind_of, walk_archive

__all__ = ["empty_folder"]


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (tarfile.SYMTYPE, "symbolic link"),
        (tarfile.LNKTYPE, "hard link"),
        (tarfile.CHRTYPE, "device"),
        (tarfile.BLKTYPE, "device"),
        (tarfile.FIFOTYPE, "FIFO"),
        (tarfile.GNUTYPE_SPARSE, "sparse"),
        (b"Z", "unknown kind"),
    ],
)
def test_what_is_no_file_in_a_tar_is_refused(kind: bytes, why: str) -> None:
    """Links, devices and tricks are named and never followed, and what comes behind them is read."""
    good, bad = found(header("evil.jsonl", kind) + tar({"a.jsonl": LINES}))
    assert good == {"x/a.jsonl": LINES}
    assert list(bad) == ["x/evil.jsonl"]
    assert why in bad["x/evil.jsonl"]


@pytest.mark.parametrize("name", ["/etc/a.jsonl", "../a.jsonl", "b/../../a.jsonl", "..\\a.jsonl", "C:\\a.jsonl"])
@pytest.mark.parametrize("pack", [tar, zipped])
def test_names_that_lead_out_are_refused(name: str, pack: Callable[[Mapping[str, bytes]], bytes]) -> None:
    """A name that an unpacker would write elsewhere is no name of a record's file."""
    good, bad = found(pack({name: b"evil", "a.jsonl": LINES}))
    assert good == {"x/a.jsonl": LINES}
    assert list(bad.values()) == ["its name leads out of the archive"]


def test_zip_members_that_are_no_files_are_refused() -> None:
    """A link, an encrypted member and an unusual method are refused, each by itself."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        for name, mode in (("link.jsonl", stat.S_IFLNK), ("fifo.jsonl", stat.S_IFIFO)):
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, (mode | 0o777) << 16
            archive.writestr(info, "/etc/passwd")
        archive.writestr("secret.jsonl", LINES)
        archive.writestr("odd.jsonl", LINES)
        archive.writestr("a.jsonl", LINES)
    data = bytearray(raw.getvalue())
    for name, offset, value in ((b"secret.jsonl", 8, 1), (b"odd.jsonl", 10, 14)):
        directory_entry = data.rindex(name) - 46
        data[directory_entry + offset] = value
    good, bad = found(bytes(data))
    assert good == {"x/a.jsonl": LINES}
    assert list(bad) == ["x/link.jsonl", "x/fifo.jsonl", "x/secret.jsonl", "x/odd.jsonl"]
    assert "encrypted" in bad["x/secret.jsonl"]


def test_names_are_safe_to_print() -> None:
    """No terminal obeys a member's name, and no encoder stumbles over it."""
    for name in ("a\x1b[2Jb.jsonl", "a\u202eb.jsonl", "a\udcffb.jsonl", "a\nb.jsonl"):
        good, bad = found(tar({name: LINES}))
        [shown] = good
        assert shown.isprintable()
        assert shown.encode()
        assert not bad


def test_a_bad_member_does_not_stop_the_next() -> None:
    """Damage in one zip member, or in a nested archive, is that member's alone."""
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        data = bytearray(zipped({"a.jsonl": NOISE, "b.jsonl": LINES}, method))
        data[300] ^= 1
        good, bad = found(bytes(data))
        assert good["x/b.jsonl"] == LINES
        assert "fetch or copy it again" in bad["x/a.jsonl"]
    broken = gzip.compress(NOISE)[:-300]
    good, bad = found(tar({"c.jsonl.gz": broken, "b.jsonl": LINES}))
    assert good["x/b.jsonl"] == LINES
    assert NOISE.startswith(good["x/c.jsonl.gz"][:100])
    assert "cut short" in bad["x/c.jsonl.gz"]


@pytest.mark.parametrize("kind", WHOLE)
def test_cut_anywhere_it_gives_what_came_before_and_says_so(kind: str) -> None:
    """Whatever is missing at the end, it is noticed, and what was whole before it is handed out."""
    data = WHOLE[kind]
    whole = {"x/a.jsonl": LINES, "x/b.jsonl": NOISE}
    for size in range(len(data)):
        good, bad = found(data[:size])
        if not kind_of(data[:size]):
            continue  # too short to show what it was going to be
        assert bad or good == whole, size  # a tar ends with zeros, of which some may be missing
        for name, content in good.items():
            assert name == "x" or whole[name].startswith(content)
    assert found(data[:-1])[0].get("x/a.jsonl", LINES) == LINES


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
@pytest.mark.parametrize("size", [100, 1 << 20])
def test_all_that_comes_before_damage_is_handed_out(pack: Callable[[bytes], bytes], size: int) -> None:
    """However much is asked for at once, a cut costs the block that it hits, and garbage behind costs nothing."""
    plain = random.Random(1).randbytes(400_000)  # noqa: S311 -- any bytes do
    packed = pack(plain)
    for data, least in ((packed[:-100], len(plain) - 130_000), (packed + b"garbage", len(plain))):
        (member,) = walk_archive("x", io.BytesIO(data))
        assert isinstance(member, Member)
        good, why = b"", ""
        while not why:
            try:
                good += member.stream.read(size)
            except ArchiveError as error:
                why = str(error)
        assert plain.startswith(good)
        assert len(good) >= least
        with pytest.raises(ArchiveError, match="fetch or copy it again"):
            member.stream.read(size)


@pytest.mark.parametrize("kind", WHOLE)
def test_flipped_bits_raise_nothing_else(kind: str) -> None:
    """A changed bit costs what it hits; nothing but members and refusals comes of it."""
    data = WHOLE[kind]
    dice = random.Random(kind)  # noqa: S311 -- any bits do
    for source in (io.BytesIO, Pipe):
        for _ in range(400):
            flipped = bytearray(data)
            bit = dice.randrange(8 * len(data))
            flipped[bit // 8] ^= 1 << bit % 8
            found(source(flipped))


MAGICS = [
    b"\x1f\x8b\x08\0",
    b"\x28\xb5\x2f\xfd",
    b"BZh9",
    b"\xfd7zXZ\0",
    b"PK\3\4",
    b"PK\5\6",
    header("a.jsonl", size=9),
]


@given(st.sampled_from(MAGICS), st.binary(max_size=2000), st.sampled_from([io.BytesIO, Pipe]))
def test_random_bytes_behind_any_magic_raise_nothing_else(magic: bytes, rest: bytes, source: type[io.BytesIO]) -> None:
    """Noise that begins as an archive does is refused, as a zip also if it ends as one does."""
    found(source(magic + rest))
    found(source(magic + rest + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 1, 1, 46, len(rest) % 50, 0)))


@given(
    st.lists(st.tuples(st.sampled_from(b"0125679gxLKSVDM\0"), st.binary(max_size=40), st.integers(0, 2000)), max_size=8)
)
def test_any_sequence_of_tar_headers_raises_nothing_else(headers: list[tuple[int, bytes, int]]) -> None:
    """Headers with valid checksums may say anything."""
    data = b"".join(
        header(name.decode("latin-1"), bytes([kind]), size) + (name * 60)[:size].ljust(-(-size // 512) * 512, b"7")
        for kind, name, size in headers
    )
    found(data)


def pax(records: bytes) -> bytes:
    """Return a tar header that describes the next one, and its records."""
    return header("pax", b"x", len(records)) + records.ljust(-(-len(records) // 512) * 512, b"\0")


@pytest.mark.parametrize(
    "records",
    [
        b"12 size=-100\n",
        b"99 path=a\n",
        b"0 path=a\n",
        b"-5 path=a\n",
        b"path",
        b"16 size=1e100000\n",
        b"9 size=\xff\n",
    ],
)
def test_lying_pax_records_are_survived(records: bytes) -> None:
    """Records with lengths and sizes that can't be are damage, not a crash."""
    _, bad = found(pax(records) + tar({"a.jsonl": LINES}))
    assert bad


def test_gigabytes_that_a_header_claims_are_never_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """Long names, pax records and zip fields that claim gigabytes cost little memory, and neither do bombs."""
    zeros = b"\0" * (1 << 20)
    many = zstd.compress(zeros * 100)
    sources = [
        *(gzip.compress(header("h", kind, 1 << 33) + zeros * 80) for kind in (b"x", b"g", b"L", b"K")),
        header("a.jsonl", size=1 << 40) + LINES,
        many * 20,
        gzip.compress(gzip.compress(zeros * 300)),
        tar({"bomb.jsonl.zst": many * 20, "a.jsonl": LINES}),
        zipped({"bomb.jsonl": zeros * 70, "a.jsonl": LINES}, zipfile.ZIP_BZIP2),
    ]
    tracemalloc.start()
    try:
        results = []
        for data in sources:
            reasons = [
                item.why if isinstance(item, Refused) else drained(item) for item in walk_archive("x", io.BytesIO(data))
            ]
            results.append([reason for reason in reasons if reason])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert all(results), results
    assert peak < 8 << 20


def drained(member: Member) -> str:
    """Read a member to its end; return why that failed, if it did."""
    try:
        while member.stream.read(1 << 16):
            pass
    except ArchiveError as error:
        return str(error)
    return ""


def test_a_bomb_is_named_and_the_rest_is_read() -> None:
    """What unpacks out of proportion ends with a clear word, and its neighbours are delivered."""
    bomb = zstd.compress(b"\0" * (100 << 20)) * 2
    good, bad = {}, {}
    for item in walk_archive("x", io.BytesIO(tar({"bomb.jsonl.zst": bomb, "a.jsonl": LINES}))):
        assert isinstance(item, Member)
        why = drained(item)
        (bad if why else good)[item.name] = why
    assert list(good) == ["x/a.jsonl"]
    assert "bomb" in bad["x/bomb.jsonl.zst"]


@pytest.mark.filterwarnings("ignore:Overlapped entries")  # some versions of zipfile say so, others refuse them
def test_zip_entries_that_overlap_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand names for the same bytes unpack to no more than other bombs."""
    monkeypatch.setattr(streams, "FREE_BYTES", 100_000)
    monkeypatch.setattr(streams, "MAX_RATIO", 2)
    data = zipped({"a.jsonl": NOISE * 20}, zipfile.ZIP_STORED)
    start = data.rindex(b"PK\1\2")
    directory = data[start : start + 46 + len("a.jsonl")] * 1000
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 1000, 1000, len(directory), start, 0)
    reasons = [
        item.why if isinstance(item, Refused) else drained(item)
        for item in walk_archive("x", io.BytesIO(data[:start] + directory + end))
    ]
    assert len(reasons) == 1000
    assert 1 <= reasons.count("") <= (100_000 + 2 * len(data[:start] + directory + end)) // len(NOISE * 20)


def test_a_zip_with_a_huge_directory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory that would fill the memory is not read; the reader is told what to do instead."""
    data = zipped({"a.jsonl": LINES})
    directory = len(data) - data.rindex(b"PK\1\2") - 22
    monkeypatch.setattr(zip_module, "MAX_DIRECTORY", directory)
    assert found(data) == ({"x/a.jsonl": LINES}, {})
    monkeypatch.setattr(zip_module, "MAX_DIRECTORY", directory - 1)
    good, bad = found(data)
    assert not good
    assert "give the folder instead" in bad["x"]


def test_too_many_members_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the last allowed member comes one refusal, not an endless list."""
    monkeypatch.setattr(streams, "MAX_MEMBERS", 3)
    for pack in (tar, zipped):
        good, bad = found(pack({f"{number}.jsonl": LINES for number in range(5)}))
        assert len(good) == 3
        assert "more than 3 members" in bad["x"]


def test_nesting_ends_somewhere() -> None:
    """Four archives inside of each other are read, five are not."""
    data = LINES
    for _ in range(4):
        data = gzip.compress(data)
    assert found(data) == ({"x": LINES}, {})
    _, bad = found(gzip.compress(data))
    assert "more than 4" in bad["x"]


def test_a_large_zip_needs_a_file_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A zip from a pipe is held in memory up to a limit; beyond it, the reader is told what to do."""
    data = zipped({"a.jsonl": NOISE})
    monkeypatch.setattr(streams, "MAX_HELD", len(data) - 1)
    assert found(data)[0] == {"x/a.jsonl": NOISE}
    assert "give it as a file of its own" in found(Pipe(data))[1]["x"]
    nested = tar({"z.zip": data, "b.jsonl": LINES})
    assert found(nested)[0] == {"x/b.jsonl": LINES}
    monkeypatch.setattr(streams, "MAX_HELD", len(data))
    assert found(tar({"y.zip": data, "z.zip": data}))[1] == {}  # one after the other


def test_a_failing_disk_is_an_error_of_the_archive() -> None:
    """A stick that is pulled out on the way ends the walk with a word."""

    class Pulled(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() >= 512:
                raise OSError(5, "Input/output error")
            return super().read(size)

    for data in WHOLE.values():
        _, bad = found(Pulled(data))
        assert any("Input/output error" in why for why in bad.values()), bad
