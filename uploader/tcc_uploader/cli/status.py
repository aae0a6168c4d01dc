"""``tcc-upload status``: what is pending and delivered, the state of each destination, and what somebody should do."""

import sys
import time
from dataclasses import fields, replace
from itertools import chain
from typing import Any, Final

import click

from tcc_uploader.delivery.result import DestinationReport
from tcc_uploader.inspect.findings import Finding, findings_of
from tcc_uploader.inspect.status import SpoolReport, StatusReport, status_report
from tcc_uploader.ledger.sqlite import SqliteLedger
from tcc_uploader.settings import Settings
from tcc_uploader.sinks import plural
from tcc_uploader.sources.given import Sources

from .exit_codes import EXIT_OF_FINDING, exit_of_status
from .options import AS_JSON, SPOOLS, STATE_OPTIONS, Age, settings_from, with_options
from .progress import reading_bar
from .session import UnusableError, looking_at, targets_of
from .terminal import clear, say, say_json
from .text import apart, capped, destination_json, in_utc, moment, shortened, size, told

_EVERY: Final = 2.0
"""Seconds between two looks of ``--watch``."""
_MEND_SETTING: Final = "mend this setting: no uploader starts with it, and here its default stands in"


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
        told_of = _look(options, max_age, expect_daemon=expect_daemon)
        if watch:
            clear()
        if as_json:
            own, *others = [_as_json(*each) for each in told_of]
            say_json(shortened(own | {"other_targets": others}))
        else:
            say(*apart(_status_lines(*each) for each in told_of))
        if not watch:
            break
        time.sleep(_EVERY)
    counted = [found for number, (report, found) in enumerate(told_of) if report.in_use or number == 0]
    sys.exit(exit_of_status(chain.from_iterable(counted)))


def _look(options: dict[str, Any], max_age: float, *, expect_daemon: bool) -> list[tuple[StatusReport, list[Finding]]]:
    """Return what is told of each target, with what is wrong there; the settings' own comes first."""
    found = []
    faults: list[str] = []
    for number, target in enumerate(targets_of(settings_from({**options, "faults": faults}))):
        report = _report(target, own=number == 0)
        findings = findings_of(report, time.time(), max_age=max_age, expects_daemon=expect_daemon and number == 0)
        found.append((report, list(findings)))
    found[0][1][:0] = [Finding("operator", fault, _MEND_SETTING) for fault in faults]
    return found


def _report(target: Settings, *, own: bool) -> StatusReport:
    """Return the report on a target; if its ledger can't be read, what can be told without it."""
    try:
        with looking_at(target) as ledger, reading_bar("status", Sources(list(target.spools))) as did:
            return status_report(target, ledger, own=own, did=did)
    except UnusableError as error:
        with SqliteLedger.reading(None) as ledger:
            report = status_report(target, ledger, own=own)
        what = f"{error.what}; until that is mended, every record here counts as pending"
        return replace(report, oldest_due=None, obstacles={what: error.do} | report.obstacles)


def _as_json(report: StatusReport, found: list[Finding]) -> dict[str, object]:
    """Return what ``--json`` tells of a target.  Times are ISO-8601, in UTC."""
    activity = report.activity
    untold = ("activity", "told_by_running")
    members = {field.name: getattr(report, field.name) for field in fields(report) if field.name not in untold}
    return {
        **members,
        "as_of": in_utc(report.as_of),
        "watcher": activity.watcher,
        "destinations": [_destination_json(each, told_now=report.told_by_running) for each in activity.destinations],
        "last_success": in_utc(activity.last_success),
        "trouble": activity.trouble,
        "unexpected": activity.unexpected,
        "findings": [{"code": EXIT_OF_FINDING[each.kind], "what": each.what, "do": each.do} for each in found],
    }


def _status_lines(report: StatusReport, found: list[Finding]) -> list[str]:
    """Return what people read: the state of things, then the findings; what a finding tells stands there alone."""
    activity = report.activity
    shared = f" that is shared, {report.ledger}," if "://" in report.ledger else ""
    was_used = bool(report.ledger_bytes or report.as_of)
    unused = ", not used for a week" if was_used else ", never used yet"
    fates = (f"{number:,} {fate}" for fate, number in report.counts.items() if fate not in ("records", "recovered"))
    recovered = report.counts["recovered"]
    found_at = [each.destination for each in found]
    return told(
        f"target      {report.target}{'' if report.in_use else unused}",
        f"uploader    {_uploader_text(report)}",
        f"state       {report.state_dir}",
        (report.ledger_bytes, f"            the ledger{shared} has {size(report.ledger_bytes)}"),
        *map(_spool_text, report.spools),
        *capped(report.passed_over, lambda text: f"passed over {text}"),
        f"records     {', '.join(fates)}",
        (recovered, f"            {recovered:,} of them recovered from processes that died"),
        (report.oldest_pending, f"            oldest pending: {report.oldest_pending}"),
        f"last sent   {'not known' if was_used and not report.as_of else moment(activity.last_success)}",
        *capped(activity.destinations, lambda each: _destination_lines(report, each, is_found=each in found_at)),
        *capped(found, lambda each: f"finding     {EXIT_OF_FINDING[each.kind]}: {each.what}; do: {each.do}"),
        (not found, "finding     none: all is well"),
    )


def _uploader_text(report: StatusReport) -> str:
    as_of = moment(report.as_of)
    if report.running_pid is None:
        return f"not running; what it told last is of {as_of}" if report.as_of else "not running"
    if not report.told_by_running:
        return f"running, pid {report.running_pid}; it has told nothing yet"
    return f"running, pid {report.running_pid}; watcher: {report.activity.watcher}; as of {as_of}"


def _destination_lines(report: StatusReport, each: DestinationReport, *, is_found: bool) -> list[str]:
    """Return the state of a destination, and why it is paused unless a finding tells that.

    Of an uploader that has ended only what may still be true is told: not how many records it had waiting.
    """
    runs, paused = report.told_by_running, each.state == "paused"
    waiting = f", {each.waiting:,} waiting" if runs else ""
    since = f" since {moment(each.since)}" if paused else ""
    probe = f"; next probe {moment(each.next_probe)}" if each.next_probe else ""
    return told(
        f"to          {each.name}: {'' if runs else 'was '}{each.state}{since}{waiting}{probe}",
        (each.reason and not is_found, f"            {each.reason}"),
        (each.partly_refused, f"            {each.refusal_line}"),
    )


def _destination_json(each: DestinationReport, *, told_now: bool) -> dict[str, object]:
    """Return the state of a destination; an uploader that has ended has nothing waiting."""
    return destination_json(each) | ({} if told_now else {"waiting": None})


def _spool_text(spool: SpoolReport) -> str:
    takes = f"{plural(spool.files, 'file')}, {size(spool.bytes)} of {size(spool.max_bytes)}"
    kept = f"; {spool.kept:,} of them delivered and kept, {size(spool.kept_bytes)}" if spool.kept else ""
    return f"spool       {spool.path}: {spool.note or takes + kept}"
