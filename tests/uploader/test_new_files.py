"""Files that are written whole or not at all."""

import os
import stat
from contextlib import ExitStack
from pathlib import Path

import pytest

from tcc_uploader import files
from tcc_uploader.files import make_durably, new_file, write_whole


@pytest.mark.parametrize("replace", [False, True])
def test_a_new_file_is_private_and_leaves_nothing_else(tmp_path: Path, replace: bool) -> None:
    """The file can be read by its owner alone, holds what was written, and lies in its folder by itself."""
    path = tmp_path / "file.json"
    with new_file(path, replace=replace) as file:
        file.write(b"content")
        assert not path.exists()
    assert path.read_bytes() == b"content"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("links", [True, False])
def test_a_file_is_replaced_only_if_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    """On file systems with and without hard links, what lies under the name stays, and what was written goes."""
    if not links:
        monkeypatch.setattr(Path, "hardlink_to", refuse)
    path = tmp_path / "file"
    with new_file(path) as file:
        file.write(b"first")
    with pytest.raises(FileExistsError), new_file(path) as file:
        file.write(b"second")
    assert path.read_bytes() == b"first"
    write_whole(path, b"third")
    assert path.read_bytes() == b"third"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("replace", [False, True])
def test_an_error_on_the_way_leaves_all_as_it_was(tmp_path: Path, replace: bool) -> None:
    """Neither the name nor a temporary file is there after a write that failed."""

    def fill_the_disk() -> None:
        with new_file(tmp_path / "file", replace=replace) as file:
            file.write(b"half")
            raise OSError(28, "full")

    with pytest.raises(OSError, match="full"):
        fill_the_disk()
    assert not list(tmp_path.iterdir())


def test_what_a_killed_writer_left_does_not_hinder_the_next(tmp_path: Path) -> None:
    """A temporary file that is always named the same is replaced, even if it is a link to somebody's file."""
    (tmp_path / "precious").write_bytes(b"precious")
    (tmp_path / ".file.json.tmp").symlink_to(tmp_path / "precious")
    path = tmp_path / "file.json"
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"
    assert (tmp_path / "precious").read_bytes() == b"precious"
    assert sorted(tmp_path.iterdir()) == [path, tmp_path / "precious"]


def test_two_writers_with_one_pid_do_not_share_a_temporary_file(tmp_path: Path) -> None:
    """Each container has a process 1: the one that ends first makes a file of its own bytes, the other one none."""
    path = tmp_path / "file"
    with ExitStack() as until_then:
        slow = until_then.enter_context(new_file(path))
        slow.write(b"half of it")
        with new_file(path) as quick:
            quick.write(b"all of the other one")
        with pytest.raises(FileExistsError):
            until_then.close()
    assert path.read_bytes() == b"all of the other one"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("umask", [0, 0o022, 0o777])
def test_missing_directories_are_private_whatever_the_umask_is(tmp_path: Path, umask: int) -> None:
    """Each one that is made has mode 0700, its parents too; one that is there stays as it is."""
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    theirs.chmod(0o2775)
    before = os.umask(umask)
    try:
        make_durably(theirs / "a" / "b" / "c")
        make_durably(theirs / "a" / "b")
    finally:
        os.umask(before)
    assert stat.S_IMODE(theirs.stat().st_mode) == 0o2775
    for made in ("a", "a/b", "a/b/c"):
        assert (theirs / made).stat().st_mode & 0o777 == 0o700


def test_a_directory_below_a_file_cannot_be_made(tmp_path: Path) -> None:
    """The error names the file that is in the way."""
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match="file"):
        make_durably(tmp_path / "file" / "state")


@pytest.mark.parametrize("replace", [False, True])
def test_bytes_are_synced_before_the_name_and_the_name_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replace: bool
) -> None:
    """A power loss finds no name of an empty file, and takes no name that was given; unsynced files cost no fsync."""
    synced = []

    def fsync(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        synced.append((is_folder, os.fstat(descriptor).st_size if not is_folder else 0, path.exists()))

    monkeypatch.setattr(files, "_fsync", fsync)
    path = tmp_path / "file"
    with new_file(path, replace=replace) as file:
        file.write(b"1234")
    assert synced == [(False, 4, False), (True, 0, True)]
    write_whole(path, b"1", synced=False)
    assert len(synced) == 2


def refuse(*_: object) -> None:
    """Stand for a file system without hard links."""
    raise PermissionError(1, "Operation not permitted")
