"""``tcc-upload doctor``: try everything that a delivery needs."""

import sys
from typing import Any

import click

from tcc_uploader.inspect.doctor import diagnose

from .exit_codes import Exit
from .options import AS_JSON, SENDING_OPTIONS, SPOOLS, settings_from, with_options
from .session import reading
from .terminal import say, say_json


@click.command("doctor")
@with_options(SPOOLS, *SENDING_OPTIONS, AS_JSON)
def doctor_command(*, as_json: bool, **options: Any) -> None:
    """Try everything that a delivery needs: folders, locks, events, keys, DNS, proxy, TLS, clock.

    Works offline.  Exit codes: 0 nothing is wrong; 77 an operator is needed.

    Example: tcc-upload doctor --spool /var/lib/agent/spool
    """
    settings = settings_from(options)
    findings = []
    with reading(settings) as ledger:
        for finding in diagnose(settings, ledger):
            findings.append(finding)
            if not as_json:
                say(f"{finding.level:<4}  {finding.subject}: {finding.text}")
                if finding.remedy:
                    say(f"      do: {finding.remedy}")
    if as_json:
        say_json([finding._asdict() for finding in findings])
    failed = any(finding.level == "fail" for finding in findings)
    sys.exit(Exit.OPERATOR_NEEDED if failed else Exit.DELIVERED)
