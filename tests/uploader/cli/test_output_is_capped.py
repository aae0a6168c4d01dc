"""Whatever a spool or an archive holds, what is printed, written to status.json and logged of it has an end."""

import gzip
import io
import json
import logging
import tarfile
from pathlib import Path

import pytest

from support.archive_samples import header
from support.faults import FaultServer, SegmentFile
from support.rigging import Rig
from support.shell import Shell
from tcc_uploader.cli.text import shortened
from tcc_uploader.delivery.routing import MOST_BLOCKED, Router, Wish
from tcc_uploader.model.shortlist import MOST, Shortlist
from tcc_uploader.settings import Settings
from tcc_uploader.sinks import MAX_ALIKE, Sparing


def links(path: Path, number: int) -> Path:
    """Pack links alone, each of which is a problem."""
    headers = [header(f"{each}.jsonl", tarfile.SYMTYPE) for each in range(number)]
    path.write_bytes(gzip.compress(b"".join(headers) + bytes(1024)))
    return path


def test_reports_name_so_many_problems_and_count_the_rest(shell: Shell, tmp_path: Path) -> None:
    """Replay, dry run and verify tell of 3,000 problems in an archive: the first as text, all as a number."""
    path = links(tmp_path / "a.tar.gz", 3000)
    for command in (("replay",), ("replay", "--dry-run"), ("verify",)):
        found = shell.json(*command, path, code=65)
        assert len(found["archives"]) == MOST  # type: ignore[arg-type]
        assert found["left_off"] == {"archives": 3000 - MOST}
        text = shell.run(*command, path, code=65)
        assert "2,980 more" in text + shell.printed
        assert len(text) < 10_000


def test_verify_lists_so_many_segments_and_first_what_is_wrong(shell: Shell) -> None:
    """Of 2,100 segments half the list is for what is whole; a damaged one behind all of them is in it; all count."""
    for number in range(2100):
        SegmentFile(f"s{number}").write(shell.spool, f"{number:05}.jsonl")
    SegmentFile("bad").raw(b"x\n" * 3000).run("r").write(shell.spool, "zz.jsonl")
    found = shell.json("verify", code=65)
    segments: list[dict[str, object]] = found["segments"]  # type: ignore[assignment]
    assert len(segments) == MOST // 2 + 1
    assert segments[-1]["id"] == "bad"
    assert len(segments[-1]["damage"]) == MOST  # type: ignore[arg-type]
    assert segments[-1]["left_off"] == {"damage": 3000 - MOST}
    assert found["left_off"] == {"segments": 2101 - MOST // 2 - 1}
    assert "2,101 segments, 0 of them sealed" in shell.run("verify", code=65)


def test_destinations_that_can_not_be_sent_to_are_counted_and_not_all_kept(rig: Rig, server: FaultServer) -> None:
    """A record for each of 500 keys: two hundred are told apart, the others wait together, and the rest arrives."""
    segment = SegmentFile()
    for number in range(500):
        segment.run(f"r{number}", key_hint=f"{number:08x}")
    segment.run("good").write(rig.spool)
    outcome = rig.once()
    assert server.ids == [["good"]]
    assert (outcome.counts.pending, outcome.waiting) == (500, 500)
    assert len(outcome.paused) == MOST_BLOCKED + 1
    assert outcome.paused[-1].waiting == 500 - MOST_BLOCKED


def test_a_router_remembers_no_more_than_a_report_tells(tmp_path: Path) -> None:
    """The same wish has the same answer as before, also when others have no destination of their own any more."""
    router = Router(Settings(spools=(tmp_path,), state_dir=tmp_path, base_url="http://127.0.0.1:9"))
    wishes = [Wish("/v1/custom", None, f"{number:08x}") for number in range(10_000)]
    routes = [router.route(wish) for wish in wishes]
    assert len({route.destination for route in routes}) == MOST_BLOCKED + 1
    assert [router.route(wish) for wish in wishes] == routes


def test_a_report_says_what_it_leaves_off() -> None:
    """Lists, mappings and texts end, at each depth, and beside each list stands how much is missing."""
    others = {"d": "x" * 3000, "e": {str(number): number for number in range(1001)}}
    report = {"a": list(range(1500)), "b": {"c": Shortlist(range(2500))}, **others}
    found = json.loads(json.dumps(shortened(report)))
    assert (found["a"], found["left_off"]) == (list(range(MOST)), {"a": 500, "e": 1})
    assert found["b"] == {"c": list(range(MOST)), "left_off": {"c": 1500}}
    assert found["d"].endswith("… (3,000 characters)")


@pytest.mark.parametrize("minutes", [1, 3])
def test_log_lines_of_one_kind_end_and_go_on_in_the_next_minute(minutes: int) -> None:
    """A hundred pass in a minute, the last says so; another kind is not held back."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.addFilter(Sparing())
    for minute in range(minutes):
        for number in range(300):
            for line in (1, 2):
                record = logging.LogRecord("x", logging.INFO, "file.py", line, "damaged %d", (number,), None)
                record.created = 60.0 * minute
                handler.handle(record)
    lines = text.getvalue().splitlines()
    assert len(lines) == 2 * MAX_ALIKE * minutes
    assert lines[-1] == "damaged 99 (more like this may follow: they are not logged in this minute)"
