"""``tcc-upload ledger``: set up a ledger that several machines share, and look at who shares it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from tcc_uploader.ledger.opening import fleet_of
from tcc_uploader.model.ledger import LedgerError
from tcc_uploader.sinks import plural

from .exit_codes import Exit
from .options import AS_JSON, STATE_OPTIONS, settings_from, with_options
from .session import ending
from .terminal import fail, say, say_json
from .text import capped, told

if TYPE_CHECKING:
    from tcc_uploader.ledger.postgres.fleet import Fleet


@click.group("ledger")
def ledger_command() -> None:
    """Set up a ledger that several machines share (TCC_LEDGER), and look at who shares it.

    Exit codes: 75 it can't be reached; 77 it is another target's, or not set up.

    Example: tcc-upload ledger status
    """


@ledger_command.command("init")
@with_options(*STATE_OPTIONS)
def init_command(**options: Any) -> None:
    """Create the tables, once, as the owner of the database; they are for the target that the settings name.

    Exit codes: 0 they are there, also if they were before; 75 the database can't be reached; 77 it has the ledger of
    another target.

    Example: TCC_BASE_URL=https://api.example tcc-upload ledger init
    """
    with _fleet(options) as fleet:
        created = fleet.set_up()
    say(f"the ledger for {fleet.target} {'is set up' if created else 'was there already'} in {fleet.url}")


@ledger_command.command("status")
@with_options(*STATE_OPTIONS, AS_JSON)
def status_command(*, as_json: bool, **options: Any) -> None:
    """Show who shares the ledger, and how its database does.  What is pending and delivered tells `status`.

    Exit codes: 65 objects are set aside; 75 it can't be reached; 77 it is another target's, or not set up.

    Example: tcc-upload ledger status --json
    """
    with _fleet(options) as fleet:
        report = fleet.look()
    if as_json:
        say_json({"ledger": fleet.url, "target": fleet.target, **asdict(report)})
    else:
        say(
            *told(
                f"ledger   {fleet.url}",
                f"target   {fleet.target}",
                f"server   PostgreSQL {report.version}",
                (report.read_only, "         it can only be read now: nothing is delivered"),
                f"keys     about {report.keys:,}",
                f"waiting  {plural(report.requests, 'request')}, {plural(report.objects, 'object')}",
                f"workers  {len(report.workers):,}",
            ),
            *(f"         {each.name}: {each.claims:,} claims, {each.commits:,} commits" for each in report.workers),
            *capped(report.set_aside, lambda uri: f"aside    {uri}: to try it again: tcc-upload ledger retry URI"),
        )
    if report.set_aside:
        sys.exit(Exit.DEAD_OR_DAMAGED)


@ledger_command.command("retry")
@click.argument("uri")
@with_options(*STATE_OPTIONS)
def retry_command(*, uri: str, **options: Any) -> None:
    """Let workers try an object of a bucket again that was set aside, because each that tried it vanished.

    Exit codes: 66 no such object is waiting; 75 the ledger can't be reached; 77 it is another target's, or not set up.

    Example: tcc-upload ledger retry s3://fleet/plant-7/a.tar.zst
    """
    with _fleet(options) as fleet:
        found = fleet.retry(uri)
    if not found:
        fail("no such object is waiting; `tcc-upload ledger status` names those that are set aside", Exit.NOTHING_FOUND)
    say("it is tried again")


@contextmanager
def _fleet(options: dict[str, Any]) -> Iterator["Fleet"]:
    """Yield the shared ledger; if it can't be used, end the command."""
    settings = settings_from(options)
    with ending(settings, LedgerError):
        fleet = fleet_of(settings)
        if fleet is None:
            what = "TCC_LEDGER=postgresql://USER@HOST/DATABASE, or ledger in the settings file"
            raise click.UsageError(f"name a shared ledger: {what}")
        yield fleet
