"""``tcc-upload dead``: look after dead letters."""

import sys
from collections.abc import Iterable
from typing import Any

import click

from tcc_uploader.dead import mailbox, store
from tcc_uploader.dead.mailbox import LetterRequest
from tcc_uploader.model.letter import Letter, with_body
from tcc_uploader.settings import Settings
from tcc_uploader.sources.given import Sources
from tcc_uploader.state import holder

from . import text
from .exit_codes import Exit, exit_of
from .options import AS_JSON, SENDING_OPTIONS, STATE_OPTIONS, TIMEOUT, settings_from, with_options
from .session import deliver_once, fail, reading

_ALL = click.option("--all", "every", is_flag=True, help="Every dead letter.")
_IDS = click.argument("ids", nargs=-1, metavar="[ID]...")


@click.group("dead")
def dead_command() -> None:
    """Look after dead letters: records that can't be delivered as they are."""


@dead_command.command("list")
@with_options(*STATE_OPTIONS)
@AS_JSON
def list_command(*, as_json: bool, **options: Any) -> None:
    """Tell in one line each why they died."""
    found = _dead(settings_from(options))
    if as_json:
        click.echo(text.json_text([letter.model_dump() for letter in found]))
    else:
        click.echo("\n".join(text.letter_line(letter) for letter in found) or "no dead letters")


@dead_command.command("show")
@_IDS
@_ALL
@with_options(*STATE_OPTIONS)
def show_command(*, ids: tuple[str, ...], every: bool, **options: Any) -> None:
    """Show letters in full: reason, status, the server's answer, where they came from, the bytes."""
    for letter in _chosen(settings_from(options), ids, every=every):
        click.echo("\n".join(text.letter_lines(letter)))


@dead_command.command("requeue")
@_IDS
@_ALL
@click.option("--edit", is_flag=True, help="Edit the JSON in $EDITOR first.")
@with_options(*SENDING_OPTIONS)
@TIMEOUT
def requeue_command(*, ids: tuple[str, ...], every: bool, edit: bool, timeout: float, **options: Any) -> None:
    """Send letters once more, whatever the ledger says of their keys."""
    settings = settings_from(options)
    for letter in _chosen(settings, ids, every=every):
        mailbox.ask(settings.state_dir, _requeue_request(letter, edit=edit))
    if pid := holder(settings.state_dir):
        click.echo(f"handed to the running uploader, pid {pid}: see `tcc-upload dead list`")
        return
    outcome = deliver_once(settings, Sources(), timeout=timeout, bar=True)
    click.echo(f"{text.plural(outcome.sent.delivered, 'letter')} delivered, {outcome.sent.dead} dead again")
    for line in text.hints(outcome, settings.state_dir):
        click.echo(line, err=True)
    sys.exit(exit_of(outcome))


@dead_command.command("drop")
@_IDS
@_ALL
@click.option("--yes", is_flag=True, help="Don't ask.")
@with_options(*STATE_OPTIONS)
def drop_command(*, ids: tuple[str, ...], every: bool, yes: bool, **options: Any) -> None:
    """Give letters up for good; asks first."""
    settings = settings_from(options)
    chosen = _chosen(settings, ids, every=every)
    for letter in chosen:
        click.echo(text.letter_line(letter))
    if not yes:
        click.confirm(f"Drop {text.plural(len(chosen), 'letter')} for good?", abort=True)
    for letter in chosen:
        mailbox.ask(settings.state_dir, LetterRequest(action="drop", letter=letter.id))
    if not holder(settings.state_dir):
        deliver_once(settings, Sources(), timeout=0, bar=False)


def _dead(settings: Settings) -> list[Letter]:
    """Return the letters that are dead: not those on their way again, or answered."""
    with reading(settings) as ledger:
        found = []
        for path in sorted((settings.state_dir / store.FOLDER).glob("*.json")):
            try:
                letter = store.read(path)
            except (OSError, ValueError) as error:
                click.echo(f"{path} can't be read: {error}", err=True)
                continue
            row = ledger.letter(letter.id)
            if row is None or row.fate == "dead":
                found.append(letter)
    return sorted(found, key=lambda letter: letter.died_at)


def _chosen(settings: Settings, ids: Iterable[str], *, every: bool) -> list[Letter]:
    found = {letter.id: letter for letter in _dead(settings)}
    if every:
        return list(found.values())
    wanted = list(ids)
    if not wanted:
        raise click.UsageError("name letters by their ids, or say --all")
    for ident in wanted:
        if ident not in found:
            fail(f"there is no dead letter {ident}: see `tcc-upload dead list`", Exit.USAGE)
    return [found[ident] for ident in wanted]


def _requeue_request(letter: Letter, *, edit: bool) -> LetterRequest:
    """Return the request to send a letter, edited if that is wanted.  Nothing is changed if the edit is no record."""
    text = letter.body_bytes.decode(errors="replace")
    edited = click.edit(text, extension=".json") if edit else None
    try:
        changed = with_body(letter, (edited if edited is not None else text).strip().encode())
    except ValueError as error:
        fail(f"letter {letter.id} can't be sent like this: {error}; it stays as it was (try --edit)", Exit.USAGE)
    return LetterRequest(action="requeue", letter=letter.id, letter_json=changed.model_dump_json())
