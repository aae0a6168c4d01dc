"""docs/objects.md: every command in it is run, in its order."""

import re
import shutil
import subprocess
from pathlib import Path

from support.buckets import KEY, SECRET, Bucket
from support.faults import FaultServer, SegmentFile
from support.shell import COMMAND, Shell

PAGE = (Path(__file__).parents[3] / "docs" / "objects.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
BASH = shutil.which("bash") or "bash"


def test_every_command_of_the_page_works(shell: Shell, bucket: Bucket, server: FaultServer, tmp_path: Path) -> None:
    """What is bundled is listed, reported, delivered, and adds up."""
    for number in range(3):
        SegmentFile().run(f"r{number}").seal().write(shell.spool)
    program = "".join(BLOCKS).replace("s3://fleet/", bucket.url)
    environment = shell.environment | {
        "PATH": f"{COMMAND.parent}:{shell.environment['PATH']}",
        "STORE": bucket.environment()["AWS_ENDPOINT_URL"],
        "STORE_KEY": KEY,
        "STORE_SECRET": SECRET,
    }
    done = subprocess.run(
        [BASH, "-e", "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert sorted(ident for request in server.ids for ident in request) == ["r0", "r1", "r2"]
    assert list(shell.spool.iterdir()) == []
    assert (tmp_path / "plant-7.html").exists()
    assert "it adds up" in done.stdout
    assert len(BLOCKS) == 3
