"""Runs a program under ``tcc-record run``, and takes what was recorded the whole way to a server."""

import os
import sys
from pathlib import Path
from subprocess import CompletedProcess

from support.recorded import run_program
from support.tee import Post, posts
from support.worlds import TCC_UPLOAD, World

TCC_RECORD = Path(sys.executable).with_name("tcc-record")
TEE = (sys.executable, str(Path(__file__).with_name("tee.py")))


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Return the environment of an agent's machine: a spool and a home in ``folder``, and no key."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "TCC_SPOOL_DIR": str(folder / "spool"),
        "TCC_CI": "0",
        **more,
    }


def run_recorded(folder: Path, *command: str | Path, **more: str) -> CompletedProcess[str]:
    """Run a program under a gateway; return its exit code and what was printed."""
    return run_program(TCC_RECORD, "run", "--", *command, env=environment(folder, **more), cwd=folder)


def record(folder: Path, *command: str | Path, **more: str) -> tuple[CompletedProcess[str], list[Post]]:
    """Run a program that must succeed; return what was printed, too, and what the gateway took from its SDK."""
    sent = folder / "sent"
    done = run_recorded(folder, *TEE, sent, *command, **more)
    assert done.returncode == 0, done.stderr
    return done, posts(sent)


def carried(folder: Path, world: World) -> list[Post]:
    """Pack the spool into a bundle, replay it where nothing else is, and return what reached the server."""
    bundle, arrived = folder / "bundle.tar.gz", folder / "arrived"
    packed = run_program(TCC_UPLOAD, "bundle", "-o", bundle, env=environment(folder))
    assert packed.returncode == 0, packed.stderr
    elsewhere = world.environment | {"TCC_SPOOL_DIR": str(world.folder / "empty")}
    replayed = run_program(*TEE, arrived, TCC_UPLOAD, "replay", bundle, env=elsewhere)
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr
    return posts(arrived)
