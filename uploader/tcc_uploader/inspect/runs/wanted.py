"""Chooses runs by what is in them.  Pure."""

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

from tcc_uploader.model.selection import STATUSES, RunFacts, Selection

from .reader import RunReader
from .values import Feedback, Run, Timed


class Wanted(NamedTuple):
    """What somebody wants to see; what is empty allows any.  Names are compared without regard to case."""

    selection: Selection
    models: tuple[str, ...] = ()
    """One of these is in the name of a model that was asked or answered."""
    tools: tuple[str, ...] = ()
    """One of these is in the name of a tool that was called."""
    pattern: re.Pattern[str] | None = None
    """It is found in a text of the run, of its children or of its feedback."""

    def takes(self, run: Run) -> bool:
        """Whether a run is wanted; the selection's limit aside."""
        models = (text for step in run.steps for text in (step.model, step.wire.get("model_requested")))
        return (
            self.selection.takes(RunFacts(STATUSES.get(run.outcome.value), run.session_id, run.start))
            and _is_in(self.models, models)
            and _is_in(self.tools, (call.name for call in run.tool_calls))
            and (self.pattern is None or any(map(self.pattern.search, _texts_of_run(run))))
        )


def matching(runs: Iterable[Run], wanted: Wanted) -> Iterator[Run]:
    """Yield the wanted ones of ``runs``, which come newest first; take no more of them than needed."""
    left, since = wanted.selection.limit or -1, wanted.selection.since
    for run in runs:
        if since and run.start and run.start < since:
            return
        if wanted.takes(run):
            yield run
            left -= 1
            if not left:
                return


def all_wanted(reader: RunReader, wanted: Wanted) -> Iterator[Run]:
    """Return the wanted runs of a reader, newest first; then, without a limit, those without a record of their own."""
    found = matching(reader.newest_first(), wanted)
    return found if wanted.selection.limit else chain(found, filter(wanted.takes, reader.without_record()))


def _is_in(parts: tuple[str, ...], names: Iterable[object]) -> bool:
    return not parts or any(
        part.casefold() in name.casefold() for name in names if isinstance(name, str) for part in parts
    )


def _texts_of_run(run: Run) -> Iterator[str]:
    yield run.id
    items: list[Timed | Feedback] = [run, *run.calls, *run.feedback]
    for item in items:
        yield from _texts(item.wire)
    for post in run.posts:
        yield from _texts(post.body)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)
