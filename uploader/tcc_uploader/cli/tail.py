"""``tcc-upload tail``: runs as they end."""

import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from threading import Event
from typing import Any, Final

import click

from tcc_uploader.inspect.runs.follow import Follower
from tcc_uploader.inspect.runs.tables import counted
from tcc_uploader.inspect.runs.values import Run
from tcc_uploader.inspect.runs.wanted import Wanted, matching
from tcc_uploader.settings import Settings
from tcc_uploader.spool.watch import Watcher

from .exit_codes import Exit
from .options import AS_JSON, SPOOLS, STATE_OPTIONS, needs_folders, settings_from, with_options
from .recorded_runs import looking
from .run_options import wanting
from .run_text import STYLES, calls, findings, local, message, money, short, took
from .styled import say_styled
from .terminal import fail, note, on_line, say_json

_AT_FIRST: Final = 10
"""Runs that are shown at first, if nobody says how many."""
_LOOK_EVERY: Final = 1.0
"""Seconds after which the spools are looked at even if nothing was reported: events get lost."""


@click.command("tail")
@click.argument("folders", nargs=-1, metavar="[SPOOLS]...", type=click.Path(path_type=Path))
@wanting
@with_options(AS_JSON, SPOOLS, *STATE_OPTIONS)
def tail_command(
    *,
    folders: tuple[Path, ...],
    spools: tuple[Path, ...],
    wanted: Wanted,
    as_json: bool,
    **options: Any,
) -> None:
    """Show the newest 10 runs of the default spool, or of SPOOLS, then each run when it has ended; Ctrl-C ends it.

    What a daemon removes before it is read (`--after delete`) is not shown: a line says so.

    Exit code: 0 Ctrl-C ended it.

    Example: tcc-upload tail --status error
    """
    settings = needs_folders(settings_from({"spools": folders + spools, **options}))
    if wanted.selection.limit is None:
        wanted = wanted._replace(selection=wanted.selection.model_copy(update={"limit": _AT_FIRST}))

    def say(run: Run) -> None:
        say_json(counted(run), on_one_line=True) if as_json else _say_run(run)

    try:
        _follow(settings, wanted, say)
    except KeyboardInterrupt:
        sys.exit(Exit.DELIVERED)
    except OSError as error:
        fail(f"can't follow {', '.join(map(str, settings.spools))}: {error}", Exit.PENDING)


def _follow(settings: Settings, wanted: Wanted, say: Callable[[Run], None]) -> None:
    """Show what is there, then what comes.  Ends with KeyboardInterrupt.  Raises OSError."""
    follower, changed = Follower(settings.spools), Event()
    with closing(Watcher(settings.spools, lambda _: changed.set())) as watcher:
        watcher.check()
        follower.skip()
        with looking(settings, ()) as reader:
            at_first = list(matching(reader.newest_first(), wanted))
            for run in reversed(at_first):
                say(run)
            note(*findings(reader))
        shown_before = {run.id for run in at_first}  # they may have ended since the follower began
        while True:
            for found in follower.read_new():
                if not isinstance(found, Run):
                    note(f"{found.source}: {found.reason}")
                elif found.id in shown_before:
                    shown_before.remove(found.id)
                elif wanted.takes(found):
                    say(found)
            changed.wait(_LOOK_EVERY)
            changed.clear()
            watcher.check()


def _say_run(run: Run) -> None:
    sign, style = STYLES[run.outcome]
    facts = f"{took(run.ms):>7} {calls(run)} {money(run.cost)}"
    say_styled(
        (local(run.end or run.start, "%H:%M:%S "), "dim"),
        (f"{sign} ", style),
        (f"{short(run.id)} ", "cyan"),
        (f"{facts.rstrip()}  ", "dim"),
        (on_line(run.title), ""),
    )
    if text := message(run):
        say_styled(("         └ ", "dim"), (on_line(text), style.removeprefix("bold ")))
