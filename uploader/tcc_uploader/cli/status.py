"""``tcc-upload status``: how many records are pending and delivered, and the state of each destination."""

from typing import Any

import click

from tcc_uploader.inspect.status import status_report

from . import text
from .options import AS_JSON, SPOOLS, STATE_OPTIONS, settings_from, with_options
from .session import reading


@click.command("status")
@with_options(SPOOLS, *STATE_OPTIONS, AS_JSON)
def status_command(*, as_json: bool, **options: Any) -> None:
    """Show how many records are pending and delivered, and the state of each destination."""
    settings = settings_from(options)
    with reading(settings) as ledger:
        report = status_report(settings.spools, settings.state_dir, ledger)
    click.echo(text.json_text(report) if as_json else text.status_text(report))
