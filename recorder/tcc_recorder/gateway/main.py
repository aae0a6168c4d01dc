"""The ``tcc-record`` command."""

import logging
import sys
from importlib import import_module
from typing import Final

import click

from tcc_schemas.version import __version__

from .terminal import NothingStartedError, ShownFormatter, say

_COMMANDS: Final = ("run", "serve")
_EXTRA: Final = frozenset({"google", "httptools", "opentelemetry", "uvicorn"})
"""What the extra ``gateway`` installs."""


class _Commands(click.Group):
    """The commands, each in a module of its name that is imported when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's own shape
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        try:
            command: click.Command = getattr(import_module(f".{cmd_name}", __package__), f"{cmd_name}_command")
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] not in _EXTRA:
                raise
            raise NothingStartedError("tcc-record needs its extra: pip install 'tcc-offline[gateway]'") from error
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, package_name="tcc-offline", prog_name="tcc-record")
def tcc_record() -> None:
    """Record what official SDKs of Observatory post, in any language, without a network."""


def start() -> None:
    """Run the command: what the ``tcc-record`` script calls."""
    handler = logging.StreamHandler()
    handler.setFormatter(ShownFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    try:
        sys.exit(tcc_record.main(standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        say("aborted")
        sys.exit(1)
