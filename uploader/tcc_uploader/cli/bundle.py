"""``tcc-upload bundle``: pack spools into one file, to be carried to another machine."""

import sys
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any, Final

import click

from tcc_uploader.bundle.build import BundleError, Plan, plan, read_back, write
from tcc_uploader.bundle.leave_out import BundledSegment, LeaveOut, note_bundled, read_bundled
from tcc_uploader.bundle.output import FileOutput, ObjectOutput, Output, filled
from tcc_uploader.bundle.pack import ENDINGS, GZIP_ENDING, ZSTD_ENDING
from tcc_uploader.bundle.remove import remove_bundled
from tcc_uploader.bundle.snapshot import Snapshots
from tcc_uploader.ledger.opening import has_ledger
from tcc_uploader.model.ledger import LedgerError
from tcc_uploader.model.selection import Selection
from tcc_uploader.settings import Settings
from tcc_uploader.sinks import plural
from tcc_uploader.sources.decompress import ZSTD
from tcc_uploader.sources.given import Sources
from tcc_uploader.state import SpoolLocks

from .exit_codes import Exit, exit_of_bundle
from .options import SPOOLS, STATE_OPTIONS, Place, needs_folders, selecting, settings_from, with_options
from .progress import bytes_bar
from .session import ending, on_signals, reading, working
from .sources import asking
from .terminal import OutputError, fail, note
from .text import left_out_lines, passed_over_lines, size, unreadable_lines

_STDOUT: Final = Path("-")
_STDOUT_NUMBER: Final = 1
"""Of the descriptor itself: ``sys.stdout`` stands for nothing if it was closed, and a bundle must not go there."""
_MISSING: Final = "name the agent's spool, or set TCC_SPOOL_DIR; the default lies in each user's own home"


@click.command("bundle")
@click.argument("folders", nargs=-1, metavar="[SPOOLS]...", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    type=Place(path_type=Path),
    help="The bundle: *.tar.zst, *.tar.gz, *.tgz or *.zip; - for standard output; or s3://BUCKET/NAME, in which {host} "
    "and {time} are filled in.",
)
@selecting
@click.option("--remove", is_flag=True, help="Remove from the spool what was bundled and can't grow any more.")
@click.option("--all", "every", is_flag=True, help="Take in also what was delivered or dropped, as the ledger says.")
@with_options(SPOOLS, *STATE_OPTIONS)
def bundle_command(
    *,
    folders: tuple[Path, ...],
    spools: tuple[Path, ...],
    output: Path | str,
    selection: Selection,
    remove: bool,
    every: bool,
    **options: Any,
) -> None:
    """Pack the default spool, or SPOOLS, into one file, with a manifest of what must arrive.

    It holds everything that was recorded before the command began, also by agents that are still running; or only the
    runs that --status, --session, --since, --until and -n select, each with all its records, also those in other
    segments.  What was delivered or dropped here is left out.  An existing file is never replaced.

    If there is nothing to pack, no file is made (a pipe gets a bundle without segments).  Exit codes: 0 packed, or
    nothing is there to be packed; 65 damage is packed, too; 66 the spool is missing, or no run is chosen by these
    options; 75 run it again; 77 an operator is needed; 2 usage.

    Example: tcc-upload bundle -o /media/stick/runs.tar.gz --remove
    """
    if remove and (selection or output == _STDOUT):
        raise click.UsageError("--remove needs a bundle of everything, in a file or object")
    settings = needs_folders(settings_from({"spools": folders + spools, **options}))
    target, suffix = _target_of(output)
    on_signals(partial(sys.exit, Exit.PENDING))
    try:
        with ending(settings), asking(output), SpoolLocks(settings.spools if remove else ()) as locks:
            bundled = read_bundled(settings.state_dir)
            made = _make(settings, selection, target, suffix, None if every else bundled)
            if remove and target:
                locks.take_all()  # a spool that came meanwhile may be another uploader's
                _remove(settings, made, target, bundled)
    except BundleError as error:
        fail(str(error), Exit.PENDING)
    except OSError as error:
        if output == _STDOUT:
            raise OutputError(error) from error
        fail(f"can't write {output}: {error.strerror or error}", Exit.PENDING)
    note(*passed_over_lines(Sources(list(settings.spools)).passed_over), *unreadable_lines(made.unreadable))
    note(*(f"{path} is carried as it is: {why}" for path, why in made.foreign.items()))
    if made.damaged:
        note(f"{plural(made.damaged, 'damaged line')} carried unchanged")
    missing = [spool for spool in settings.spools if spool not in made.unreadable and not spool.exists()]
    note(*(f"{spool} does not exist: {_MISSING}" for spool in missing))
    sys.exit(exit_of_bundle(made, missing=bool(missing)))


def _make(
    settings: Settings,
    selection: Selection,
    output: Output | None,
    ending: str,
    bundled: dict[str, BundledSegment] | None,
) -> Plan:
    """Write the bundle; of everything, if ``bundled`` is None.  Raises :class:`BundleError`, OSError."""
    with Snapshots(settings.spools) as snapshots, bytes_bar("bundle") as bar:
        here = sum(snapshot.size for snapshot in snapshots.all)
        with reading(settings) as ledger:
            leave_out = None if bundled is None else LeaveOut(ledger, bundled)
            made = plan(snapshots, selection, leave_out, lambda more: bar(more, 2 * here))
        there = here + sum(member.entry.bytes for member in made.members)
        if output is None:  # whoever reads a pipe gets a bundle, if only one without segments
            written = write(made, ending, _STDOUT_NUMBER, lambda more: bar(more, there))
        elif not made.members:
            written = 0
        else:
            with output.new() as file:
                written = write(made, ending, file.fileno(), lambda more: bar(more, there))
    counts = f"{plural(len(made.members), 'segment')}, {plural(made.manifest.records, 'record')}"
    if made.members:
        note(f"{output.name if output else '-'}: {counts}, {size(written)}")
    else:
        note(f"nothing to pack in {', '.join(map(str, settings.spools))}: no file was made")
    open_ones = sum(1 for _, place in made.left_out if place)
    empty = sum(1 for member, place in made.left_out if not (place or member.entry.records))
    if finished := len(made.left_out) - open_ones - empty:
        note(f"{plural(finished, 'delivered segment')} left out (--all takes them in)")
    if empty:
        note(f"{plural(empty, 'segment')} without a record left out (--all takes them in)")
    note(*left_out_lines(made.choice, "stay in the spool"))
    if made.dropped:
        note(f"{plural(made.dropped, 'line')} of dropped runs left out (--all takes them in)")
    if open_ones:
        since = "nothing was added since an earlier bundle"
        note(f"{plural(open_ones, 'open segment')} left out: {since} (--all takes them in)")
    return made


def _remove(settings: Settings, made: Plan, output: Output, bundled: dict[str, BundledSegment]) -> None:
    """Read the bundle back; then remove from the spools what is in it."""
    if made.members:
        read_back(output, made.manifest)
    with working(settings) if has_ledger(settings) else nullcontext() as ledger:
        try:
            here = [(member, f"{output.place}/{member.entry.name}") for member in made.members]
            staying = remove_bundled([*here, *made.left_out], ledger)
        except LedgerError as error:
            fail(
                f"can't write the ledger in {settings.ledger_place} ({error}): run it again",
                Exit.PENDING,
            )
    with ending(settings, OSError):
        note_bundled(
            settings.state_dir, [member for member in made.members if member.path in staying], output.place, bundled
        )
    all_files = len(made.members) + len(made.left_out)
    note(f"removed {all_files - len(staying):,} of {plural(all_files, 'segment')}")
    note(*(f"{path} stays: {why}" for path, why in staying.items()))


def _target_of(output: Path | str) -> tuple[Output | None, str]:
    """Return where a bundle goes (None: to standard output), and the ending that says what kind of archive to write.

    An output that can't be is a usage error.
    """
    if output == _STDOUT:
        if sys.stdout.isatty():
            raise click.UsageError("-o - is for a pipe or a file: a terminal can't show a bundle")
        return None, ZSTD_ENDING if ZSTD else GZIP_ENDING
    ending = next((ending for ending in ENDINGS if str(output).endswith(ending)), None)
    if ending is None:
        raise click.UsageError(f"{output} must end in one of {', '.join(ENDINGS)}")
    if ending == ZSTD_ENDING and ZSTD is None:
        raise click.UsageError("a .tar.zst needs zstd: pip install 'tcc-offline[zstd]', or name it .tar.gz")
    with asking(output):
        target = _object_named(output) if isinstance(output, str) else FileOutput(output)
        if target.exists:
            raise click.UsageError(f"{target.name} exists, and may hold the only copy of its records: name another")
    return target, ending


def _object_named(name: str) -> Output:
    """Return the object that a name stands for.  Raises :class:`StoreError`."""
    from tcc_uploader.sources.s3 import S3  # noqa: PLC0415 -- few have its library, or need it

    try:
        name = filled(name)
    except ValueError as error:
        raise click.UsageError(f"{name}: {error}") from error
    return ObjectOutput(name, S3(name))
