"""Make the samples of the official packages again: ``python sample_traces/official/make.py [NAME …]``.

Each is what a gateway recorded while a program that uses the package ran.  What can't be installed here is named, and
its sample stays as it is.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from environments import NPM, PYTHON, UNAVAILABLE

HERE: Final = Path(__file__).parent
REQUESTS: Final = HERE.parents[1] / "tests" / "official_requests"
SENT_BEFORE: Final = {
    "js_claude": ("jsall-ok2.json", "/v1/claude"),
    "js_langchain": ("jsall-ok2.json", "/v1/custom"),
    "js_mastra": ("jsmastra-ok.json", "/v1/mastra"),
    "js_openclaw": ("jsall-ok2.json", "/v1/openclaw"),
    "js_pi": ("jsall-ok2.json", "/v1/pi"),
}
"""Of packages that can't be installed: a file of requests, and the path to which the package posts."""
# the samples are nobody's in particular
RECORD: Final = """
import tcc_recorder.spool.segment as segment
from tcc_recorder.gateway.main import start
segment._host, segment._boot_id = lambda: "sample-host", lambda: "sample-boot"
start()
"""


def main(*names: str) -> None:
    """Run each program, and keep what was recorded."""
    for name in names or [*PYTHON, *(f"js_{name}" for name in NPM), *SENT_BEFORE]:
        if name in SENT_BEFORE:
            file, path = SENT_BEFORE[name]
            keep(name, [sys.executable, str(HERE / "post_request.py"), str(REQUESTS / file), path], {})
            continue
        command = [sys.executable, HERE / "environments.py", name.removeprefix("js_")]
        installed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if installed.returncode != UNAVAILABLE:
            installed.check_returncode()
            runs = json.loads(installed.stdout)
            keep(name, runs["command"], runs["environment"])


def keep(name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
    """Run a program under a gateway, and keep the segment."""
    with tempfile.TemporaryDirectory() as folder:
        spool = Path(folder, "spool")
        surroundings = {"PATH": os.environ["PATH"], "HOME": folder, "TCC_SPOOL_DIR": str(spool), **environment}
        recorder = [sys.executable, "-c", RECORD, "run", "--", *command]
        subprocess.run(recorder, env=surroundings, check=True, stdout=subprocess.DEVNULL)
        [segment] = spool.iterdir()
        (HERE.parent / f"official_{name}.jsonl").write_bytes(segment.read_bytes())


if __name__ == "__main__":
    main(*sys.argv[1:])
