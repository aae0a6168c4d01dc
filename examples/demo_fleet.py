"""A fleet in one minute: three machines bundle into a bucket; two workers with one ledger drain it, and one is killed.

make demo-fleet
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "tests"))  # database and store are those that the tests start
from demo import TCC_UPLOAD, say, wait_until

from support import buckets, postgres

PLACE = f"s3://{buckets.BUCKET}/plant/"
EDGES, BUNDLES, RUNS = 3, 9, 60
TOTAL = EDGES * BUNDLES * RUNS
RATE = "120k"
"""Bytes per second and worker: so slow that there is a middle in which one can be killed."""
RECORD = f"""
import tcc_recorder as tcc
for number in range({RUNS}):
    run = tcc.run(session_id="line-3")
    run.prompt(f"Is part {{number}} sound?").response("It is.").end()
"""
HELD = "SELECT count(*) FROM tcc.object JOIN tcc.worker ON fence = holder WHERE name LIKE '%:{}'"
END_LEASE = "UPDATE tcc.worker SET until = statement_timestamp() WHERE name LIKE '%:{}' RETURNING fence"
Environment = dict[str, str]


def started(closing: ExitStack, *arguments: str, **options: Any) -> subprocess.Popen[str]:
    """Start `tcc-upload` beside us; it ends with us, whatever happens."""
    process = subprocess.Popen([TCC_UPLOAD, *arguments], text=True, **options)
    closing.callback(process.wait)
    closing.callback(process.kill)
    return process


def bundle(edge: str, folder: str, store: Environment) -> None:
    """Do what agents and cron do on a machine that sees the store alone: it has no key, no ledger, no server."""
    environment = {"PATH": os.environ["PATH"], "HOME": folder, "TCC_SPOOL_DIR": f"{folder}/{edge}", **store}
    for number in range(BUNDLES):
        subprocess.run([sys.executable, "-c", RECORD], env=environment, check=True)
        command = [TCC_UPLOAD, "bundle", "-o", f"{PLACE}{edge}-{number}-{{time}}.tar.gz", "--remove"]
        subprocess.run(command, env=environment, check=True, capture_output=True)


def received(url: str) -> tuple[int, int]:
    """Return how many different runs the stand-in has received, and how many of them more than once."""
    with urllib.request.urlopen(url) as answer:
        found = re.search(r"(\d+) different items received, (\d+) of them more", answer.read().decode())
    assert found is not None
    return int(found[1]), int(found[2])


def main() -> None:
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))  # so that what was started is ended
    with ExitStack() as closing:
        folder = closing.enter_context(tempfile.TemporaryDirectory(prefix="tcc-demo-fleet-"))
        say("1. PostgreSQL for the ledger, SeaweedFS for the bucket, and a stand-in for Observatory.")
        database = closing.enter_context(postgres.running())
        Path(folder, "store").mkdir()
        store = closing.enter_context(buckets.serving(Path(folder, "store"))).environment()
        sandbox = started(closing, "sandbox", stdout=subprocess.PIPE)
        assert sandbox.stdout is not None
        url = sandbox.stdout.readline().strip()
        worker = {"PATH": os.environ["PATH"], "HOME": folder, "TCC_BASE_URL": url, "TCC_API_KEY": "demo-key", **store}
        worker["TCC_LEDGER"] = database.url()
        subprocess.run([TCC_UPLOAD, "ledger", "init"], env=worker, check=True)

        say(f"2. {EDGES} edge hosts record {RUNS} runs {BUNDLES} times, and bundle them into {PLACE}")
        with ThreadPoolExecutor(EDGES) as pool:
            list(pool.map(lambda edge: bundle(f"edge-{edge}", folder, store), range(EDGES)))

        def start(name: str) -> subprocess.Popen[str]:
            options = "--spool", PLACE, "--after", "keep", "--limit-rate", RATE
            with Path(folder, f"{name}.log").open("a") as log:
                return started(
                    closing, "daemon", *options, env=worker | {"TCC_STATE_DIR": f"{folder}/{name}"}, stderr=log
                )

        def ask(query: str, process: subprocess.Popen[str] | None = None) -> Any:
            return database.run(query.format(process and process.pid))[0][0]

        def held(process: subprocess.Popen[str]) -> int:
            return int(ask(HELD, process))

        say("3. Two workers drain it.  Each takes objects that the other one has not.")
        workers = {start(name): name for name in ("one", "two")}
        wait_until(lambda: received(url)[0] > TOTAL // 4, "a quarter of the runs", 40)
        subprocess.run([TCC_UPLOAD, "ledger", "status"], env=worker, check=True)

        say("4. One is killed in the middle, and started again.  What it had in hand is free when its lease has ended.")
        killed = max(workers, key=held)
        killed.kill()
        killed.wait()
        print(f"   it had {held(killed)} objects in hand; they would wait for a minute, which the database skips here")
        ask(END_LEASE, killed)
        name = workers.pop(killed)
        workers[start(name)] = name
        wait_until(lambda: ask("SELECT bool_and(finished) FROM tcc.object"), "the end of all objects", 40)
        for process in workers:
            process.terminate()
            if process.wait() != 0:
                sys.exit("a worker did not stop cleanly")

        say("5. Does it add up?  First counted again from the bucket and the ledger, then at the server:")
        verified = subprocess.run([TCC_UPLOAD, "verify", PLACE], env=worker, check=False)
        different, repeated = received(url)
        delivered, dead = ask("SELECT sum(delivered) FROM tcc.segment"), ask("SELECT sum(dead) FROM tcc.segment")
        print(f"\n   recorded {TOTAL} = delivered {delivered} + dead {dead} + pending {TOTAL - delivered - dead}")
        print(f"   received {different} different runs, {repeated} of them twice: those under way at the kill")
        if verified.returncode or not delivered == different == TOTAL:
            sys.exit("it does not add up")
    say("Done.  docs/fleet.md sets this up on real machines.")


if __name__ == "__main__":
    main()
