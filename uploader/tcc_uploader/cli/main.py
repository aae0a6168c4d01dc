"""The ``tcc-upload`` command."""

import logging
import os

import click

from .bundle import bundle_command
from .daemon import daemon_command
from .dead import dead_command
from .doctor import doctor_command
from .replay import replay_command
from .sandbox import sandbox_command
from .status import status_command
from .verify import verify_command


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tcc-offline", prog_name="tcc-upload")
def tcc_upload() -> None:
    """Deliver recorded agent runs to Observatory, each once.

    Keys come from TCC_API_KEY, TCC_API_KEYS or --api-key-file.
    """


for command in (
    daemon_command,
    replay_command,
    bundle_command,
    status_command,
    verify_command,
    dead_command,
    doctor_command,
    sandbox_command,
):
    tcc_upload.add_command(command)


def run() -> None:
    """Run the command: what the ``tcc-upload`` script calls."""
    debug = os.environ.get("TCC_DEBUG", "").lower() in ("1", "true")
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    logging.getLogger("tcc_uploader").setLevel(logging.DEBUG if debug else logging.INFO)
    tcc_upload()
