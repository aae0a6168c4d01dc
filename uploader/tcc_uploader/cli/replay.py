"""``tcc-upload replay``: deliver what is there, once."""

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from functools import partial
from math import inf
from pathlib import Path
from typing import Any, Final

import click

from tcc_uploader.delivery.result import ReplayResult
from tcc_uploader.inspect.runs.wanted import Wanted
from tcc_uploader.inspect.survey import take_survey
from tcc_uploader.model.fate import Counts
from tcc_uploader.model.selection import Selection
from tcc_uploader.settings import Settings
from tcc_uploader.sinks import plural
from tcc_uploader.sources.given import Sources, choose
from tcc_uploader.sources.paths import STDIN, Given
from tcc_uploader.spool.removal import writer_is_gone
from tcc_uploader.spool.segment import Segment
from tcc_uploader.spool.writer_lock import boot_is_over
from tcc_uploader.state import SpoolLocks

from . import markdown
from .exit_codes import FAIL_ON, Exit, FailOn, exit_of_dry_run, exit_of_replay
from .log_options import LOG_OPTIONS, log_as
from .one_shot import deliver_once
from .options import AS_JSON, PAGE, PATHS, SENDING_OPTIONS, SPOOLS, TIMEOUT, selecting, settings_from, with_options
from .progress import reading_bar
from .session import ending, on_signals, reading
from .sources import sources_from
from .terminal import fail, note, say, say_json
from .text import (
    adopt_lines,
    capped,
    destination_json,
    left_out_lines,
    passed_over_lines,
    result_hints,
    shortened,
    told,
    unreadable_lines,
)

STAYS: Final = "stay pending; run it again without that"
"""What becomes of what is left out."""


@click.command("replay")
@with_options(PATHS, SPOOLS, *SENDING_OPTIONS, TIMEOUT, *LOG_OPTIONS, AS_JSON)
@selecting
@click.option("--dry-run", is_flag=True, help="Say what would be sent; send and change nothing.")
@click.option("--assume-dead", is_flag=True, help="Recover journaled runs without an end, wherever they were written.")
@click.option(
    "--fail-on",
    type=click.Choice(FAIL_ON),
    default="pending",
    help="Fail for pending records, dead letters and damage (pending, the default), for the last two (dead), or never.",
)
@click.option("--remove", is_flag=True, help="Remove segments that are delivered, as the daemon does.")
@click.option("--give-up", is_flag=True, help="Make dead letters of what the server still refuses at the end.")
@click.option("--summary", type=click.Path(path_type=Path), help="Append the result to this file as Markdown.")
@click.option("--report", type=PAGE, help="Write the runs to this *.html file, to be looked at in a browser.")
def replay_command(
    *,
    paths: tuple[Given, ...],
    timeout: float,
    as_json: bool,
    dry_run: bool,
    assume_dead: bool,
    fail_on: FailOn,
    remove: bool,
    give_up: bool,
    summary: Path | None,
    selection: Selection,
    **options: Any,
) -> None:
    """Deliver the records in the default spool, or in PATHS; then end.

    PATHS are spools, segments, JSONL files, bundles, .zip, .tar, and .gz or .zst of these, folders of any of
    these, s3://BUCKET/PREFIX, and - for standard input.  Sources are changed only by --remove.  With --status,
    --session, --since, --until and -n only these runs are sent, each with all its records; what is left out stays
    pending, and its file stays.

    Exit codes: 0 all delivered, of what was chosen; 65 dead letters or damage; 66 no run is chosen by these options; 73
    another uploader holds the state; 75 some are pending, run it again; 77 an operator is needed; 2 usage.

    Example: tcc-upload replay /media/stick/runs.tar.gz --remove
    """
    report: Path | None = options.pop("report")
    if dry_run and (summary or report or remove or give_up or fail_on != "pending"):
        options_of_results = "--summary, --report, --fail-on, --give-up and --remove"
        raise click.UsageError(f"a --dry-run has no result: leave out {options_of_results}")
    if report and (remove or STDIN in paths):
        what = "leave out --remove, and save standard input to a file first"
        raise click.UsageError(f"--report reads everything again when it is sent: {what}")
    settings = settings_from(options)
    log_as(settings)
    sources = sources_from(paths, settings.sources)
    if selection and any(archive.is_read_once for archive in sources.archives):
        raise click.UsageError(
            "standard input can be read once, and choosing runs takes two looks: save it to a file and name that, or "
            "choose where it is made (`tcc-upload bundle` has the same options)"
        )
    on_signals(partial(fail, "interrupted: nothing was sent; run it again", Exit.PENDING))
    is_gone = _death_test(copies=bool(paths), assume_dead=assume_dead)
    sources = choose(sources, selection, is_gone)
    if dry_run:
        sys.exit(_dry_run(settings, sources, as_json=as_json))
    with ending(settings), SpoolLocks(sources.folders if remove else ()) as locks:
        result = deliver_once(
            settings,
            sources,
            timeout=timeout,
            bar=not as_json,
            is_gone=is_gone,
            keep_for=0.0 if remove else inf,
            give_up=give_up,
            locks=locks if remove else None,
        )
    _say(result, sources, settings, as_json=as_json)
    if summary:
        _append_summary(summary, result, settings)
    if report:
        _write_report(report, settings, paths, selection)
    sys.exit(exit_of_replay(result, fail_on))


def _say(result: ReplayResult, sources: Sources, settings: Settings, *, as_json: bool) -> None:
    """Print the result."""
    if as_json:
        say_json(_result_json(result) | {"passed_over": sources.passed_over})
    else:
        before = result.counts.delivered - result.sent.delivered + result.letters_apart
        delivered = f"delivered ({before:,} of them before)" if before else "delivered"
        unreadable = len(result.unreadable)
        pending = f"{result.counts.pending:,} pending"
        say(_counts_line(result.counts, delivered, pending, result.damage, result.newer, unreadable))
        if result.letters_apart:
            note(f"{plural(result.letters_apart, 'requeued letter')} delivered beside these")
        elif not result.counts.records:
            note(f"nothing to deliver in {sources}")
        note(
            *left_out_lines(sources.choice, STAYS),
            *passed_over_lines(sources.passed_over),
            *result_hints(result, settings),
        )


def _dry_run(settings: Settings, sources: Sources, *, as_json: bool) -> Exit:
    """Show what a replay would do."""
    with reading(settings) as ledger, reading_bar("replay --dry-run", sources) as did:
        found = take_survey(sources, ledger, did=did)
    counts, blocked = found.counts, found.blocked(settings)
    if as_json:
        report = {"damage": found.damage, "archives": found.archives, "dry_run": True, "would_wait": blocked}
        report |= {"passed_over": found.passed_over}
        say_json(shortened(_counts_json(counts) | report | {"left_out": found.choice.records_left_out}))
    else:
        newer, unreadable = len(found.newer), len(found.unreadable)
        would_be_sent = f"{counts.pending - found.choice.records_left_out:,} would be sent"
        say(_counts_line(counts, "delivered before", would_be_sent, found.damage, newer, unreadable))
        note(
            *left_out_lines(found.choice, STAYS),
            *adopt_lines(settings.adopt, {wish.hint or "" for wish in found.pending}),
            *(f"{number:,} of them would wait: {remedy}" for remedy, number in blocked.items()),
            *passed_over_lines(found.passed_over),
            *unreadable_lines(found.unreadable | found.not_read),
            *capped(found.archives, str),
        )
    return exit_of_dry_run(found, settings)


def _death_test(*, copies: bool, assume_dead: bool) -> Callable[[Segment], bool]:
    """Return the function that decides whether the process that wrote a segment has died."""
    if assume_dead:
        return lambda _: True
    if copies:  # a lock on a copy proves nothing
        return lambda segment: boot_is_over(segment.header)
    return writer_is_gone


def _append_summary(file: Path, result: ReplayResult, settings: Settings) -> None:
    """Append the summary to a file.  A file that can't be written is a warning: the delivery itself is done."""
    with reading(settings) as ledger:
        letters = Counter(row.reason for row in ledger.letters_with("dead"))
    try:
        with file.open("a", encoding="ascii") as opened:
            opened.write(markdown.summary(result, letters))
    except OSError as error:
        note(f"can't write the summary: {error}; the result above is not affected")


def _write_report(file: Path, settings: Settings, paths: Sequence[Given], selection: Selection) -> None:
    """Write the report of what was delivered.  As with the summary, a failure is a warning."""
    from .report import make_report  # noqa: PLC0415 -- few replays are asked for one, and it brings much with it

    try:
        make_report(settings, paths, Wanted(selection), file)
    except OSError as error:
        note(f"can't write the report: {error}; the result above is not affected")


def _result_json(result: ReplayResult) -> dict[str, object]:
    """Return what a one-shot run did, for machines."""
    members = {field.name: getattr(result, field.name) for field in fields(result)}
    for counts in ("counts", "sent"):
        del members[counts]
    report = {
        **_counts_json(result.counts),
        "delivered_now": result.sent.delivered,
        "dead_now": result.sent.dead,
        "newer_files": members.pop("newer"),
        "archives": members.pop("problems"),
        "needs_operator": result.needs_operator,
        "unread": result.unread,
        **members,
        **{name: list(map(destination_json, members[name])) for name in ("paused", "partly_refused")},
    }
    return shortened(report)


def _counts_json(counts: Counts) -> dict[str, object]:
    return asdict(counts) | {"pending": counts.pending}


def _counts_line(counts: Counts, delivered: str, pending: str, damage: int, newer: int, unreadable: int) -> str:
    """Return all counts; ``delivered`` is the word for these, ``pending`` says how many, too."""
    parts = told(
        f"{counts.delivered:,} {delivered}",
        f"{counts.duplicate:,} duplicate",
        f"{counts.dead:,} dead",
        pending,
        (counts.dropped, f"{counts.dropped:,} dropped"),
        (counts.recovered, f"{counts.recovered:,} of them recovered"),
        (damage, f"{plural(damage, 'place')} damaged"),
        (newer, f"{plural(newer, 'file')} of a newer version (upgrade tcc-upload)"),
        (unreadable, f"{plural(unreadable, 'file')} unreadable"),
    )
    return f"{plural(counts.records, 'record')}: {', '.join(parts)}"
