"""The ``tcc-upload`` command."""

import gc
import logging
import os
import sys
from difflib import get_close_matches
from importlib import import_module
from typing import Final

import click

from tcc_schemas.switches import enabled
from tcc_schemas.version import __version__
from tcc_uploader.sinks import ShownFormatter, Sparing, hold_keys

from .exit_codes import Exit
from .terminal import OutputError, end_streams, fail, flush, note, prepare_streams, show_usage

_log = logging.getLogger(__name__)

_COMMANDS: Final = (
    *("daemon", "replay", "bundle", "runs", "report", "show", "tail", "export"),
    *("status", "verify", "dead", "drop", "prune", "forget", "doctor", "ledger"),
    *("sandbox", "config", "help", "completion"),
)
_WHOLE: Final = 1000
"""Characters of a command's first sentence: it is not cut."""


class _Commands(click.Group):
    """The commands, each in a module of its name that is imported when it is used: not all need all libraries."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's own shape
        return list(_COMMANDS)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _COMMANDS and (near := get_close_matches(args[0], _COMMANDS, 1)):
            ctx.fail(f"No such command {args[0]!r}. Did you mean {near[0]!r}?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        commands = [(name, self.get_command(ctx, name)) for name in _COMMANDS]
        with formatter.section("Commands"):
            formatter.write_dl([(name, found.get_short_help_str(_WHOLE)) for name, found in commands if found])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        gc.disable()  # an import makes no garbage, and to search for it is a twentieth of a command's start
        command: click.Command = getattr(import_module(f".{cmd_name}", __package__), f"{cmd_name}_command")
        gc.freeze()  # what was imported stays; to search all of it as the process ends would be a fifth of its time
        gc.enable()
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", package_name="tcc-offline", prog_name="tcc-upload")
def tcc_upload() -> None:
    """Deliver recorded agent runs to Observatory, and look at them.

    Keys come from TCC_API_KEY, TCC_API_KEYS or a file (--api-key-file, TCC_API_KEY_FILE).  `tcc-upload COMMAND --help`
    tells options, defaults, exit codes and examples.
    """


def _begin_log() -> None:
    """Log to standard error.  What a command's own options say of that comes later."""
    handler = logging.StreamHandler()
    handler.addFilter(Sparing())
    handler.setFormatter(ShownFormatter())
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    debugs = enabled(os.environ, "TCC_DEBUG", _log.warning)
    logging.getLogger("tcc_uploader").setLevel(logging.DEBUG if debugs else logging.INFO)


def run() -> None:
    """Run the command: what the ``tcc-upload`` script calls."""
    prepare_streams()
    _begin_log()
    try:
        try:
            sys.exit(tcc_upload.main(standalone_mode=False))
        finally:
            flush()
    except click.ClickException as error:
        from tcc_uploader.api_keys import words_in  # noqa: PLC0415 -- few command lines are wrong

        for name in ("TCC_API_KEY", "TCC_API_KEYS"):  # the settings may not be read yet, and what is wrong is quoted
            hold_keys(words_in(os.environ.get(name, "")))
        show_usage(error)
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        note("aborted")
        sys.exit(1)
    except OutputError as error:
        if isinstance(error.cause, BrokenPipeError):  # who read it has seen enough, as `head` does
            sys.exit(Exit.PENDING)
        fail(f"can't write the result to standard output: {error}; give it another place", Exit.OPERATOR_NEEDED)
    except OSError as error:
        _log.debug("it was raised here", exc_info=True)
        fail(f"can't go on: {error}; nothing recorded is lost: mend this, and run it again", Exit.OPERATOR_NEEDED)
    finally:
        end_streams()
