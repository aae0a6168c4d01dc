"""Deliver over real links: ``make links`` (as root) runs ``replay`` and ``sandbox`` in two network namespaces.

The link is a pair of veth devices with ``tc netem``.  Where the kernel has no netem, that is said, and a program that
does the same to the packets stands in (:mod:`emulator`).  The result is written to docs/links.md.
"""

import argparse
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(Path(__file__).parent)]

from emulator import carry, open_tun  # noqa: E402 -- this is a script

from support import children  # noqa: E402
from support.faults import SegmentFile  # noqa: E402

PAGE = ROOT / "docs" / "links.md"
COMMAND = Path(sys.executable).with_name("tcc-upload")
PREFIX = f"tcc{os.getpid()}"
NEAR, FAR = f"{PREFIX}near", f"{PREFIX}far"
HERE, THERE, PORT, BARE_PORT = "10.213.7.1", "10.213.7.2", 8080, 8081
MOST = 1.3
"""How much longer than bytes ÷ rate a delivery may take; or than a bare socket, where that needs longer itself."""
HEADER = """# Slow links

Written by `make links` (as root; Debian: `iproute2`) on {when}, Linux {kernel}, TCP {control}. The link: {by}.

`tcc-upload replay` in one network namespace delivers to `tcc-upload sandbox` in another, with its usual settings.
Bytes are those of the records' texts. *Seconds* is the time that the command took, from its start to its end. *Bare* is
what a bare socket took for the same number of bytes just before: it pays for packet headers, lost packets and
TCP's slow start, too. A delivery may take 1.3 times as long as the longer of bytes ÷ rate and a bare socket; with
`--limit-rate` 0.9 to 1.1 times bytes ÷ rate.

| link | records | bytes | rate, bytes/s | seconds | ÷ (bytes ÷ rate) | bare | ÷ bare | stored once | as promised |
|---|---|---|---|---|---|---|---|---|---|
"""


class Link(NamedTuple):
    """A link and what is sent over it.  ``rate`` in bits per second, ``delay`` in seconds there and back."""

    name: str
    rate: float
    delay: float
    loss: float
    records: int
    size: int
    limit: int | None = None
    """``--limit-rate``, in bytes per second."""

    @property
    def bytes_per_second(self) -> float:
        """What bounds the delivery."""
        return self.limit or self.rate / 8


LINKS = (
    Link("64 kbit/s, 600 ms, 5 % loss", 64e3, 0.6, 0.05, 40, 14_000),
    Link("64 kbit/s, 600 ms, 5 % loss, one 300 kB record", 64e3, 0.6, 0.05, 1, 300_000),
    Link("10 Mbit/s, 600 ms, one 16 MiB record", 10e6, 0.6, 0.0, 1, 16 << 20),
    Link("100 Mbit/s, 20 ms, `--limit-rate 64k`", 100e6, 0.02, 0.0, 80, 50_000, limit=64 * 1024),
)


def main() -> None:
    """Measure every link, print and write the result; exit with 1 if one is not as promised."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", type=int, action="append", help="the number of a link; nothing is written then")
    only = parser.parse_args().only
    if os.geteuid() != 0 or shutil.which("ip") is None or shutil.which("tc") is None:
        sys.exit("make links needs root, ip and tc (Debian: iproute2)")
    netem = has_netem()
    by = "veth and `tc netem`" if netem else "a program between two TUN devices, because this kernel has no netem"
    print(f"the link: {by}", flush=True)
    rows, good = [], True
    for number, link in enumerate(LINKS):
        if only and number not in only:
            continue
        row, kept = measured(link, netem=netem)
        print(row, flush=True)
        rows.append(row)
        good &= kept
    if not only:
        control = Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text().strip()
        when = f"{datetime.now(UTC):%Y-%m-%d}"
        head = HEADER.format(when=when, kernel=os.uname().release, control=control, by=by)
        PAGE.write_text(head + "\n".join(rows) + "\n")
    sys.exit(0 if good else "a link is not as promised")


def has_netem() -> bool:
    """Whether this kernel has netem; it is tried in a namespace of its own."""
    ip("netns", "add", NEAR)
    try:
        ip("link", "set", "lo", "up", inside=NEAR)
        done = subprocess.run(
            ["ip", "netns", "exec", NEAR, "tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms"],
            capture_output=True,
            text=True,
            check=False,
        )
        print(f"tc qdisc add … netem: {done.stderr.strip() or 'works'}")
        return done.returncode == 0
    finally:
        ip("netns", "del", NEAR)


def measured(link: Link, *, netem: bool) -> tuple[str, bool]:
    """Deliver once; return a row of the table, and whether it is as promised."""
    size = link.records * link.size
    with tempfile.TemporaryDirectory() as name, connected(link, netem=netem):
        folder = Path(name)
        file = SegmentFile()
        for number in range(link.records):
            file.run(f"r{number}", response=os.urandom(link.size // 2).hex())
        file.seal().write(folder / "spool")
        with sandbox(folder / "receipts"):
            bare = bare_seconds(size)
            began = time.monotonic()
            done = replay(folder, link)
            seconds = time.monotonic() - began
        stored = receipts(folder / "receipts")
    ideal = size / link.bytes_per_second
    once = stored == [1] * link.records
    low, high = (0.9 * ideal, 1.1 * ideal) if link.limit else (0.0, MOST * max(ideal, bare))
    kept = once and done.returncode == 0 and low <= seconds <= high
    row = (
        f"| {link.name} | {link.records} | {size:,} | {link.bytes_per_second:,.0f} | {seconds:.1f} | "
        f"{seconds / ideal:.2f} | {bare:.1f} | {seconds / bare:.2f} | "
        f"{'each' if once else f'no: {sorted(stored)}'} | {'yes' if kept else 'no'} |"
    )
    if done.returncode:
        print(done.stdout, done.stderr)
    return row, kept


def bare_seconds(size: int) -> float:
    """Return how long a bare socket needs for so many bytes and an answer."""
    command = ["ip", "netns", "exec", NEAR, sys.executable, __file__, "bare", str(size)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def run_bare(size: int) -> None:
    """Send so many bytes from the near end; print how long it took."""
    began = time.monotonic()
    with socket.create_connection((THERE, BARE_PORT)) as connection:
        connection.sendall(bytes(size))
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1)
    print(time.monotonic() - began)


def replay(folder: Path, link: Link) -> "subprocess.CompletedProcess[str]":
    """Run ``tcc-upload replay`` at the near end, to its end."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "TCC_API_KEY": "key-of-a-link",
        "TCC_STATE_DIR": str(folder / "state"),
        "TCC_BASE_URL": f"http://{THERE}:{PORT}",
        "TCC_ALLOW_UNSAFE_BASE_URL": "1",
    }
    limit = ("--limit-rate", str(link.limit)) if link.limit else ()
    command = ["ip", "netns", "exec", NEAR, COMMAND, "replay", folder / "spool", *limit]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@contextmanager
def sandbox(database: Path) -> Iterator[None]:
    """Run ``tcc-upload sandbox`` at the far end, where a process passes on to it: it listens on loopback alone."""
    inside = ("ip", "netns", "exec", FAR)
    server = children.start(
        [*inside, COMMAND, "sandbox", "--port", str(PORT), "--db", database], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    server.stdout.readline()
    relay = children.start([*inside, sys.executable, __file__, "relay"], stdout=subprocess.PIPE, text=True)
    assert relay.stdout is not None
    relay.stdout.readline()
    try:
        yield
    finally:
        for process in (relay, server):
            children.kill(process)


def run_relay() -> None:
    """At the far end: pass on connections to its loopback address; at another port, take what a bare socket sends."""

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def sink() -> None:
        while True:
            with bare.accept()[0] as near:
                while near.recv(65_536):
                    pass

    with socket.create_server((THERE, BARE_PORT)) as bare, socket.create_server((THERE, PORT), backlog=256) as listener:
        threading.Thread(target=sink, daemon=True).start()
        print("ready", flush=True)
        while True:
            near = listener.accept()[0]
            far = socket.create_connection(("127.0.0.1", PORT))
            for ends in ((near, far), (far, near)):
                threading.Thread(target=pump, args=ends, daemon=True).start()


def receipts(database: Path) -> list[int]:
    """Return how often each run was received."""
    with sqlite3.connect(database) as opened:
        rows = opened.execute("SELECT count(*) FROM receipts WHERE kind = 'run' GROUP BY id").fetchall()
    opened.close()
    return [times for (times,) in rows]


@contextmanager
def connected(link: Link, *, netem: bool) -> Iterator[None]:
    """Make the two namespaces and the link between them; remove them at the end."""
    ends = {NEAR: (f"{PREFIX}a", HERE), FAR: (f"{PREFIX}b", THERE)}
    tuns: list[int] = []
    carrier = None
    for namespace in ends:
        ip("netns", "add", namespace)
    try:
        if netem:
            ip("link", "add", ends[NEAR][0], "type", "veth", "peer", "name", ends[FAR][0])
        else:
            tuns = [open_tun(device) for device, _ in ends.values()]
        for namespace, (device, address) in ends.items():
            ip("link", "set", device, "netns", namespace)
            ip("addr", "add", address, "peer", THERE if address == HERE else HERE, "dev", device, inside=namespace)
            ip("link", "set", "lo", "up", inside=namespace)
            ip("link", "set", device, "up", inside=namespace)
            if netem:
                shape = ["delay", f"{link.delay * 500:g}ms", "rate", f"{link.rate:.0f}bit", "loss", f"{link.loss:.0%}"]
                command = ["tc", "qdisc", "add", "dev", device, "root", "netem", *shape]
                subprocess.run(["ip", "netns", "exec", namespace, *command], check=True)
        if tuns:
            carrier = get_context("fork").Process(target=carry, args=(*tuns, link.rate, link.delay, link.loss))
            carrier.start()
        yield
    finally:
        if carrier is not None:
            carrier.kill()
            carrier.join()
        for tun in tuns:
            os.close(tun)
        for namespace in ends:
            ip("netns", "del", namespace)


def ip(*arguments: str, inside: str | None = None) -> None:
    """Run ``ip``, in a network namespace."""
    subprocess.run(["ip", *(("-n", inside) if inside else ()), *arguments], check=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["relay"]:
        run_relay()
    elif sys.argv[1:2] == ["bare"]:
        run_bare(int(sys.argv[2]))
    else:
        main()
