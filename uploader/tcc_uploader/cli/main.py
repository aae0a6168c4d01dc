"""The ``tcc-upload`` command."""

import logging
import os

import click

from .bundle import bundle
from .daemon import daemon
from .dead import dead
from .doctor import doctor
from .replay import replay
from .sandbox import sandbox
from .status import status
from .verify import verify


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tcc-offline", prog_name="tcc-upload")
def cli() -> None:
    """Deliver recorded agent runs to Observatory, each once.

    Keys come from TCC_API_KEY, TCC_API_KEYS or --api-key-file.
    """


for command in (daemon, replay, bundle, status, verify, dead, doctor, sandbox):
    cli.add_command(command)


def main() -> None:
    """Run the command."""
    debug = os.environ.get("TCC_DEBUG", "").lower() in ("1", "true")
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    logging.getLogger("tcc_uploader").setLevel(logging.DEBUG if debug else logging.INFO)
    cli()
