"""``tcc-upload verify``: check that the counts of all records add up."""

import sys
import time
from collections.abc import Sequence
from typing import Any, Final

import click

from tcc_uploader.inspect.survey import spools_read
from tcc_uploader.inspect.verify import Verification, verify_spools
from tcc_uploader.model.shortlist import MOST
from tcc_uploader.settings import Settings
from tcc_uploader.sinks import plural
from tcc_uploader.sources.paths import Given
from tcc_uploader.state import is_in_use

from .exit_codes import Exit, exit_of_verify
from .options import AS_JSON, PATHS, SPOOLS, STATE_OPTIONS, settings_from, with_options
from .progress import reading_bar
from .session import UnusableError, looking_at, targets_of
from .sources import sources_from
from .terminal import say, say_json
from .text import apart, capped, passed_over_lines, shortened, told

_SEVERITY: Final = (Exit.DELIVERED, Exit.DEAD_OR_DAMAGED, Exit.PENDING, Exit.OPERATOR_NEEDED, Exit.BROKEN)
"""From the best result to the worst."""


@click.command("verify")
@with_options(PATHS, SPOOLS, *STATE_OPTIONS, AS_JSON)
def verify_command(*, paths: tuple[Given, ...], as_json: bool, **options: Any) -> None:
    """Check that records = delivered + pending + dead + duplicate + dropped, from the files and the ledger alone.

    Checks every CRC and seal of the spools, or of the paths given, and names what is torn, corrupt, cut short or
    missing.  Exit codes: 0 it adds up; 65 it does, beside damage; 70 it does not; 75 a newer version is needed; 77 the
    ledger can't be read.
    Every target of the state directory is checked.  The exit code is that of the target that the settings name; if
    they name none, the worst of those that were used in the last seven days.

    Example: tcc-upload verify runs.tar.gz
    """
    named = settings_from(options)
    reports: dict[str, Verification | UnusableError] = {}
    codes = []
    for settings in targets_of(named):
        report = _report(settings, paths, own=not reports)
        if not reports or (not named.names_target and is_in_use(settings.state_dir, time.time())):
            codes.append(report.code if isinstance(report, UnusableError) else exit_of_verify(report))
        reports[settings.state_dir.name] = report
    if as_json:
        own, *others = ({"target": name} | _as_json(report) for name, report in reports.items())
        say_json(shortened(own | {"other_targets": others}))
    else:
        say(*apart([f"target   {name}", *_verification_lines(each)] for name, each in reports.items()))
    sys.exit(max(codes, key=_SEVERITY.index))


def _report(settings: Settings, paths: Sequence[Given], *, own: bool) -> Verification | UnusableError:
    """Return the report on a target, or why there is none: it says nothing against the other targets."""
    try:
        with looking_at(settings) as ledger:
            sources = sources_from(paths, settings.sources if own else spools_read(settings.spools, ledger))
            with reading_bar("verify", sources) as did:
                return verify_spools(sources, ledger, whole=not paths, did=did)
    except UnusableError as error:
        return error


def _as_json(report: Verification | UnusableError) -> dict[str, Any]:
    return {"unusable": str(report)} if isinstance(report, UnusableError) else vars(report)


def _verification_lines(report: Verification | UnusableError) -> list[str]:
    """Return each finding of ``verify``, then the counts."""
    if isinstance(report, UnusableError):
        return [f"unusable {report}"]
    lines = []
    for check in report.segments:
        lines += [f"BROKEN   {check.path}: {text}" for text in capped(check.broken, str)]
        lines += [f"damage   {check.path}: {text}" for text in capped(check.damage, str)]
    if lines:
        lines.append(
            "         to settle it: bring back what has gone; or keep a copy of what is damaged, move it out of the "
            "spool, and while no daemon runs: tcc-upload forget PATH"
        )
    lines = list(capped(lines, str, most=MOST))
    lines += capped(report.unreadable.items(), lambda pair: f"damage   {pair[0]} can't be read: {pair[1]}")
    lines += capped(report.not_read.items(), lambda pair: f"not read {pair[0]}: {pair[1]}")
    lines += [f"damage   {text}" for text in capped(report.archives, str)]
    lines += passed_over_lines(report.passed_over)
    lines += [f"newer    {text}" for text in capped(report.newer, lambda path: f"{path}: upgrade tcc-upload")]
    total = report.totals
    fates = (f"{total[fate]:,} {fate}" for fate in ("delivered", "pending", "dead", "duplicate", "dropped"))
    word = "does NOT add up" if report.broken else "adds up"
    lines += told(
        f"{plural(total['records'], 'record')} = {' + '.join(fates)}",
        (total["recovered"], f"{total['recovered']:,} of them were recovered from processes that died"),
        (total["refused"], f"{total['refused']:,} more were refused by recorders: no room"),
        (total["skipped"], f"{plural(total['skipped'], 'line')} of a kind that only a newer version knows"),
        f"{plural(report.segments.number, 'segment')}, {report.sealed:,} of them sealed: it {word}",
    )
    return lines
