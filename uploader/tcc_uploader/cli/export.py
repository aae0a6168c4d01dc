"""``tcc-upload export``: runs for datasette, pandas, DuckDB and other programs."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from tcc_uploader.files import new_file
from tcc_uploader.inspect.export import write_jsonl, write_sqlite
from tcc_uploader.inspect.runs.reader import RunReader
from tcc_uploader.inspect.runs.values import Run
from tcc_uploader.inspect.runs.wanted import Wanted, all_wanted
from tcc_uploader.sinks import plural

from .exit_codes import Exit
from .options import PATHS, SPOOLS, STATE_OPTIONS, settings_from, with_options
from .progress import reading_bar
from .recorded_runs import looking
from .run_options import wanting
from .run_text import findings
from .terminal import OutputError, fail, note

_STDOUT = Path("-")
_OUTPUT = click.Path(path_type=Path, allow_dash=True)


@click.command("export")
@with_options(PATHS)
@click.option("--sqlite", "database", type=_OUTPUT, help="Write tables into this new SQLite file.")
@click.option(
    "--jsonl", "lines", type=_OUTPUT, help="Write one run per line into this new file; - for standard output."
)
@wanting
@with_options(SPOOLS, *STATE_OPTIONS)
def export_command(
    *,
    paths: tuple[Path, ...],
    database: Path | None,
    lines: Path | None,
    wanted: Wanted,
    **options: Any,
) -> None:
    """Write the runs in the default spool, or in PATHS (all that `replay` takes), to a file for other programs.

    A file of mode 0600 is made; none is replaced.  It holds what was recorded, texts included.  Exit code 66: no run
    fits.

    Example: tcc-upload export --sqlite runs.db --since 7d
    """
    output = database or lines
    if output is None or (database and lines):
        raise click.UsageError("name one file, with --sqlite or with --jsonl")
    if output == _STDOUT and database:
        raise click.UsageError("--sqlite needs a file")
    if output != _STDOUT and (output.exists() or output.is_symlink()):
        raise click.UsageError(f"{output} exists: name another file")
    with looking(settings_from(options), paths) as reader, reading_bar("export", reader.sources) as reader.did:
        runs = _Counted(all_wanted(reader, wanted))
        try:
            if output == _STDOUT:
                write_jsonl(sys.stdout.buffer, runs)
            else:
                _write(output, runs, reader, tables=database is not None)
        except OSError as error:
            if output == _STDOUT:
                raise OutputError(error) from error
            fail(f"can't write {output}: {error.strerror or error}", Exit.PENDING)
        note(*findings(reader))
        if not runs.number:
            fail(f"no such run in {reader.sources}", Exit.NOTHING_FOUND)
        note(f"{output}: {plural(runs.number, 'run')}")


class _Counted:
    """Runs on their way into a file, and how many there were."""

    def __init__(self, runs: Iterator[Run]) -> None:
        self._runs = runs
        self.number = 0

    def __iter__(self) -> Iterator[Run]:
        for run in self._runs:
            self.number += 1
            yield run


def _write(output: Path, runs: _Counted, reader: RunReader, *, tables: bool) -> None:
    """Write a file that is there when it is whole.  Raises OSError."""
    with new_file(output) as file:
        if tables:
            write_sqlite(Path(file.name), runs, reader.all_damage())
        else:
            write_jsonl(file, runs)
