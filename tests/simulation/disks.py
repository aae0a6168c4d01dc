"""The disk as the uploader and the recorders see it: real files, and a seam before each call and behind some."""

import os
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from tcc_recorder.spool.system import System
from tcc_uploader.files import Disk, try_lock

if TYPE_CHECKING:
    from simulation.world import World


class Killed(BaseException):
    """A process was killed: nothing more of its code runs."""


class Entry:
    """An entry of a listed folder."""

    def __init__(self, world: "World", entry: os.DirEntry[str]) -> None:
        self._world = world
        self._inode = entry.inode()
        self.name, self.path = entry.name, entry.path

    def inode(self) -> int:
        """Return the inode that was listed."""
        return self._inode

    def stat(self, *, follow_symlinks: bool) -> os.stat_result:
        """Return the file's status."""
        self._world.seam("stat")
        self._world.faults.fail("stat")
        return os.stat(self.path, follow_symlinks=follow_symlinks)  # noqa: PTH116 -- as DirEntry does it


class Listing(list[Entry]):
    """The entries of a folder."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return


def disk_of(world: "World") -> Disk:
    """Return the disk of a world's uploader."""

    class File(FileIO):
        def __init__(self, path: str, mode: str, opener: Any) -> None:
            world.seam("open")
            world.faults.fail("open")
            super().__init__(path, mode, opener=opener)

        def read(self, size: int = -1, /) -> bytes:
            world.seam("read")
            world.faults.fail("read")
            data = super().read(size)
            if len(data) > 1 and world.faults.hit("short read"):
                self.seek(len(data) // 2 - len(data), os.SEEK_CUR)
                data = data[: len(data) // 2]
            world.seam("was read")
            return data

    def status(descriptor: int) -> os.stat_result:
        world.seam("status")
        world.faults.fail("status")
        return os.fstat(descriptor)

    def listed(folder: str) -> Listing:
        world.seam("list")
        world.faults.fail("list")
        with os.scandir(folder) as entries:
            found = Listing(Entry(world, entry) for entry in sorted(entries, key=lambda it: it.name))
        world.chance.shuffle(found)
        world.scanned()
        return found

    def lock(descriptor: int) -> bool:
        world.seam("lock")
        return not world.faults.hit("lock") and try_lock(descriptor)

    def remove(path: str) -> None:
        world.seam("remove")
        world.faults.fail("remove")
        os.unlink(path)  # noqa: PTH108 -- the seam's own shape
        world.changed(Path(path))

    return Disk(File, status, listed, lock, remove)


class RecordingSystem(System):
    """The system of one process that records."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._pid = world.new_number()
        self.open_files: dict[int, str] = {}

    def release(self) -> None:
        """Close all files, as the end of the process does."""
        while self.open_files:
            os.close(self.open_files.popitem()[0])

    def open(self, path: str, flags: int, mode: int = 0o777) -> int:
        """Open a file; a new one is as old as the simulated time says."""
        self._seam("record open")
        self._world.faults.fail("record open")
        descriptor = os.open(path, flags, mode)
        self.open_files[descriptor] = path
        if flags & os.O_CREAT:
            now = self._world.wall()
            os.utime(descriptor, (now, now))
            self._world.changed(Path(path))
            self._seam("was created")
        return descriptor

    def write(self, descriptor: int, data: bytes) -> int:
        """Write all, or a part; the process may die before the rest is written."""
        self._seam("record write")
        faults, half = self._world.faults, data[: self._world.chance.randrange(len(data))]
        if faults.hit("dies in a record"):
            os.write(descriptor, half)
            raise Killed
        if faults.hit("short record"):
            data = half
        elif self._world.chance.random() < 0.5:
            faults.fail("record write")  # nothing was written
        written = os.write(descriptor, data)
        self._world.changed(Path(self.open_files.get(descriptor, "")))
        self._seam("was recorded")
        return written

    def ftruncate(self, descriptor: int, size: int) -> None:
        """Cut a file."""
        self._seam("record truncate")
        self._world.faults.fail("record truncate")
        os.ftruncate(descriptor, size)

    def fdatasync(self, descriptor: int) -> None:
        """Do nothing: power is never lost here."""
        self._seam("record sync")
        self._world.faults.fail("record sync")

    fsync = fdatasync

    def fstat(self, descriptor: int) -> os.stat_result:
        """Return a file's status."""
        self._seam("record status")
        return os.fstat(descriptor)

    def lock(self, descriptor: int) -> bool:
        """Take the lock."""
        self._seam("record lock")
        return System.lock(descriptor)

    def unlink(self, path: str) -> None:
        """Remove a file."""
        self._seam("record unlink")
        os.unlink(path)  # noqa: PTH108 -- the seam's own shape
        self._world.changed(Path(path))

    def dup(self, descriptor: int) -> int:
        """Open a file a second time."""
        made = os.dup(descriptor)
        self.open_files[made] = self.open_files[descriptor]
        return made

    def close(self, descriptor: int) -> None:
        """Close a file."""
        self._seam("record close")
        self.open_files.pop(descriptor, None)
        os.close(descriptor)

    def getpid(self) -> int:
        """Return a number that no other process of this history has."""
        return self._pid

    def urandom(self, size: int) -> bytes:
        """Return what chance gives."""
        return self._world.chance.randbytes(size)

    def new_id(self) -> str:
        """Return what chance gives."""
        return str(UUID(int=self._world.chance.getrandbits(128)))

    def wall(self) -> float:
        """Return the simulated time."""
        return self._world.wall()

    def monotonic(self) -> float:
        """Return the simulated time."""
        return self._world.now

    def _seam(self, name: str) -> None:
        self._world.seam(name)
        if self._world.faults.hit("writer dies"):
            raise Killed
