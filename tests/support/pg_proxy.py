"""A proxy before PostgreSQL's socket that cuts a connection before or after a commit of the ledger.

A commit that was cut *before* it did not happen; after it, it did, and its client can't know.
"""

import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Literal

NAME = ".s.PGSQL.5432"


class Proxy:
    """What the proxy does; ``folder`` has its socket."""

    def __init__(self, folder: Path, server: Path) -> None:
        self.folder = folder
        self.cut: Literal["before", "after"] | None = None
        """Where to cut the next commit of a ledger; it is None again when that was done."""
        self.cuts = 0
        self._server = server

    def serve(self, near: socket.socket) -> None:
        """Pass on what one client and the server say, until one of them ends."""
        with suppress(OSError), near, socket.socket(socket.AF_UNIX) as far:
            far.connect(str(self._server / NAME))
            answered, mute = threading.Event(), threading.Event()

            def copy_back() -> None:
                with suppress(OSError):  # a server that crashes may reset the connection
                    while (data := far.recv(1 << 16)) and not mute.is_set():
                        near.sendall(data)
                answered.set()
                with suppress(OSError):
                    near.shutdown(socket.SHUT_RDWR)

            back = threading.Thread(target=copy_back, daemon=True)
            back.start()
            self._copy(near, far, answered, mute)
            for end in (near, far):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            back.join()

    def _copy(self, near: socket.socket, far: socket.socket, answered: threading.Event, mute: threading.Event) -> None:
        said = b""
        while data := near.recv(1 << 16):
            said = said[-100:] + data
            cut = self.cut if b"SET committed" in said else None  # the last statement of a commit's only message
            if cut is not None:
                self.cut, self.cuts = None, self.cuts + 1
            if cut == "before":
                return
            if cut == "after":
                mute.set()
            far.sendall(data)
            while cut == "after" and not answered.wait(0.01):  # the message's end may come in another piece
                with suppress(BlockingIOError):
                    far.sendall(near.recv(1 << 16, socket.MSG_DONTWAIT))
            if cut == "after":
                return


@contextmanager
def running(server: Path) -> Iterator[Proxy]:
    """Run a proxy before the socket in the folder ``server``."""
    with tempfile.TemporaryDirectory(prefix="tcc-px-") as folder, closing(socket.socket(socket.AF_UNIX)) as listener:
        proxy = Proxy(Path(folder), server)
        listener.bind(str(Path(folder, NAME)))
        listener.listen()

        def accept() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=proxy.serve, args=(listener.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield proxy
        listener.shutdown(socket.SHUT_RDWR)
