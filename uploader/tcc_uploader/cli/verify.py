"""``tcc-upload verify``: check that the counts of all records add up."""

import sys
from pathlib import Path
from typing import Any

import click

from tcc_uploader.inspect.verify import verify_spools
from tcc_uploader.sources.given import Sources, sources_of

from . import text
from .exit_codes import exit_of_verify
from .options import AS_JSON, PATHS, SPOOLS, STATE_OPTIONS, settings_from, with_options
from .session import reading


@click.command("verify")
@with_options(PATHS, SPOOLS, *STATE_OPTIONS, AS_JSON)
def verify_command(*, paths: tuple[Path, ...], as_json: bool, **options: Any) -> None:
    """Check that records = delivered + pending + dead + duplicate + dropped, from the files and the ledger alone.

    Checks every CRC and seal of the spools, or of the paths given, and names what is torn, corrupt, cut short or
    missing.  Exit codes: 0 it adds up; 65 it does, beside damage; 70 it does not; 75 a newer version is needed.
    """
    settings = settings_from(options)
    sources = sources_of(paths) if paths else Sources(list(settings.spools))
    with reading(settings) as ledger:
        report = verify_spools(sources, ledger, whole=not paths)
    click.echo(text.json_text(report) if as_json else text.verification_text(report))
    sys.exit(exit_of_verify(report))
