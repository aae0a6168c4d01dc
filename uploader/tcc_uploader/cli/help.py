"""``tcc-upload help``: the same as ``--help``, for who types it first."""

from difflib import get_close_matches

import click

from .terminal import put


@click.command("help")
@click.argument("names", nargs=-1, metavar="[COMMAND]...")
@click.pass_context
def help_command(context: click.Context, *, names: tuple[str, ...]) -> None:
    """Tell what a command does, with its options, defaults, exit codes and examples.

    Exit code: 2 there is no such command.

    Example: tcc-upload help dead requeue
    """
    parent = context.parent
    command = parent.command if parent else context.command
    for name in names:
        found = command.get_command(context, name) if isinstance(command, click.Group) else None
        if found is None:
            near = (
                get_close_matches(name, command.list_commands(context), 1) if isinstance(command, click.Group) else []
            )
            meant = f"; did you mean {near[0]}?" if near else ""
            raise click.UsageError(f"no such command: {' '.join(names)}{meant}")
        parent, command = click.Context(found, parent=parent, info_name=name), found
    put(command.get_help(parent or context))
