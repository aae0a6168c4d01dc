"""Hostile lines in files of a spool: the engine goes on, and delivers what is good beside them."""

import orjson
from hypothesis import given
from hypothesis import strategies as st

from fuzz.campaign import folder, fuzz
from fuzz.hostile import files_of, mutated, plain_lines, segment_lines
from fuzz.world import GOOD, Uploader, assert_nothing_unforeseen, parts, write_good
from support.faults import SegmentFile, run_item, step_item


def _plain_around(lines: bytes) -> bytes:
    first, last = (orjson.dumps(run_item(name)) for name in ("beside-1", "beside-2"))
    return b"\n".join([first, lines, last, b""])


def _segment_around(lines: bytes) -> bytes:
    return SegmentFile("hostile").run("beside-1").raw(lines + b"\n").run("beside-2").data


_BESIDE = GOOD | {"beside-1", "beside-2"}


def _deliver(content: bytes, expected: frozenset[str], *, daemon: bool, part: int) -> None:
    with folder() as path:
        uploader = Uploader(path)
        write_good(uploader.spool)
        (uploader.spool / "0.jsonl").write_bytes(content)
        if daemon:
            uploader.daemon()
        else:
            uploader.once()
        assert expected <= uploader.received
        uploader.once(removes=True)
        uploader.look(part)
        assert_nothing_unforeseen()


@fuzz(100)
@given(files_of(plain_lines, _plain_around), st.booleans(), parts)
def test_plain_lines(content: bytes, daemon: bool, part: int) -> None:
    """Whatever a line of plain JSON is: the lines beside it, and other files, are delivered."""
    _deliver(content, _BESIDE, daemon=daemon, part=part)


@fuzz(100)
@given(files_of(segment_lines(), _segment_around), st.booleans(), parts)
def test_lines_with_valid_checksums(content: bytes, daemon: bool, part: int) -> None:
    """Whatever a header, a seal, a journal line or a record says: the records beside it are delivered."""
    _deliver(content, _BESIDE, daemon=daemon, part=part)


_SEALED = (
    SegmentFile("changed")
    .record("journal", "h", run_item("h"), path=None)
    .run("h-1", step_item("h-1", "h-1-step"))
    .run("h-2")
    .feedback("h-2")
    .seal()
    .data
)


def _is_unfinished(content: bytes) -> bool:
    """Whether its writer, or a copy, may have come only so far: no line, or whole lines without the seal."""
    *lines, seal = _SEALED.splitlines(keepends=True)
    return b"\n" not in content or (set(content.splitlines(keepends=True)) <= set(lines) and not content.endswith(seal))


@fuzz(100)
@given(mutated(_SEALED), st.booleans(), parts)
def test_changed_bytes_of_a_segment(content: bytes, daemon: bool, part: int) -> None:
    """Whatever happened to a segment's bytes: what is lost is told, and other files are delivered."""
    with folder() as path:
        uploader = Uploader(path)
        write_good(uploader.spool)
        (uploader.spool / "0.jsonl").write_bytes(content)
        result = uploader.once()
        assert uploader.received >= GOOD
        told = result.damage or result.counts.dead or result.newer or result.unreadable or result.problems
        is_blank = not content.strip()  # an empty line or two: nothing tells that there was more
        assert told or is_blank or _is_unfinished(content) or uploader.received >= {"h-1", "h-1-step", "h-2"}
        if daemon:
            uploader.daemon()
        uploader.look(part)
        assert_nothing_unforeseen()
