"""``tcc-upload status``: what is pending and delivered, the state of each destination, and what somebody should do."""

import sys
import time
from dataclasses import fields
from itertools import chain
from typing import Any, Final

import click

from tcc_uploader.boundary import Caught
from tcc_uploader.inspect.findings import Finding, findings_of
from tcc_uploader.inspect.status import SpoolReport, StatusReport, status_report
from tcc_uploader.settings import Settings

from .exit_codes import EXIT_OF_FINDING, exit_of_status
from .options import AS_JSON, SPOOLS, STATE_OPTIONS, Age, settings_from, with_options
from .session import reading, targets_of
from .terminal import clear, say, say_json
from .text import capped, destination_json, destination_lines, in_utc, moment, plural, shortened, size, told

_EVERY: Final = 2.0
"""Seconds between two looks of ``--watch``."""


@click.command("status")
@click.option(
    "--max-age",
    type=Age(),
    default="5m",
    metavar="TIME",
    help="How old pending records and outages may be (30m, 24h, 7d)  [default: 5m].",
)
@click.option("--expect-daemon", is_flag=True, help="End with 69 if no uploader is running.")
@click.option("--watch", is_flag=True, help="Show it again every two seconds, until Ctrl-C.")
@with_options(SPOOLS, *STATE_OPTIONS, AS_JSON)
def status_command(*, max_age: float, expect_daemon: bool, watch: bool, as_json: bool, **options: Any) -> None:
    """Show what is pending and delivered, the state of each destination, and what somebody should do.

    First the target that the settings name, then every other target that the state directory has.  Exit codes: 0
    nothing is to be done; 77 a person is needed (a wrong key, a file that can't be read); 65 dead letters, damage, or
    records that a recorder refused; 69 no uploader runs, with --expect-daemon; 75 a record that could be sent, or an
    outage, is older than --max-age.  If several hold, the first of these counts; a target that was not used for a week
    does not.

    Example: tcc-upload status --expect-daemon --max-age 1h
    """
    while True:
        told_of = _look(settings_from(options), max_age, expect_daemon=expect_daemon)
        if watch:
            clear()
        if as_json:
            own, *others = [_as_json(*each) for each in told_of]
            say_json(shortened(own | {"other_targets": others}))
        else:
            say("\n\n".join(_status_text(*each) for each in told_of))
        if not watch:
            break
        time.sleep(_EVERY)
    counted = [found for number, (report, found) in enumerate(told_of) if report.in_use or number == 0]
    sys.exit(exit_of_status(chain.from_iterable(counted)))


def _look(settings: Settings, max_age: float, *, expect_daemon: bool) -> list[tuple[StatusReport, list[Finding]]]:
    """Return what is told of each target, with what is wrong there; the settings' own comes first."""
    found = []
    for number, target in enumerate(targets_of(settings)):
        with reading(target) as ledger:
            report = status_report(target, ledger, own=number == 0)
        expects_daemon = expect_daemon and number == 0
        found.append((report, list(findings_of(report, time.time(), max_age=max_age, expects_daemon=expects_daemon))))
    return found


def _as_json(report: StatusReport, found: list[Finding]) -> dict[str, object]:
    """Return what ``--json`` tells of a target.  Times are ISO-8601, in UTC."""
    activity = report.activity
    members = {field.name: getattr(report, field.name) for field in fields(report) if field.name != "activity"}
    return {
        **members,
        "as_of": in_utc(report.as_of),
        "watcher": activity.watcher,
        "destinations": list(map(destination_json, activity.destinations)),
        "last_success": in_utc(activity.last_success),
        "trouble": activity.trouble,
        "unexpected": activity.unexpected,
        "findings": [{"code": EXIT_OF_FINDING[each.kind], "what": each.what, "do": each.do} for each in found],
    }


def _status_text(report: StatusReport, found: list[Finding]) -> str:
    activity, as_of = report.activity, moment(report.as_of)
    running = f"running, pid {report.running_pid}; watcher: {activity.watcher}; as of {as_of}"
    ended = f"not running; what it told last is of {as_of}" if report.as_of else "not running"
    runs = report.running_pid is not None
    shared = f" that is shared, {report.ledger}," if "://" in report.ledger else ""
    unused = ", not used for a week" if report.ledger_bytes else ", never used yet"
    fates = (f"{number:,} {fate}" for fate, number in report.counts.items() if fate not in ("records", "recovered"))
    recovered, damage = report.counts["recovered"], plural(report.damage, "place")
    lines = told(
        f"target      {report.target}{'' if report.in_use else unused}",
        f"uploader    {running if runs else ended}",
        f"state       {report.state_dir}",
        (report.ledger_bytes, f"            the ledger{shared} has {size(report.ledger_bytes)}"),
        *map(_spool_text, report.spools),
        *capped(report.unreadable.items(), lambda pair: f"unreadable  {pair[0]}: {pair[1]}"),
        *capped(report.passed_over, lambda text: f"passed over {text}"),
        *capped(
            report.newer_files, lambda path: f"newer       {path}: written by a newer recorder; upgrade tcc-upload"
        ),
        f"records     {', '.join(fates)}",
        (recovered, f"            {recovered:,} of them recovered from processes that died"),
        (report.oldest_pending, f"            oldest pending: {report.oldest_pending}"),
        (report.not_in_sight, f"            {report.not_in_sight:,} more were pending in files that are not here now"),
        (report.refused, f"            {report.refused:,} more were refused by recorders, because the spool was full"),
        (report.damage, f"damage      {damage}: torn tails, corrupt lines, seals that do not match"),
        *(f"unexpected  {_caught_text(each)}" for each in activity.unexpected),
        (activity.trouble, f"trouble     {activity.trouble}"),
        f"last sent   {moment(activity.last_success)}",
        *capped(activity.destinations, lambda each: "\n".join(destination_lines(each, runs=runs))),
        *capped(found, lambda each: f"finding     {EXIT_OF_FINDING[each.kind]}: {each.what}; do: {each.do}"),
        (not found, "finding     none: all is well"),
    )
    return "\n".join(lines)


def _spool_text(spool: SpoolReport) -> str:
    takes = f"{plural(spool.files, 'file')}, {size(spool.bytes)} of {size(spool.max_bytes)}"
    kept = f"; {spool.kept:,} of them delivered and kept, {size(spool.kept_bytes)}" if spool.kept else ""
    return f"spool       {spool.path}: {spool.note or takes + kept}"


def _caught_text(caught: Caught) -> str:
    place = f"{caught.place}, {caught.first}" if caught.first else caught.place
    often = f"{caught.count:,} times" if caught.count > 1 else "once"
    return f"{place}: {caught.exception}, {often}; it is kept: report this, and upgrade tcc-upload"
