"""``tcc-upload replay``: deliver what is there, once."""

import logging
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import click

from tcc_uploader.delivery.result import ReplayResult
from tcc_uploader.inspect.survey import take_survey
from tcc_uploader.settings import Settings
from tcc_uploader.sources.given import Sources, sources_of
from tcc_uploader.spool.removal import writer_is_gone
from tcc_uploader.spool.segment import Segment
from tcc_uploader.spool.writer_lock import boot_is_over

from . import markdown, text
from .exit_codes import FAIL_ON, Exit, FailOn, exit_of, softened
from .options import AS_JSON, PATHS, SENDING_OPTIONS, TIMEOUT, settings_from, with_options
from .session import deliver_once, reading

_log = logging.getLogger(__name__)


@click.command("replay")
@PATHS
@with_options(*SENDING_OPTIONS)
@TIMEOUT
@AS_JSON
@click.option("--dry-run", is_flag=True, help="Say what would be sent; send and change nothing.")
@click.option("--assume-dead", is_flag=True, help="Recover journaled runs without an end, wherever they were written.")
@click.option(
    "--fail-on",
    type=click.Choice(FAIL_ON),
    default="pending",
    help="Fail for pending records, dead letters and damage (pending, the default), for the last two (dead), or never.",
)
@click.option("--summary", type=click.Path(path_type=Path), help="Append the result to this file as Markdown.")
def replay_command(
    *,
    paths: tuple[Path, ...],
    timeout: float,
    as_json: bool,
    dry_run: bool,
    assume_dead: bool,
    fail_on: FailOn,
    summary: Path | None,
    **options: Any,
) -> None:
    """Deliver what lies in the default spool, or in PATHS; then end.

    PATHS are spools, segments, JSONL files, bundles, .zip, .tar*, .jsonl.gz and .jsonl.zst files, folders of any of
    these, and - for standard input.  Sources are never changed.  Exit codes: 0 all delivered; 65 dead letters or
    damage; 73 another uploader holds the state; 75 some are pending, run it again; 77 an operator is needed; 2 usage.
    """
    if dry_run and (summary or fail_on != "pending"):
        raise click.UsageError("--dry-run delivers nothing that --summary or --fail-on could tell of: leave them out")
    settings = settings_from(options)
    sources = sources_of(paths) if paths else Sources(list(settings.spools))
    if dry_run:
        sys.exit(_dry_run(settings, sources, as_json=as_json))
    # a lock proves nothing about a spool that may be a copy
    is_dead = (lambda _: True) if assume_dead else _boot_is_over if paths else writer_is_gone
    outcome = deliver_once(settings, sources, timeout=timeout, bar=not as_json, is_dead=is_dead)
    click.echo(text.json_text(text.result_json(outcome)) if as_json else text.result_line(outcome))
    if not as_json:
        if not outcome.counts.records:
            click.echo(f"nothing to deliver in {sources}", err=True)
        for line in text.hints(outcome, settings.state_dir):
            click.echo(line, err=True)
    if summary:
        _summarize(summary, outcome, settings)
    sys.exit(softened(exit_of(outcome), outcome, fail_on))


def _dry_run(settings: Settings, sources: Sources, *, as_json: bool) -> Exit:
    """Tell what a replay would do."""
    with reading(settings) as ledger:
        found = take_survey(sources, ledger)
    unheld = found.unheld(settings)
    if as_json:
        click.echo(text.json_text({**text.survey_json(found), "keys_not_held": unheld}))
    else:
        click.echo(text.survey_line(found))
        for hint, number in unheld.items():
            click.echo(f"{number:,} of them would wait: no key with the hint {hint} is held", err=True)
        for path, why in found.unreadable.items():
            click.echo(f"can't read {path}: {why}", err=True)
        for line in text.wrong_lines(found.wrong):
            click.echo(line, err=True)
    if unheld or found.unreadable:
        return Exit.OPERATOR_NEEDED
    if found.newer:
        return Exit.PENDING
    return Exit.DEAD_OR_DAMAGED if found.counts.dead or found.damage else Exit.DELIVERED


def _summarize(file: Path, outcome: ReplayResult, settings: Settings) -> None:
    """Append the summary to a file; one that can't be written is no failure of the delivery."""
    with reading(settings) as ledger:
        letters = Counter(row.reason for row in ledger.letters_with("dead"))
    try:
        with file.open("a", encoding="ascii") as opened:
            opened.write(markdown.summary(outcome, letters))
    except OSError as error:
        click.echo(f"can't write the summary: {error}; what is said above holds all the same", err=True)


def _boot_is_over(segment: Segment) -> bool:
    return boot_is_over(segment.header)
