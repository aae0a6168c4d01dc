"""``tcc-upload drop``: take pending runs out before they are sent."""

from typing import Any

import click

from tcc_uploader.bundle.filter import lines_of
from tcc_uploader.bundle.snapshot import Snapshots
from tcc_uploader.inspect.pending import PendingRuns, find_pending
from tcc_uploader.model.letter import LetterRequest, letter_id
from tcc_uploader.model.selection import Choice, Selection
from tcc_uploader.settings import Settings
from tcc_uploader.sources.given import Sources
from tcc_uploader.state import holder

from .exit_codes import Exit
from .one_shot import deliver_once
from .options import SPOOLS, STATE_OPTIONS, settings_from, with_options
from .session import letters_of, reading
from .terminal import confirm, fail, note, say
from .text import capped, plural, unreadable_lines


@click.command("drop")
@click.argument("run_ids", nargs=-1, metavar="[RUN_ID]...")
@click.option("--session", "sessions", multiple=True, metavar="ID", help="All runs of this session; repeat for more.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@with_options(SPOOLS, *STATE_OPTIONS)
def drop_command(*, run_ids: tuple[str, ...], sessions: tuple[str, ...], yes: bool, **options: Any) -> None:
    """Take pending runs out before they are sent, with their late steps, tool calls and feedback; it asks first.

    For a secret that was recorded by mistake.  The records count as dropped.  Exit codes: 66 nothing of them is
    pending; 75 a run is still being recorded: drop it when it has ended.

    Example: tcc-upload drop --session conversation-7
    """
    if not run_ids and not sessions:
        raise click.UsageError("name runs by their ids, or sessions by --session")
    settings = settings_from(options)
    wanted = set(run_ids)
    if sessions:
        with Snapshots(settings.spools) as snapshots:
            lines = (line for snapshot in snapshots.all for _, line in lines_of(snapshot))
            wanted |= Choice(Selection(sessions=list(sessions)), lines).runs
    with reading(settings) as ledger:
        found = find_pending(list(settings.spools), ledger, wanted)
    note(*unreadable_lines(found.unreadable))
    if not found.records and not found.unended:
        fail("nothing of this is pending; what was refused is in `tcc-upload dead list`", Exit.NOTHING_FOUND)
    if found.records:
        _drop(settings, found, yes=yes)
    if found.unended:
        fail(f"still being recorded: {', '.join(sorted(found.unended))}; drop it when it has ended", Exit.PENDING)


def _drop(settings: Settings, found: PendingRuns, *, yes: bool) -> None:
    say(*capped([f"{line.kind} {line.id}, {len(line.body):,} bytes" for line, _ in found.records], str))
    target = settings.state_dir.name
    if not yes:
        confirm(f"Drop {plural(len(found.records), 'record')}, so that nothing of this is sent to {target}?")
    with reading(settings) as ledger:
        letters = letters_of(settings, ledger)
        for line, record in found.records:
            ident = letter_id(record.segment, record.line, record.digest, line.key)
            letters.ask(LetterRequest(action="drop", letter=ident, pending=record))
    if pid := holder(settings.state_dir):
        say(f"handed to the running uploader, pid {pid}: `tcc-upload status` counts it as dropped in a moment")
    else:
        deliver_once(settings, Sources(), timeout=0, bar=False)
        say(f"dropped for {target}")
    say("The text still lies in these files, and in every copy and bundle of them:")
    say(*(f"  {path}: {_until_when(found, path)}" for path in found.others))


def _until_when(found: PendingRuns, path: str) -> str:
    """Return how long a file stays in the spool."""
    if path in found.stays:
        return "no uploader removes this file: it is damaged, or not a recorder's; remove it yourself"
    others = f"when its other pending records ({found.others[path]:,}) are settled, " if found.others[path] else ""
    return f"{others}the daemon (or `replay --remove`) removes it, if its writer has ended or sealed it"
