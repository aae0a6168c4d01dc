"""``tcc-upload forget``: stop awaiting files that will never come back."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from tcc_uploader.files import file_name
from tcc_uploader.model.rows import SegmentRow
from tcc_uploader.sinks import plural

from .exit_codes import Exit
from .options import STATE_OPTIONS, settings_from, with_options
from .session import reading, working
from .terminal import confirm, fail, say
from .text import capped


@click.command("forget")
@click.argument("names", nargs=-1, required=True, metavar="SEGMENT|PATH...")
@click.option("--yes", is_flag=True, help="Don't ask.")
@with_options(*STATE_OPTIONS)
def forget_command(*, names: tuple[str, ...], yes: bool, **options: Any) -> None:
    """Stop awaiting files that will never come back: a lost stick, a deleted bundle; it asks first.

    Name segments by their ids (`verify` tells them), or files, archives and folders by the paths that they had.  Their
    pending records and damaged places do not count any more.  What was delivered from them stays known: if they do
    come back, the rest is delivered.  Stop the daemon before.  Exit codes: 66 the ledger knows no such file that is
    gone; 73 an uploader works on this target.

    Example: tcc-upload forget /media/stick/spool
    """
    settings = settings_from(options)
    with reading(settings) as ledger:
        found = [row for row in ledger.segments() if _is_meant(row, names)]
    # of what has no size no byte is counted: an archive, or a segment that it should have held
    still_here = {row.path: row for row in found if row.size and Path(row.path).exists()}
    gone = [row for row in found if row.path not in still_here]
    say(*capped(still_here, lambda path: f"{path} is still here: it is not forgotten"))
    if not gone:
        fail("the ledger knows no file of this name that is gone", Exit.NOTHING_FOUND)
    say(*capped(gone, lambda row: f"{row.path}: {row.counts.pending:,} pending, {row.damaged:,} damaged; {row.id}"))
    if not yes:
        confirm(f"Forget {plural(len(gone), 'file')}, with {plural(_pending(gone), 'pending record')}?")
    with working(settings) as ledger:
        ledger.forget(row.number for row in gone)
    say(f"forgotten: {plural(len(gone), 'file')}")


def _is_meant(row: SegmentRow, names: Iterable[str]) -> bool:
    """Whether a row has one of these ids, or is of a file with one of these paths, or in such a folder or archive."""
    path = Path(row.path)
    for name in names:
        places = (Path(name), Path(file_name(Path(name).absolute())))  # what came by a pipe lies in "stdin"
        if row.id == name or any(place == path or place in path.parents for place in places):
            return True
    return False


def _pending(rows: Iterable[SegmentRow]) -> int:
    return sum(row.counts.pending for row in rows)
