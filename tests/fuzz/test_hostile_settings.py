"""Hostile settings files: each command says what is wrong, and never ends in a traceback."""

import json
import tomllib

from hypothesis import given
from hypothesis import strategies as st

from fuzz.campaign import folder, fuzz
from fuzz.hostile import mutated, texts, values
from fuzz.world import assert_nothing_unforeseen, command_line

_NAMES = (
    *("spools", "state_dir", "target", "base_url", "allow_origins", "allow_paths", "in_flight", "after", "limit_rate"),
    *("key", "a.b", ""),
)
_GOOD = b"""spools = ["/nowhere/spool"]
target = "case"
base_url = "http://127.0.0.1:9"
allow_origins = ["https://example.org"]
allow_paths = ["other"]
in_flight = 3
after = "keep 2h"
limit_rate = "64k"
"""


@st.composite
def _files(draw: st.DrawFn) -> bytes:
    if draw(st.booleans()):
        return draw(mutated(_GOOD))
    members = tomllib.loads(_GOOD.decode())
    for _ in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from(_NAMES))
        of_its_kind = st.lists(texts, max_size=3) if isinstance(members.get(name), list) else texts
        members[name] = draw(st.one_of(of_its_kind, of_its_kind, values))
    return "".join(f"{json.dumps(name)} = {json.dumps(value)}\n" for name, value in members.items()).encode()


@fuzz(150)
@given(_files(), st.sampled_from(["status", "verify", "replay", "runs", "bundle"]))
def test_settings_files(content: bytes, command: str) -> None:
    """Whatever the settings file holds: a command works, or says what is wrong with it."""
    with folder() as path:
        file = path / "upload.toml"
        file.write_bytes(content)
        more = {"replay": ["--dry-run"], "bundle": ["-o", str(path / "out.tar")]}.get(command, [])
        command_line([command, *more, "--config", str(file), *(["--state-dir", str(path)] if len(content) % 2 else [])])
        assert_nothing_unforeseen()
