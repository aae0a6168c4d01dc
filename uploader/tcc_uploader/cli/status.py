"""``tcc-upload status``: how many records are pending and delivered, and the state of each destination."""

from typing import Any

import click

from tcc_uploader.boundary import Caught
from tcc_uploader.inspect.status import StatusReport, status_report

from .options import AS_JSON, SPOOLS, STATE_OPTIONS, settings_from, with_options
from .session import reading, targets_of
from .terminal import say, say_json
from .text import capped, destination_lines, moment, plural, shortened, told


@click.command("status")
@with_options(SPOOLS, *STATE_OPTIONS, AS_JSON)
def status_command(*, as_json: bool, **options: Any) -> None:
    """Show how many records are pending and delivered, and the state of each destination.

    First the target that the settings name, then every other target that the state directory has.
    """
    reports: list[StatusReport] = []
    for settings in targets_of(settings_from(options)):
        with reading(settings) as ledger:
            reports.append(status_report(settings.spools, settings.state_dir, ledger, own=not reports))
    if as_json:
        own, *others = [report.as_json() for report in reports]
        say_json(shortened(own | {"other_targets": others}))
    else:
        say("\n\n".join(map(_status_text, reports)))


def _status_text(report: StatusReport) -> str:
    running = f"running, pid {report.running_pid}" if report.running_pid else "not running"
    fates = (f"{number:,} {fate}" for fate, number in report.counts.items() if fate not in ("records", "recovered"))
    recovered, damage = report.counts["recovered"], plural(report.damage, "place")
    lines = told(
        f"target      {report.target}{'' if report.in_use else ', not used for a week'}",
        f"uploader    {running}; watcher: {report.activity.watcher}",
        f"state       {report.state_dir}",
        *(f"spool       {spool}: {word}" for spool, word in report.spools.items()),
        *capped(report.unreadable.items(), lambda pair: f"unreadable  {pair[0]}: {pair[1]}"),
        *capped(report.passed_over, lambda text: f"passed over {text}"),
        *capped(
            report.newer_files, lambda path: f"newer       {path}: written by a newer recorder; upgrade tcc-upload"
        ),
        f"records     {', '.join(fates)}",
        (recovered, f"            {recovered:,} of them recovered from processes that died"),
        (report.oldest_pending, f"            oldest pending: {report.oldest_pending}"),
        (report.not_in_sight, f"            {report.not_in_sight:,} more were pending in files that are not here now"),
        (report.damage, f"damage      {damage}: torn tails, corrupt lines, seals that do not match"),
        *(f"unexpected  {_caught_text(each)}" for each in report.activity.unexpected),
        (report.activity.trouble, f"trouble     {report.activity.trouble}"),
        f"last sent   {moment(report.activity.last_success)}",
    )
    return "\n".join([*lines, *capped(report.activity.destinations, lambda each: "\n".join(destination_lines(each)))])


def _caught_text(caught: Caught) -> str:
    place = f"{caught.place}, {caught.first}" if caught.first else caught.place
    often = f"{caught.count:,} times" if caught.count > 1 else "once"
    return f"{place}: {caught.exception}, {often}; it is kept: report this, and upgrade tcc-upload"
