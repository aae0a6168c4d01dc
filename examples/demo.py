"""The whole path in one minute: record, crash, restart, deliver, replay, look; with a stand-in for Observatory.

python examples/demo.py
"""

import atexit
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
TCC_UPLOAD = str(Path(sys.executable).with_name("tcc-upload"))


def say(text: str) -> None:
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n== {text}", flush=True)


def started(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    """Start `tcc-upload` beside us; it ends with us, whatever happens."""
    process = subprocess.Popen([TCC_UPLOAD, *arguments], text=True, **options)
    atexit.register(process.kill)
    return process


def wait_until(condition: Callable[[], object], what: str, seconds: int = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"waited {seconds} s in vain for {what}")
        time.sleep(0.05)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="tcc-demo-") as folder:
        spool = Path(folder, "spool")
        environment = os.environ | {
            "TCC_SPOOL_DIR": str(spool),
            "TCC_STATE_DIR": f"{folder}/state",
            "TCC_API_KEY": "demo-key",
        }
        say("1. An agent records runs. Nothing listens anywhere: no network is needed.")
        subprocess.run([sys.executable, str(HERE / "record.py")], env=environment, check=True)
        print(*(f"   {file.name}, {file.stat().st_size} bytes" for file in spool.iterdir()), sep="\n")

        say("2. A stand-in for Observatory, and the daemon. It delivers what it finds, and removes it at once.")
        sandbox = started("sandbox", stdout=subprocess.PIPE)
        assert sandbox.stdout is not None
        url = environment["TCC_BASE_URL"] = sandbox.stdout.readline().strip()
        daemon = started("daemon", "--after", "delete", env=environment)
        wait_until(lambda: not list(spool.iterdir()), "an empty spool")

        say("3. The daemon is killed, the agent goes on, a new daemon takes over. Nothing is lost or sent twice.")
        daemon.kill()
        daemon.wait()
        subprocess.run([sys.executable, str(HERE / "record.py")], env=environment, check=True)
        daemon = started("daemon", "--after", "delete", env=environment)
        wait_until(lambda: not list(spool.iterdir()), "an empty spool")
        subprocess.run([TCC_UPLOAD, "status"], env=environment, check=True)
        daemon.terminate()
        if daemon.wait() != 0:
            sys.exit("the daemon did not stop cleanly")

        say("4. A spool from elsewhere: sample_traces holds damage, a duplicate, a conflict, and more.")
        replay = subprocess.run(
            [TCC_UPLOAD, "replay", str(HERE.parent / "sample_traces"), "--json"],
            env=environment,
            stdout=subprocess.PIPE,
            check=False,
        )
        result = json.loads(replay.stdout)
        print(*(f"   {result[fate]} {fate}" for fate in ("delivered", "duplicate", "dead", "pending")), sep="\n")

        say("5. What arrived:")
        with urllib.request.urlopen(url) as answer:
            received = answer.read().decode().splitlines()
        kinds = Counter(line.split()[2] for line in received if " x " in line)
        print(*(f"   {number:3} x {kind}" for kind, number in kinds.most_common()), f"   {received[-1]}", sep="\n")
        sandbox.terminate()
        sandbox.communicate()
        if sandbox.returncode != 0 or replay.returncode != 77:
            sys.exit("the demo did not end as it should")
        say("6. Runs are seen without a server, too: the newest one that failed, of a story in sample_traces.")
        story = str(HERE.parent / "sample_traces" / "book_shop.jsonl")
        subprocess.run([TCC_UPLOAD, "show", "last-error", story], env=environment, check=True)
        report = Path(tempfile.gettempdir(), "tcc-demo-report.html")  # it stays, to be opened
        subprocess.run([TCC_UPLOAD, "report", story, "-o", report], env=environment, check=True)
    say("Done. Replay ended with 77: a record waits that only a newer version can send, on purpose.")
    print(
        f"""
Next:
   open {report} in a browser
   tcc-upload runs {story}
   python examples/record.py; tcc-upload runs
   docs/start.md, docs/record.md, docs/gateway.md"""
    )


if __name__ == "__main__":
    main()
