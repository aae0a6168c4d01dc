"""``tcc-upload drop``: take pending runs out before they are sent."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import click

from tcc_schemas.lines import Line
from tcc_uploader.bundle.filter import lines_of
from tcc_uploader.bundle.snapshot import Snapshots
from tcc_uploader.dead.letters import letter_line, requeued_letters
from tcc_uploader.inspect.pending import PendingRuns, find_pending
from tcc_uploader.model.letter import LetterRequest, letter_id
from tcc_uploader.model.selection import Choice, Selection
from tcc_uploader.settings import Settings
from tcc_uploader.sinks import plural
from tcc_uploader.state import holder

from .exit_codes import Exit
from .one_shot import ask, carry_out_requests
from .options import SPOOLS, STATE_OPTIONS, needs_folders, settings_from, with_options
from .session import letters_of, reading
from .terminal import confirm, fail, note, say
from .text import capped, unreadable_lines


@click.command("drop")
@click.argument("run_ids", nargs=-1, metavar="[RUN_ID]...")
@click.option("--session", "sessions", multiple=True, metavar="ID", help="All runs of this session; repeat for more.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@with_options(SPOOLS, *STATE_OPTIONS)
def drop_command(*, run_ids: tuple[str, ...], sessions: tuple[str, ...], yes: bool, **options: Any) -> None:
    """Take pending runs out before they are sent, with their late steps, tool calls and feedback; it asks first.

    For a secret that was recorded by mistake.  The records count as dropped.  RUN_ID is a run's id or, without --yes, a
    part of it that no other has.

    Exit codes: 2 there are several runs of this id; 66 nothing of them is pending; 75 a
    run is still being recorded, or another uploader is sending it: drop it when that has ended.

    Example: tcc-upload drop --session conversation-7
    """
    if not run_ids and not sessions:
        raise click.UsageError("name runs by their ids, or sessions by --session")
    settings = needs_folders(settings_from(options))
    wanted = set(run_ids) if yes else _whole_ids(settings, run_ids)
    with reading(settings) as ledger:
        letters = requeued_letters(letters_of(settings, ledger), ledger)
        if sessions:
            with Snapshots(settings.spools) as snapshots:
                lines = chain(_lines_in(snapshots), map(letter_line, letters))
                wanted |= Choice(Selection(sessions=list(sessions)), lines).runs
        found = find_pending(list(settings.spools), ledger, wanted, letters)
    note(*unreadable_lines(found.unreadable))
    if not (found.records or found.letters or found.unended):
        fail("nothing of this is pending; what was refused is in `tcc-upload dead list`", Exit.NOTHING_FOUND)
    if found.records or found.letters:
        _drop(settings, found, yes=yes)
    if found.unended:
        fail(f"still being recorded: {', '.join(sorted(found.unended))}; drop it when it has ended", Exit.PENDING)


def _whole_ids(settings: Settings, parts: Sequence[str]) -> set[str]:
    """Return the ids of runs of which ``parts`` are the ids, or unique parts; end the command at one that is not."""
    found: dict[str, set[str]] = {part: set() for part in parts}
    with Snapshots(settings.spools) as snapshots:
        for line in _lines_in(snapshots) if parts else ():
            ident = line.run_id or (line.id if line.kind == "run" else "")
            for part in (part for part in parts if part in ident):
                found[part].add(ident)
    for part, idents in found.items():
        if len(idents) > 1 and part not in idents:
            note(*capped(sorted(idents), str))
            fail(f"{plural(len(idents), 'run')} could be meant by {part}: give more of the id", Exit.USAGE)
    return {part if part in idents or not idents else next(iter(idents)) for part, idents in found.items()}


def _lines_in(snapshots: Snapshots) -> Iterator[Line]:
    return (line for snapshot in snapshots.all for _, line in lines_of(snapshot))


def _drop(settings: Settings, found: PendingRuns, *, yes: bool) -> None:
    lines = [*(line for line, _ in found.records), *map(letter_line, found.letters)]
    say(*capped(lines, lambda line: f"{line.kind} {line.id}, {plural(len(line.body), 'byte')}"))
    target = settings.state_dir.name
    if not yes:
        confirm(f"Drop {plural(len(lines), 'record')}, so that nothing of this is sent to {target}?")
    asked = [
        LetterRequest(action="drop", letter=letter_id(each.segment, each.line, each.digest, line.key), pending=each)
        for line, each in found.records
    ]
    asked += [LetterRequest(action="drop", letter=letter.id) for letter in found.letters]
    ask(settings, asked)
    if pid := holder(settings.state_dir):
        say(f"handed to the running uploader, pid {pid}: `tcc-upload status` counts it as dropped in a moment")
    else:
        carry_out_requests(settings, asked)
        say(f"dropped for {target}")
    if found.others:
        say("The text still lies in these files, and in every copy and earlier bundle of them:")
    say(*(f"  {path}: {_until_when(found, path)}" for path in found.others))


def _until_when(found: PendingRuns, path: str) -> str:
    """Return how long a file stays in the spool."""
    if path in found.stays:
        return "no uploader removes this file: it is damaged, or not a recorder's; remove it yourself"
    others = f"when its other pending records ({found.others[path]:,}) are settled, " if found.others[path] else ""
    return f"{others}the daemon (or `replay --remove`) removes it, if its writer has ended or sealed it"
