"""``tcc-upload prune``: take out of the ledger, and of spools, what was settled long ago."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from tcc_uploader.ops.pruning import PrunePlan, plan_pruning, prune
from tcc_uploader.settings import Settings
from tcc_uploader.sinks import plural
from tcc_uploader.state import SpoolLocks, targets_in

from .exit_codes import Exit
from .options import STATE_OPTIONS, Age, settings_from, with_options
from .session import ending, reading, targets_of, working
from .terminal import confirm, fail, say
from .text import size, told


@click.command("prune")
@click.option("--older-than", "age", type=Age(), required=True, metavar="TIME", help="30m, 24h, 7d, 4w.")
@click.option("--target", metavar="NAME", help="Another target of the state directory, also one that is no more.")
@click.option("--dry-run", is_flag=True, help="Say what would go; change nothing.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@with_options(*STATE_OPTIONS)
def prune_command(*, age: float, target: str | None, dry_run: bool, yes: bool, **options: Any) -> None:
    """Take out of the ledger, and of spools, what was settled long ago; it tells what, and asks first.

    What goes: rows of segments whose records are all settled, with the keys that find duplicates, answered letters,
    and delivered files that no other target waits for.  Pending records and dead letters stay.  A copy that turns up
    later (a bundle, a stick) is then sent again.  Stop the daemon before.

    Of a shared ledger only rows go, also while uploaders run: no file is removed, and what lies here stays known.

    Exit codes: 66 there is no such target; 73 an uploader works on this target; 75 a file could not be removed.

    Example: tcc-upload prune --older-than 26w --yes
    """
    settings = settings_from(options)
    if target is not None:
        states = settings.state_dir.parent
        names = [folder.name for folder in targets_in(states)]
        own = settings.state_dir.name
        if target not in (*names, own if settings.ledger else None):
            fail(f"{states} has no target {target}; it has {', '.join(names) or 'none'}", Exit.NOTHING_FOUND)
        settings = replace(settings, state_dir=states / target, ledger=settings.ledger if target == own else None)
    before = time.time() - age
    wanted = _pending_elsewhere(settings)
    with reading(settings) as ledger:
        plan, had = plan_pruning(ledger, before, wanted), ledger.size()
    say(*_plan_lines(plan, settings, had, before))
    if dry_run or not plan.going:
        return
    if not yes:
        confirm("Take this out?")
    with ending(settings), SpoolLocks({Path(seen.file).parent for seen in plan.files}), working(settings) as ledger:
        failed = prune(plan_pruning(ledger, before, wanted), ledger)
        has = ledger.size()
    say(f"done; the ledger has {size(has)} now, and had {size(had)}")
    if failed:
        path, why = next(iter(failed.items()))
        fail(f"{plural(len(failed), 'file')} could not be removed; the first is {path}: {why}", Exit.PENDING)


def _pending_elsewhere(settings: Settings) -> set[str]:
    """Return the ids of the segments of which records are pending for other targets."""
    found: set[str] = set()
    for other in targets_of(settings):
        if other.state_dir != settings.state_dir:
            with reading(other) as ledger:
                found |= {row.id for row in ledger.segments() if row.counts.pending}
    return found


def _plan_lines(plan: PrunePlan, settings: Settings, ledger_bytes: int, before: float) -> list[str]:
    day = time.strftime("%Y-%m-%d %H:%M", time.localtime(before))
    segments, records = plural(len(plan.going), "segment"), plural(plan.records, "record")
    files = plural(len(plan.files), "delivered file")
    going = bool(plan.going)
    return told(
        f"target {settings.state_dir.name}: the ledger has {size(ledger_bytes)}",
        f"settled before {day} (local time): {segments} with {records}",
        (plan.files, f"{files} in spools, {size(sum(seen.size for seen in plan.files))}, would be removed"),
        (
            plan.stay,
            f"older, but they stay: {plural(plan.stay, 'segment')} with pending records, letters or files",
        ),
        (going, "A copy of these records that turns up later, in a bundle for instance, is sent again."),
    )
