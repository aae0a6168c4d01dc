"""A daemonizer closes every descriptor and forks away, in the middle of recording."""

from pathlib import Path

from support.faults import FaultServer
from support.worlds import wait_until
from torture.stations import Station

# as PEP 3143 has it: fork, setsid, fork, close everything, /dev/null for the first three; other files take our numbers
DAEMONIZED = """
import os, sys, threading
import tcc_recorder as tcc

tcc.configure(durability=sys.argv[1])
tcc.run("before").prompt("p").end()
open_run = tcc.run("open").prompt("p")
if os.fork():
    os._exit(0)
os.setsid()
if os.fork():
    os._exit(0)
os.closerange(0, 256)
for _ in range(3):
    os.open(os.devnull, os.O_RDWR)
tcc.run("after").prompt("p").end()
files = [os.open(sys.argv[2], os.O_RDWR | os.O_CREAT, 0o600)]
os.closerange(3, 256)
files = [os.open(sys.argv[2], os.O_RDWR | os.O_CREAT, 0o600) for _ in range(16)]
threads = [threading.Thread(target=lambda n=n: tcc.run(f"thread-{n}").prompt("p").end()) for n in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
tcc.flush()
tcc.run("last").prompt("p").end()
"""
RUNS = {"before", "after", "last", *(f"thread-{number}" for number in range(4))}


def test_a_daemonizer_costs_no_record_and_no_byte_of_anybody_s_file(tmp_path: Path, server: FaultServer) -> None:
    """Every descriptor is closed, twice, and its number given away: each record arrives, the other file stays empty."""
    for durability in ("process", "power"):
        folder = tmp_path / durability
        folder.mkdir()
        station = Station(folder, server)
        victim = folder / "victim"
        with station.daemon():
            station.run(DAEMONIZED, durability, str(victim))
            wait_until(lambda station=station: station.received >= RUNS, "every run")
            wait_until(lambda station=station: not list(station.spool.iterdir()), "an empty spool")
        assert victim.read_bytes() == b""
        assert all(server.ids.count([name]) == 1 for name in RUNS)
        assert station.upload("verify").returncode == 0
        server.clear()
