"""A bundle that was cut short is not forgotten: the ledger awaits what it should have held."""

import gzip
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from support.faults import FaultServer, SegmentFile
from support.shell import COMMAND, Shell
from support.worlds import PATIENCE


@pytest.fixture
def bundles(shell: Shell, server: FaultServer, tmp_path: Path) -> tuple[Path, Path]:
    """Make a bundle of three segments with two runs each, and a copy that ends within the second one."""
    for name in "abc":
        SegmentFile(name).run(f"{name}1").run(f"{name}2", prompt="p" * 3000).seal().write(shell.spool)
    whole, cut = tmp_path / "whole.tar.gz", tmp_path / "cut.tar.gz"
    shell.run("bundle", "-o", whole)
    raw = gzip.decompress(whole.read_bytes())
    second = sorted(raw.index(f'"{name}2"'.encode()) for name in "abc")[1]
    cut.write_bytes(gzip.compress(raw[: second + 1000]))
    shell.environment["TCC_SPOOL_DIR"] = str(tmp_path / "another machine's")
    return whole, cut


def awaited(shell: Shell, code: int) -> Any:
    """Return how many records are awaited, and what is to be done about it."""
    found = shell.json("status", code=code)
    (said,) = [each["do"] for each in found["findings"] if "cut short" in each["what"]] or [""]  # type: ignore[attr-defined]
    return found["not_in_sight"], said


def test_what_is_missing_is_awaited_until_it_comes_by_whatever_name(
    shell: Shell, server: FaultServer, bundles: tuple[Path, Path]
) -> None:
    """``status`` and ``verify`` name it; a whole copy settles it, and what arrived before is not sent twice."""
    whole, cut = bundles
    shell.run("replay", cut, code=65)
    assert len(server.requests) == 3
    number, do = awaited(shell, 65)
    assert number == 3
    assert f"tcc-upload forget {cut}" in do
    assert "not in sight, with 2 pending records: replay it again" in shell.run("verify", code=65)
    shell.run("verify", cut, code=65)
    shell.run("replay", cut, code=65)
    assert awaited(shell, 65)[0] == 3
    shell.run("replay", whole)
    assert awaited(shell, 0) == (0, "")
    shell.run("verify")
    assert len(server.requests) == 6
    shell.run("replay", cut, code=65)
    assert awaited(shell, 0) == (0, ""), "everything in it was delivered from elsewhere"


def test_a_pipe_that_was_cut_short_is_awaited_too(
    shell: Shell, server: FaultServer, bundles: tuple[Path, Path]
) -> None:
    """As a decrypted bundle comes; there is no file that could be named."""
    _, cut = bundles
    with cut.open("rb") as file:
        done = subprocess.run(
            [COMMAND, "replay", "-"], stdin=file, env=shell.environment, timeout=PATIENCE, check=False
        )
    assert done.returncode == 65
    number, do = awaited(shell, 65)
    assert (number, do.rpartition("or ")[2]) == (3, "tcc-upload forget stdin")
    shell.run("forget", "stdin", "--yes")
    assert awaited(shell, 0) == (0, "")
    shell.run("verify")


def test_who_knows_that_it_will_not_come_forgets_it(
    shell: Shell, server: FaultServer, bundles: tuple[Path, Path]
) -> None:
    """Also while the cut bundle lies there still; if a whole one does come, the rest is delivered."""
    whole, cut = bundles
    shell.run("replay", cut, code=65)
    shell.run("forget", cut, "--yes")
    shell.run("status")
    shell.run("verify")
    shell.run("replay", whole)
    assert len(server.requests) == 6


def test_an_archive_without_a_manifest_is_damaged_until_it_is_read_without_a_fault(
    shell: Shell, server: FaultServer, bundles: tuple[Path, Path], tmp_path: Path
) -> None:
    """Nobody can tell what is missing in it, but it is told that it was cut short."""
    archive = tmp_path / "spool.tar.gz"
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(shell.spool, "spool")
    data = archive.read_bytes()
    archive.write_bytes(data[:-200])
    shell.run("replay", archive, code=65)
    assert "tcc-upload verify" in shell.run("status", code=65)
    said = f"{archive}: it was damaged or cut short when it was read: get it whole, and replay it again"
    assert said in shell.run("verify", code=65)
    archive.write_bytes(data)
    shell.run("replay", archive)
    shell.run("status")
    shell.run("verify")
