"""``tcc-upload doctor``: try everything that delivery needs."""

import sys
from typing import Any

import click

from tcc_uploader.inspect.doctor import diagnose

from . import text
from .exit_codes import Exit
from .options import AS_JSON, SENDING_OPTIONS, SPOOLS, settings_from, with_options
from .session import reading


@click.command("doctor")
@with_options(SPOOLS, *SENDING_OPTIONS)
@AS_JSON
def doctor_command(*, as_json: bool, **options: Any) -> None:
    """Try everything that delivery stands on: folders, locks, events, keys, name, TLS, proxy, clock.

    Works offline.  Exit codes: 0 nothing is wrong; 77 something needs you.
    """
    settings = settings_from({**options, "after": None})
    failed = False
    with reading(settings) as ledger:
        findings = []
        for finding in diagnose(settings, ledger):
            failed |= finding.level == "fail"
            findings.append(finding._asdict())
            if not as_json:
                click.echo("\n".join(text.finding_lines(finding)))
    if as_json:
        click.echo(text.json_text(findings))
    sys.exit(Exit.OPERATOR_NEEDED if failed else Exit.DELIVERED)
