"""`runs`, `show`, `tail` and `export` show what the official packages posted, and what nothing here can read."""

import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest

from support.posts import PROTOBUF, Posted, official, official_lines, post, segment_of
from support.shell import Shell
from tcc_uploader.inspect.runs.follow import Follower
from tcc_uploader.inspect.runs.values import Run

GOLDEN = Path(__file__).parent / "golden" / "posts.txt"
RECORDINGS = ("py_agno", "py_langchain", "py_claude", "js_mastra", "js_otel", "py_litellm_gzip", "py_crewai_for_each")


@pytest.fixture
def posts(tmp_path: Path) -> Path:
    """Give a spool with recordings of several packages, and two posts that nothing here can read."""
    lines = official_lines(*RECORDINGS)
    lines.append(post("/v1/future", {"hello": ["world", "\u202e"]}).line("future-post"))
    lines.append(Posted("/v1/traces", b"\x0a\xff\x1b[2J", PROTOBUF).line("future-damaged"))
    segment_of(*lines).write(tmp_path / "posts", "20260131t120000z-0000000000000000.jsonl")
    return tmp_path / "posts"


def test_what_was_posted_is_shown_as_it_was_drawn(shell: Shell, posts: Path) -> None:
    """The golden file holds list, trees and texts (GOLDEN_ANEW=1 writes it anew)."""
    shell.environment["TZ"] = "UTC"
    in_full = [("show", ident, "--steps") for ident in ("295651ef", "11111111-1111-1111", "8054055f")]
    commands = [("runs",), *in_full, ("show", "run-1"), ("show", "future-post"), ("show", "future-damaged")]
    told = [f"$ tcc-upload {' '.join(command)}\n{shell.run(*command, posts)}" for command in commands]
    text = "\n".join(told)
    if os.environ.get("GOLDEN_ANEW"):
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()
    assert "\x1b" not in text
    assert "shown as posted: 1 request, this version does not know what it says" in shell.printed
    assert "shown as posted: 1 request, it is no OTLP message of traces" in shell.printed


def test_the_bytes_that_were_posted_are_printed_raw(shell: Shell, posts: Path) -> None:
    """Also binary ones, as they were compressed."""
    for name, ident in (("py_claude", "8054055f"), ("js_mastra", "95bf672c")):
        (posted,) = official(name)
        assert shell.run("show", ident, "--raw", posts).encode() == posted.body + b"\n"


def test_tables_have_what_was_posted(shell: Shell, posts: Path, tmp_path: Path) -> None:
    """Runs, steps and tool calls as ever; other spans and unread posts in tables of their own."""
    shell.run("export", posts, "--sqlite", tmp_path / "runs.sqlite")
    with closing(sqlite3.connect(tmp_path / "runs.sqlite")) as database:

        def rows(query: str) -> list[Any]:
            return database.execute(query).fetchall()

        outcomes = rows("SELECT status, count(*) FROM runs GROUP BY status ORDER BY status")
        assert outcomes == [("success", 9), ("unknown", 3)]
        assert rows("SELECT tool_name, args, result FROM tool_calls") == [("get_weather", '{"city": "Bern"}', "4 C")]
        assert rows("SELECT name FROM spans ORDER BY name") == [("execute_task ChatPromptTemplate",), ("system init",)]
        assert rows("SELECT kind, size, reason FROM posts ORDER BY kind") == [
            ("otlp", 6, "it is no OTLP message of traces"),
            ("post", 25, "this version does not know what it says"),
        ]
        assert rows("SELECT attributes FROM runs WHERE run_id LIKE '95bf%'")[0][0].startswith('{"traceId"')


def test_what_became_of_posts_is_told(shell: Shell, posts: Path) -> None:
    """A run is delivered when all posts about it are; of another path's, it is pending."""
    shell.run("replay", posts, code=77)
    fates = {
        value["run_id"][:8]: value["fate"]
        for line in shell.run("runs", "--json", posts).splitlines()
        if (value := orjson.loads(line))
    }
    assert {ident: fates[ident[:8]] for ident in ("295651ef", "run-1", "future-post", "fixed-run")} == {
        "295651ef": "delivered",
        "run-1": "delivered",
        "future-post": "pending",
        "fixed-run": "delivered",
    }


def test_posts_are_followed_as_they_come(tmp_path: Path) -> None:
    """Each is shown by itself: nothing tells which is a run's last."""
    follower = Follower([tmp_path])
    follower.skip()
    segment_of(*official_lines("py_agno", "py_litellm")).write(tmp_path)
    found = list(follower.read_new())
    assert [(run.id[:8], run.title) for run in found if isinstance(run, Run)] == [
        ("295651ef", "weather in Bern?"),
        ("run-1", "hi"),
    ]


def test_posts_in_an_archive_are_shown_alike(shell: Shell, posts: Path, tmp_path: Path) -> None:
    """What can be read only once is kept with its type and encoding."""
    shell.run("bundle", posts, "-o", tmp_path / "all.zip")
    for command in (("runs",), ("show", "run-1", "--steps")):
        told = [shell.run(*command, place) for place in (posts, tmp_path / "all.zip")]
        plain, archived = (re.sub(r"\S+\.(jsonl|zip)", "FILE", text) for text in told)
        assert archived == plain
