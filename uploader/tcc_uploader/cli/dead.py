"""``tcc-upload dead``: list, show, requeue and drop dead letters."""

import sys
from collections.abc import Sequence
from typing import Any

import click

from tcc_uploader.dead.letters import dead_letters
from tcc_uploader.model.ledger import Ledger
from tcc_uploader.model.letter import Letter, LetterRequest, with_body
from tcc_uploader.settings import Settings
from tcc_uploader.sinks import plural
from tcc_uploader.sources.given import Sources
from tcc_uploader.spool.format import PLAIN_ID
from tcc_uploader.state import holder

from .exit_codes import Exit, exit_of_replay
from .one_shot import ask, carry_out_requests, deliver_once, end_if_waiting
from .options import AS_JSON, SENDING_OPTIONS, STATE_OPTIONS, TIMEOUT, settings_from, with_options
from .session import UnusableError, letters_of, looking_at, reading, targets_of
from .terminal import confirm, fail, note, say, say_in_full, say_json
from .text import result_hints, told, unreadable_lines

_CHOICE = (
    click.argument("ids", nargs=-1, metavar="[ID]..."),
    click.option("--all", "every", is_flag=True, help="Every dead letter."),
)


@click.group("dead")
def dead_command() -> None:
    """List, show, requeue and drop dead letters: records that can't be delivered as they are.

    Exit codes: 2 there is no such letter; others as `replay`.

    Example: tcc-upload dead show --all
    """


@dead_command.command("list")
@with_options(*STATE_OPTIONS, AS_JSON)
def list_command(*, as_json: bool, **options: Any) -> None:
    """List the dead letters of every target, a line each, with the reason.

    Exit codes: 0, also if there are none; 77 a target's ledger can't be read: the others are listed.

    Example: tcc-upload dead list --json
    """
    targets = targets_of(settings_from(options))
    found, unusable = _letters_in(targets)
    if as_json:
        say_json([{"target": target, **letter.model_dump()} for target, letter in found])
    else:
        _say_list(found, names_targets=len(targets) > 1)
    if unusable:
        note(*map(str, unusable))
        sys.exit(max(error.code for error in unusable))


def _say_list(found: Sequence[tuple[str, Letter]], *, names_targets: bool) -> None:
    """Print a line for each letter, under its target."""
    told_before = ""
    for target, letter in found:
        if names_targets and target != told_before:
            say(f"target {target}:")
        told_before = target
        say(_letter_line(letter))
    if not found:
        say("no dead letters")


@dead_command.command("show")
@with_options(*_CHOICE, *STATE_OPTIONS, AS_JSON)
def show_command(*, ids: tuple[str, ...], every: bool, as_json: bool, **options: Any) -> None:
    """Show letters in full: the reason, the server's answer, the origin, the bytes.

    An ID that this target has not is looked for in the others.

    Exit code: 2 there is no such letter, or there are several.

    Example: tcc-upload dead show 3f2a
    """
    chosen = _chosen(settings_from(options), ids, every=every, of_any_target=True)
    if as_json:
        say_json([letter.model_dump() for letter in chosen])
        return
    for letter in chosen:
        of_run = "" if letter.kind == "run" else f" of run {letter.run_id}"
        say(
            *told(
                f"letter   {letter.id}, died {letter.died_at}",
                f"reason   {letter.reason}: {letter.detail}",
                f"record   {letter.kind} {letter.record_id}{of_run}" if letter.kind else "record   none",
                f"origin   segment {letter.segment}, line {letter.line}: {letter.source}",
                (letter.url, f"sent to  {letter.url}"),
            )
        )
        if letter.status:
            say_in_full(f"answer   HTTP {letter.status}: {letter.answer}")
        say_in_full(f"bytes    {letter.body_bytes.decode(errors='backslashreplace')}\n")


@dead_command.command("requeue")
@with_options(*_CHOICE)
@click.option("--edit", is_flag=True, help="Edit the JSON in $EDITOR first.")
@with_options(*SENDING_OPTIONS, TIMEOUT)
def requeue_command(*, ids: tuple[str, ...], every: bool, edit: bool, timeout: float, **options: Any) -> None:
    """Send letters once more, also records that the ledger takes for duplicates or conflicts.

    Exit codes as those of `replay`; 2 there is no such letter, or there are several.

    Example: tcc-upload dead requeue 3f2a --edit
    """
    settings = settings_from(options)
    asked = [_requeue_request(letter, edit=edit) for letter in _chosen(settings, ids, every=every)]
    ask(settings, asked)
    if pid := holder(settings.state_dir):
        say(f"handed to the running uploader, pid {pid}: see `tcc-upload dead list`")
        return
    result = deliver_once(settings, Sources(), timeout=timeout, bar=True, give_up=True)
    say(f"{plural(result.sent.delivered, 'letter')} delivered, {result.sent.dead} dead again")
    note(*result_hints(result, settings))
    end_if_waiting(settings, asked)
    sys.exit(exit_of_replay(result))


@dead_command.command("drop")
@with_options(*_CHOICE)
@click.option("--yes", is_flag=True, help="Don't ask.")
@with_options(*STATE_OPTIONS)
def drop_command(*, ids: tuple[str, ...], every: bool, yes: bool, **options: Any) -> None:
    """Give letters up for good; it asks first.

    Exit codes: 1 the answer was no; 2 there is no such letter, or there are several; 75 another uploader must do it.

    Example: tcc-upload dead drop --all --yes
    """
    settings = settings_from(options)
    chosen = _chosen(settings, ids, every=every)
    for letter in chosen:
        say(_letter_line(letter))
    if not yes:
        confirm(f"Drop {plural(len(chosen), 'letter')} for good?")
    asked = [LetterRequest(action="drop", letter=letter.id) for letter in chosen]
    ask(settings, asked)
    if not holder(settings.state_dir):
        carry_out_requests(settings, asked)


def _letters_in(targets: Sequence[Settings]) -> tuple[list[tuple[str, Letter]], list[UnusableError]]:
    """Return the dead letters of these targets, each with its target's name; and what can't be read."""
    found: list[tuple[str, Letter]] = []
    unusable: list[UnusableError] = []
    for settings in targets:
        try:
            with looking_at(settings) as ledger:
                found += ((settings.state_dir.name, letter) for letter in _dead_letters(settings, ledger).values())
        except UnusableError as error:
            unusable.append(error)
    return found, unusable


def _dead_letters(settings: Settings, ledger: Ledger) -> dict[str, Letter]:
    unreadable: dict[str, str] = {}
    found = dead_letters(letters_of(settings, ledger), ledger, unreadable)
    note(*unreadable_lines(unreadable))
    return found


def _chosen(settings: Settings, ids: Sequence[str], *, every: bool, of_any_target: bool = False) -> list[Letter]:
    """Return the letters that the command names; a wrong id ends it, as that of another target may."""
    with reading(settings) as ledger:
        found = _dead_letters(settings, ledger)
    if every:
        return list(found.values())
    if not ids:
        raise click.UsageError("name letters by their ids, or say --all")
    chosen = []
    for ident in ids:
        letters = [letter for letter in found.values() if ident in letter.id]
        elsewhere = [] if letters else _elsewhere(settings, ident)
        if of_any_target and len({letter.id for _, letter in elsewhere}) == 1:
            letters = [letter for _, letter in elsewhere]
        elif len(letters) != 1:
            what = f"{len(letters)} dead letters have in their ids" if letters else "there is no dead letter"
            do = f"it is of {elsewhere[0][0]}: name that by TCC_TARGET" if elsewhere else "see `tcc-upload dead list`"
            fail(f"{what} {ident} in the target {settings.state_dir.name}: {do}", Exit.USAGE)
        chosen += letters
    return chosen


def _elsewhere(settings: Settings, ident: str) -> list[tuple[str, Letter]]:
    """Return the dead letters of other targets that have this in their ids, each with its target."""
    others = [target for target in targets_of(settings) if target.state_dir != settings.state_dir]
    return [(target, letter) for target, letter in _letters_in(others)[0] if ident in letter.id]


def _requeue_request(letter: Letter, *, edit: bool) -> LetterRequest:
    """Return the request to send a letter, edited if that is wanted.  A body that is no record ends the command."""
    body = letter.body_bytes
    if edit and not letter.is_json:
        fail(f"letter {letter.id} is no JSON text: it can only be sent as it is, without --edit", Exit.USAGE)
    if edit and (edited := click.edit(body.decode(errors="replace"), extension=".json")) is not None:
        body = edited.strip().encode()
    if body == letter.body_bytes and letter.is_record:
        return LetterRequest(action="requeue", letter=letter.id)
    try:
        changed = with_body(letter, body.strip())
    except ValueError as error:
        fail(f"letter {letter.id} can't be sent like this: {error}; it stays as it was (try --edit)", Exit.USAGE)
    return LetterRequest(action="requeue", letter=letter.id, letter_json=changed.model_dump_json())


def _letter_line(letter: Letter) -> str:
    """Return in one line why a record became a dead letter."""
    detail = " ".join(letter.detail.split())[:120]
    what = f"{letter.kind} {letter.record_id}" if letter.kind else "no record"
    place = (
        letter.source if letter.segment.startswith(PLAIN_ID) else letter.segment
    )  # a hash would tell nobody anything
    return f"{letter.id}  {letter.died_at}  {letter.reason}: {detail}  ({what}, {place}:{letter.line})"
