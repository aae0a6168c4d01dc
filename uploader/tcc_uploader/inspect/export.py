"""Writes runs for other programs: as SQLite tables, or as JSON, one run per line.

``inspect/runs/tables.py`` has the names of tables and columns.  A run whose own record is elsewhere has rows for its
late steps, tool calls and feedback only.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import orjson

from tcc_uploader.spool.format import EXPORT_LINE

from .runs.reader import DamagedPlace
from .runs.tables import COLUMNS, Row, nested, rows_of
from .runs.values import Run

_KEYS = {
    "steps": "run_id",
    "tool_calls": "run_id",
    "spans": "run_id",
    "posts": "run_id",
    "feedback": "run_id",
    "metadata": "run_id",
    "runs": "session_id",
}
"""By table: the column by which it is looked up."""


def write_sqlite(path: Path, runs: Iterable[Run], damage: Iterable[DamagedPlace]) -> None:
    """Fill an empty file with tables of runs, and of damage, which is taken when all runs are.

    Raises OSError, also for what SQLite says.  A killed export leaves a file that is not whole: name it when it is.
    """
    damaged: Iterator[tuple[str, Row]] = (("damage", place._asdict()) for place in damage)
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as database:
            database.execute("PRAGMA journal_mode=OFF")
            database.execute("PRAGMA synchronous=OFF")
            database.execute("BEGIN")
            for table, columns in COLUMNS.items():
                told = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
                database.execute(f"CREATE TABLE {table} ({told})")
            for table, row in chain((row for run in runs for row in rows_of(run)), damaged):
                database.execute(_INSERT[table], row)
            for table, column in _KEYS.items():
                database.execute(f"CREATE INDEX {table}_by_{column} ON {table} ({column})")
            database.execute("CREATE INDEX runs_by_run_id ON runs (run_id)")
            database.execute("COMMIT")
    except sqlite3.Error as error:
        raise OSError(str(error)) from error


def write_jsonl(file: BinaryIO, runs: Iterable[Run]) -> None:
    """Write a line that says what this is, then each run with its children, feedback and metadata.  Raises OSError."""
    file.write(EXPORT_LINE + b"\n")
    file.writelines(orjson.dumps(nested(run), option=orjson.OPT_APPEND_NEWLINE) for run in runs)


_INSERT = {
    table: f"INSERT INTO {table} VALUES ({', '.join(f':{name}' for name in columns)})"  # noqa: S608 -- our own names
    for table, columns in COLUMNS.items()
}
