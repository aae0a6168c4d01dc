"""``tcc-upload show``: one run, with everything that it did."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final

import click

from tcc_uploader.inspect.runs.messages import as_text
from tcc_uploader.inspect.runs.reader import RunReader
from tcc_uploader.inspect.runs.tables import nested
from tcc_uploader.inspect.runs.values import Call, Outcome, Post, Run, Span, Step, ToolCall, text_of
from tcc_uploader.sinks import plural

from .exit_codes import Exit
from .options import AS_JSON, SPOOLS, STATE_OPTIONS, settings_from, with_options
from .recorded_runs import looking
from .run_text import STYLES, amount, findings, local, message, money, took
from .styled import Part, cell, is_terminal, say_styled, width
from .terminal import fail, note, on_line, say_bytes, say_in_full, say_json
from .text import capped, told

LAST: Final = {
    "last": lambda _: True,
    "last-error": lambda run: run.outcome is Outcome.ERROR,
}
"""Names of runs that stand for an id, and what run each is the newest of."""
_LEAST: Final = 4
"""Characters of a part of an id that are enough to look for; what is shorter is a whole id."""
_NAME: Final = 20
"""Columns for the name of a model or tool."""
_FORMS: Final = {"json": "JSON", "text": "Begins with", "base64": "Begins with, in base64"}
"""What stands above the body of a post."""
_COLUMNS: Final = range(12, 41)
"""Columns for the bars."""


@click.command("show")
@click.argument("run_id", metavar="ID")
@click.argument("paths", nargs=-1, type=click.Path(exists=True, allow_dash=True, path_type=Path))
@click.option("--steps", "texts", is_flag=True, help="Show all texts of every step and tool call.")
@click.option("--raw", is_flag=True, help="Print what was recorded of it, byte for byte: a request's body per line.")
@with_options(AS_JSON, SPOOLS, *STATE_OPTIONS)
def show_command(
    *, run_id: str, paths: tuple[Path, ...], texts: bool, raw: bool, as_json: bool, **options: Any
) -> None:
    """Show a run of the default spool, or of PATHS: outcome, calls over time, prompt and response.

    ID is a run's id, or a part of it that no other has; `last`; or `last-error`.
    Exit codes: 66 there is no such run; 2 there are several: they are listed.

    Example: tcc-upload show last-error --steps
    """
    with looking(settings_from(options), paths, _meant(run_id)) as reader:
        run = _found(reader, run_id)
        if raw:
            for record in run.records:
                say_bytes(record.line.body)
        elif as_json:
            say_json(nested(run))
        else:
            _say_run(run, texts=texts)
        note(*findings(reader))


def _meant(run_id: str) -> Callable[[str], bool]:
    if len(run_id) < _LEAST:
        return lambda ident: ident == run_id
    return lambda ident: run_id in LAST or run_id in ident


def _found(reader: RunReader, run_id: str) -> Run:
    """Return the run that is meant; end the command if there is none, or if there are several."""
    if run_id in LAST:
        found = list(islice(filter(LAST[run_id], reader.newest_first()), 1))
    else:
        found = []
        for run in chain(reader.newest_first(), reader.without_record()):
            if run.id == run_id:
                return run
            found.append(run)
    if not found:
        note(*findings(reader))
        few = f"; of a part of an id, {_LEAST} characters are needed" if len(run_id) < _LEAST else ""
        fail(f"no such run in {reader.sources}{few}", Exit.NOTHING_FOUND)
    if len(found) > 1:
        note(*capped(found, lambda run: f"{run.id}  {local(run.start, '%Y-%m-%d %H:%M:%S')}  {run.prompt[:60]}"))
        fail(f"{plural(len(found), 'run')} could be meant: give more of the id", Exit.USAGE)
    return found[0]


def _say_run(run: Run, *, texts: bool) -> None:
    sign, style = STYLES[run.outcome]
    say_styled((f"{sign} {run.outcome.value}", style), ("  ", ""), (on_line(run.title), "bold"))
    started = local(run.start, "%Y-%m-%d %H:%M:%S %Z")
    say_styled(
        ("  ".join(told(run.id, (run.session_id, f"session {on_line(run.session_id)}"), started)), "dim"), cut=False
    )
    if run.metadata:
        say_styled(("  ".join(on_line(f"{name}={value}") for name, value in run.metadata.items()), "dim"), cut=False)
    say_styled((" · ".join(_facts(run)), ""), cut=False)
    if text := message(run):
        say_styled((text, style.removeprefix("bold ")), cut=False)
    for feedback in run.feedback:
        said = on_line(f"feedback: {feedback.score} {feedback.text}")
        say_styled((said.rstrip(), "magenta"))
    if run.calls:
        say_styled()
        for parts in tree(run, width() if is_terminal() else None):
            say_styled(*parts)
    if texts:
        for number, call in enumerate(run.calls, 1):
            _say_call(number, call)
    for post in run.posts:
        _say_post(post)
    say_styled()
    _say_titled("User", run.prompt, "bold blue")
    _say_titled("Response", run.response, "bold green")
    if texts and run.attributes:
        _say_titled("Attributes", as_text(run.attributes), "dim")


def _facts(run: Run) -> list[str]:
    return told(
        took(run.ms),
        plural(len(run.steps), "LLM call"),
        plural(len(run.tool_calls), "tool call"),
        (run.spans, plural(len(run.spans), "other span")),
        (run.tokens, f"{amount(run.tokens)} tokens"),
        (run.tokens_cached, f"{amount(run.tokens_cached)} of them cached"),
        (run.cost, money(run.cost)),
        (run.fate, run.fate),
        Path(run.source).name,
    )


def tree(run: Run, columns: int | None) -> Iterator[list[Part]]:
    """Yield the lines of a run's calls over time; ``columns`` is the terminal's width, None if nothing is cut."""
    size = min(max(columns - 64, _COLUMNS.start), _COLUMNS[-1]) if columns else _COLUMNS[-1]
    calls = run.calls
    whole = run.ms or max((_ms_until(run, call) for call in calls), default=0) or 1
    for number, call in enumerate(calls, 1):
        is_last = number == len(calls)
        style = STYLES[call.outcome][1] if call.outcome is Outcome.ERROR else ""
        name, color, detail = _told(call)
        yield [
            ("└─ " if is_last else "├─ ", "dim"),
            (cell(name, _NAME), style or ("bold" if isinstance(call, Step) else "")),
            (" ", ""),
            (_bar(_ms_until(run, call), call.ms or 0, whole, size), style or color),
            (f" {took(call.ms):>7}  ", "dim"),
            (detail, "dim"),
        ]
        if call.outcome is Outcome.ERROR and call.message:
            yield [("   " if is_last else "│  ", "dim"), (f"  {on_line(call.message)}", "red")]


def _bar(until: float, ms: float, whole: float, size: int) -> str:
    """Return ``size`` columns for ``whole`` ms; those of a call of ``ms`` that ended at ``until`` are filled."""
    first = int(max(0, min(until - ms, whole)) / whole * size)
    filled = round(ms / whole * size)
    first = min(first, size - 1)
    filled = min(max(filled, 1), size - first)
    return " " * first + ("█" * filled if ms else "▌") + " " * (size - first - filled)


def _ms_until(run: Run, call: Call) -> float:
    """Return after how many milliseconds of a run a call ended."""
    if run.start is None or call.end is None:
        return 0
    return (call.end - run.start).total_seconds() * 1000


def _told(call: Call) -> tuple[str, str, str]:
    """Return a call's name, its bar's color, and what is told beside it."""
    if isinstance(call, ToolCall):
        return call.name, "yellow", on_line(call.args)
    if isinstance(call, Span):
        return call.name, "dim", on_line(call.input)
    asked = call.tokens_in + call.tokens_cached
    usage = f"{amount(asked)}→{amount(call.tokens_out)}" if asked or call.tokens_out else ""
    return call.model or "LLM", "blue", "  ".join(told(usage, money(call.cost)))


def _say_call(number: int, call: Call) -> None:
    say_styled()
    name, _, _ = _told(call)
    say_styled((f"{number}. {on_line(name)}", "bold"), (f"  {took(call.ms)}  {call.id}", "dim"))
    if isinstance(call, Step):
        parts: Iterable[tuple[str, str]] = (
            ("Prompt", text_of(call.wire, "prompt")),
            ("Response", text_of(call.wire, "response")),
        )
    elif isinstance(call, ToolCall):
        parts = (("Arguments", call.args), ("Result", call.result))
    else:
        parts = (("Input", call.input), ("Output", call.output))
    for title, text in (*parts, ("Message", call.message), ("Attributes", text_of(call.wire, "attributes"))):
        if text:
            _say_titled(title, text, "dim")


def _say_post(post: Post) -> None:
    """Print what is known of a post that can't be read, and its JSON, or the beginning of its bytes."""
    say_styled()
    say_styled((post.title, "bold"), (f"  {post.reason}", "dim"), cut=False)
    for form, value in post.body.items():
        say_styled((_FORMS[form], "dim"))
        say_in_full(as_text(value))


def _say_titled(title: str, text: str, style: str) -> None:
    say_styled((title, style))
    say_in_full(text or "—")
