"""The ``tcc-upload`` command."""

import logging
import os
import sys

import click

from tcc_uploader.sinks import ShownFormatter

from . import bundle, daemon, dead, doctor, drop, export, replay, report, runs, sandbox, show, status, tail, verify
from .terminal import note, show_usage


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    commands=[
        daemon.daemon_command,
        replay.replay_command,
        bundle.bundle_command,
        runs.runs_command,
        report.report_command,
        show.show_command,
        tail.tail_command,
        export.export_command,
        status.status_command,
        verify.verify_command,
        dead.dead_command,
        drop.drop_command,
        doctor.doctor_command,
        sandbox.sandbox_command,
    ],
)
@click.version_option(package_name="tcc-offline", prog_name="tcc-upload")
def tcc_upload() -> None:
    """Deliver recorded agent runs to Observatory, each once.

    Keys come from TCC_API_KEY, TCC_API_KEYS or --api-key-file.
    """


def run() -> None:
    """Run the command: what the ``tcc-upload`` script calls."""
    debug = os.environ.get("TCC_DEBUG", "").lower() in ("1", "true")
    handler = logging.StreamHandler()
    handler.setFormatter(ShownFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.getLogger("tcc_uploader").setLevel(logging.DEBUG if debug else logging.INFO)
    try:
        sys.exit(tcc_upload.main(standalone_mode=False))
    except click.ClickException as error:
        show_usage(error)
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        note("aborted")
        sys.exit(1)
