"""``tcc-upload report``: recorded runs as one HTML file, to be looked at in a browser."""

import os
import sys
import webbrowser
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from tcc_schemas.version import __version__
from tcc_uploader.files import bytes_in, file_name
from tcc_uploader.inspect.report.columns import Made
from tcc_uploader.inspect.report.write import write_report
from tcc_uploader.inspect.runs.wanted import Wanted, all_wanted
from tcc_uploader.settings import Settings
from tcc_uploader.sinks import plural
from tcc_uploader.sources.paths import STDIN

from .exit_codes import Exit
from .options import PAGE, PATHS, SPOOLS, STATE_OPTIONS, settings_from, with_options
from .progress import reading_bar
from .recorded_runs import looking
from .run_options import wanting
from .run_text import findings
from .terminal import fail, note
from .text import asked_by, size, told

_NAME: Final = Path("tcc-report.html")
_MOST: Final = "200M"
"""The size above which contents are left out, if nobody says another."""


def _size(_context: click.Context, _option: click.Parameter, value: str) -> int:
    """Return bytes; what is no size is a usage error."""
    try:
        return bytes_in(value)
    except ValueError as error:
        raise click.BadParameter(f"{error}; 0 for any size") from None


@click.command("report")
@with_options(PATHS)
@click.option(
    "-o",
    "--output",
    type=PAGE,
    default=_NAME,
    show_default=True,
    help="The file to write, *.html; one of this name is replaced.",
)
@click.option("--open", "opens", is_flag=True, help="Open it in the browser.")
@click.option(
    "--max-size",
    metavar="BYTES[k|M|G]",
    default=_MOST,
    show_default=True,
    callback=_size,
    help="Leave out contents of the oldest successful runs above this size (1k is 1,024); 0: never.",
)
@click.option("--no-content", is_flag=True, help="Leave out prompts, answers, arguments, results and messages.")
@wanting
@with_options(SPOOLS, *STATE_OPTIONS)
def report_command(
    *,
    paths: tuple[Path, ...],
    output: Path,
    opens: bool,
    max_size: int,
    no_content: bool,
    wanted: Wanted,
    **options: Any,
) -> None:
    """Write the runs in the default spool, or in PATHS (all that `replay` takes), as one HTML file to be looked at.

    It opens in any browser from the disk and asks for nothing on the network.  It is made with mode 0600 and holds
    what was recorded, texts included.  Exit code 75: something could not be read, or the file not be written.

    Example: tcc-upload report runs.tar.gz -o report.html --open
    """
    try:
        whole = make_report(settings_from(options), paths, wanted, output, max_size=max_size, contents=not no_content)
    except OSError as error:
        fail(f"can't write {output}: {error.strerror or error}", Exit.PENDING)
    if opens and not webbrowser.open(output.resolve().as_uri()):
        note("there is no browser here: open the file yourself")
    sys.exit(Exit.DELIVERED if whole else Exit.PENDING)


def make_report(
    settings: Settings,
    paths: Sequence[Path],
    wanted: Wanted,
    output: Path,
    *,
    max_size: int = bytes_in(_MOST),
    contents: bool = True,
) -> bool:
    """Write the report on ``paths``, or on the spools, and say what is in it; see :func:`write_report`.

    Return whether everything could be read.  Raises OSError if the report can't be written.
    """
    with looking(settings, paths) as reader, reading_bar("report", reader.sources) as reader.did:
        written = write_report(
            all_wanted(reader, wanted),
            reader,
            output,
            made=Made(_now(), __version__, _sources(paths or reader.sources.spools), _asked(wanted)),
            max_size=max_size,
            contents=contents,
        )
    note(*findings(reader))
    counts = told(plural(written.runs, "run"), (written.failed, f"{written.failed:,} failed"), size(written.size))
    note(f"{output}: {', '.join(counts)}")
    if written.left_out:
        note(f"contents of {plural(written.left_out, 'run')} left out (--max-size)")
    return not (reader.files.unreadable or reader.files.newer)


def _now() -> datetime:
    """Return the time at which the report says that it was made; ``SOURCE_DATE_EPOCH`` makes equal files equal."""
    fixed = os.environ.get("SOURCE_DATE_EPOCH", "")
    return datetime.fromtimestamp(int(fixed), UTC) if fixed.isdecimal() else datetime.now(UTC)


def _sources(paths: Sequence[Path]) -> list[str]:
    """Return what the report says that it was made from: the names alone, because the file goes elsewhere."""
    return ["standard input" if path == STDIN else file_name(Path(path.resolve().name)) for path in paths]


def _asked(wanted: Wanted) -> str:
    """Return what was asked for, as options; empty if that is everything."""
    parts = told(
        *map(" ".join, asked_by(wanted.selection)),
        *(f"--model {text}" for text in wanted.models),
        *(f"--tool {text}" for text in wanted.tools),
        (wanted.pattern, f"--grep {wanted.pattern.pattern}" if wanted.pattern else ""),
    )
    return " ".join(parts)
