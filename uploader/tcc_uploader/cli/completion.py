"""``tcc-upload completion``: what makes a shell complete commands and options."""

import click
from click.shell_completion import get_completion_class

from .terminal import put

_SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion_command(context: click.Context, *, shell: str) -> None:
    """Print the script with which bash, zsh or fish completes commands and options.

    Exit code: 2 another shell.

    Example: tcc-upload completion bash > ~/.local/share/bash-completion/completions/tcc-upload
    """
    made = get_completion_class(shell)
    root = context.find_root()
    if made is not None:
        put(made(root.command, {}, "tcc-upload", "_TCC_UPLOAD_COMPLETE").source())
