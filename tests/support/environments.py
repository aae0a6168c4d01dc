"""Environments that are wrong in some way, and what a command must do in each; and how to run a command in one.

``run_in(environment, folder, arguments)`` runs ``tcc-upload`` in a forked child: a process with variables, streams,
directory and umask of its own, which need not import everything again.
"""

import gc
import logging
import os
import pwd
import signal
import sys
import traceback
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import NamedTuple, NoReturn

import httpcore

from support.faults import KEY
from tcc_uploader.cli import main, styled
from tcc_uploader.sandbox import Sandbox
from tcc_uploader.spool.watch import Watcher

DEAD_END = "127.0.0.1:9"
"""Nobody listens on the port of the discard service."""


@dataclass(frozen=True)
class Environment:
    """One environment.  In ``variables``, ``{folder}`` stands for the test's folder; None unsets a variable.

    ``codes`` has the exit code of each command that ends otherwise than usually, or ``"*"`` for all that read settings;
    ``says`` is in what these print.
    """

    variables: Mapping[str, str | None] = field(default_factory=dict)
    codes: Mapping[str, int] = field(default_factory=dict)
    says: str = ""
    streams: str = ""
    """What the standard streams are: ``full``, ``pipe`` (without a reader), ``closed``, for stdout, stderr or stdin."""
    encoding: str = "utf-8"
    umask: int = 0o022
    has_home: bool = True
    has_directory: bool = True


WRITERS = {"replay": 77, "daemon": 77, "dead requeue": 77, "dead drop": 77}
OF_A_FILE = {"replay": 77, "doctor": 77, "bundle": 75, "report": 75, "tail": 75, "verify": 65}
OF_A_FILE |= {"status": 77, "runs": 66, "show": 66, "export": 66}
USAGE, OPERATOR = {"*": 2, "status": 77}, {"*": 77}  # status tells what it can, and what is wrong with a setting
NOWHERE = {"*": 2}
"""Nobody knows where to look."""
SENDERS_PAUSE = {"replay": 77, "doctor": 77}
TLS = {"TCC_BASE_URL": f"https://{DEAD_END}", "TCC_TARGET": "here"}
BAD_KEY = "an API key can't hold blanks, commas, line breaks"


def _config(content: str) -> dict[str, str | None]:
    """Return the variables that name the settings file which :func:`prepare` writes with this content."""
    return {"TCC_UPLOAD_CONFIG": "{folder}/upload.toml", "CONTENT": content}


ENVIRONMENTS = {
    "certificates missing": Environment(TLS | {"SSL_CERT_FILE": "/no/ca.pem"}, SENDERS_PAUSE, "SSL_CERT_FILE"),
    "certificates are none": Environment(TLS | {"SSL_CERT_FILE": "{folder}/file"}, SENDERS_PAUSE, "SSL_CERT_FILE"),
    "certificates a folder": Environment(TLS | {"SSL_CERT_FILE": "{folder}"}, SENDERS_PAUSE, "SSL_CERT_FILE"),
    "certificate folder missing": Environment(TLS | {"SSL_CERT_DIR": "/no/certificates"}),
    "socks without its package": Environment({"ALL_PROXY": "socks5://p:1"}, SENDERS_PAUSE, "socksio"),
    "proxy with half a bracket": Environment({"HTTP_PROXY": "http://[::1"}, SENDERS_PAUSE, "proxy"),
    "proxy of colons": Environment({"ALL_PROXY": ":::"}, SENDERS_PAUSE, "proxy"),
    "proxy with a word for a port": Environment({"HTTP_PROXY": "http://p:port"}, SENDERS_PAUSE, "proxy"),
    "proxy with too large a port": Environment({"HTTP_PROXY": "http://localhost:99999"}, SENDERS_PAUSE, "proxy"),
    "URL with half a bracket": Environment({"TCC_BASE_URL": "http://[::1"}, USAGE, "TCC_BASE_URL"),
    "URL with a word for a port": Environment({"TCC_URL": "http://localhost:port"}, USAGE, "TCC_URL"),
    "URL with too large a port": Environment({"TCC_FEEDBACK_URL": "http://[::1]:99999"}, USAGE, "TCC_FEEDBACK_URL"),
    "URL that is no text": Environment({"TCC_BASE_URL": "\udcff"}, USAGE, "TCC_BASE_URL"),
    "origin with half a bracket": Environment({"TCC_ALLOW_ORIGINS": "http://[::1"}, USAGE, "TCC_ALLOW_ORIGINS"),
    "settings: URL": Environment(_config('base_url = "http://[::1"') | {"TCC_BASE_URL": None}, USAGE, "TCC_BASE_URL"),
    "settings: wrong types": Environment(_config("spools = 3"), USAGE, "spools"),
    "settings: not UTF-8": Environment(_config("\udcff"), USAGE, "upload.toml"),
    "settings: NUL": Environment(_config('spools = ["\\u0000"]') | {"TCC_SPOOL_DIR": None}, NOWHERE, "can't be a path"),
    "settings: home of nobody": Environment(
        _config('state_dir = "~nobody-/x"') | {"TCC_STATE_DIR": None}, NOWHERE, "home"
    ),
    "settings: a folder": Environment({"TCC_UPLOAD_CONFIG": "{folder}"}, USAGE, "Is a directory"),
    "settings: a long name": Environment({"TCC_UPLOAD_CONFIG": "/" + "x" * 400}, USAGE, "File name too long"),
    "usual settings: a folder": Environment({"XDG_CONFIG_HOME": "{folder}/config"}, USAGE, "Is a directory"),
    "key with a line break": Environment({"TCC_API_KEY": "abc\r\ndef"}, USAGE, BAD_KEY),
    "key with a comma": Environment({"TCC_API_KEY": "abc,def"}, USAGE, BAD_KEY),
    "key that is no text": Environment({"TCC_API_KEY": "abc\udcff"}, USAGE, BAD_KEY),
    "key with an end of line": Environment({"TCC_API_KEY": f" {KEY}\r\n"}),
    "no home": Environment({"TCC_SPOOL_DIR": None}, NOWHERE, "set TCC_SPOOL_DIR", has_home=False),
    "no home, and none needed": Environment(has_home=False),
    "state is a file": Environment({"TCC_STATE_DIR": "{folder}/file"}, OPERATOR, "Not a directory"),
    "state below a file": Environment({"TCC_STATE_DIR": "{folder}/file/x"}, OPERATOR, "Not a directory"),
    "state with a long name": Environment({"TCC_STATE_DIR": "/" + "x" * 400}, OPERATOR, "File name too long"),
    "state where nothing can be": Environment({"TCC_STATE_DIR": "/proc/x"}, WRITERS),
    "spool is a file": Environment({"TCC_SPOOL_DIR": "{folder}/file"}, OF_A_FILE),
    "time zone": Environment({"TZ": "No/Such::\x01"}),
    "ASCII": Environment({"LANG": "C"}, encoding="ascii"),
    "dumb terminal": Environment({"TERM": "dumb", "COLUMNS": "0", "LINES": "x"}),
    "narrow terminal": Environment({"COLUMNS": "-5", "FORCE_COLOR": "1"}),
    "no temporary folder": Environment({"TMPDIR": "/no/where"}),
    "directory removed": Environment(has_directory=False),
    "directory removed, and needed": Environment({"TCC_STATE_DIR": "x"}, NOWHERE, "was removed", has_directory=False),
    "umask 0": Environment(umask=0),
    "stdout full": Environment(streams="full stdout"),
    "stdout without a reader": Environment(streams="pipe stdout"),
    "stdout closed": Environment(streams="closed stdout"),
    "stderr full": Environment(streams="full stderr"),
    "stderr closed": Environment(streams="closed stderr"),
    "stdin closed": Environment(streams="closed stdin"),
    "all closed": Environment(streams="closed stdin stdout stderr"),
}


_STREAMS = ("stdin", "stdout", "stderr")


class Ended(NamedTuple):
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


def prepare(folder: Path) -> None:
    """Make the files that some environments name."""
    (folder / "file").write_text("no certificate, and no directory")
    (folder / "config" / "tcc" / "upload.toml").mkdir(parents=True)


def variables_in(environment: Environment, folder: Path) -> dict[str, str]:
    """Return the variables of a process; write the settings file that they name."""
    usual: dict[str, str | None] = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder) if environment.has_home else None,
        "TCC_API_KEY": KEY,
        "TCC_BASE_URL": f"http://{DEAD_END}",
        "TCC_SPOOL_DIR": str(folder / "spool"),
        "TCC_STATE_DIR": str(folder / "state"),
    }
    wanted = usual | dict(environment.variables)
    content = wanted.pop("CONTENT", None)
    if content is not None:
        (folder / "upload.toml").write_bytes(content.encode(errors="surrogateescape"))
    return {name: text.replace("{folder}", str(folder)) for name, text in wanted.items() if text is not None}


def run_in(environment: Environment, folder: Path, arguments: Sequence[str]) -> Ended:
    """Run a command in an environment to its end."""
    variables = variables_in(environment, folder)
    out, err = folder / "out", folder / "err"
    child = os.fork()
    if not child:
        _end_as_told(environment, variables, folder, arguments)
    _, status = os.waitpid(child, 0)
    texts = (file.read_bytes().decode(errors="backslashreplace") for file in (out, err))
    return Ended(os.waitstatus_to_exitcode(status), *texts)


def _end_as_told(
    environment: Environment, variables: Mapping[str, str], folder: Path, arguments: Sequence[str]
) -> NoReturn:
    """Be the child: run the command, and end as the interpreter would end after it."""
    code: object = 1
    try:
        os.environ.clear()
        os.environ.update(variables)
        _redirect(environment, folder)
        os.umask(environment.umask)
        directory = folder / "directory"
        directory.mkdir(exist_ok=True)
        os.chdir(directory)
        if not environment.has_directory:
            directory.rmdir()
        _be_new(environment)
        sys.argv = ["tcc-upload", *arguments]
        main.run()
    except SystemExit as error:
        code = error.code or 0
    except BaseException:  # noqa: BLE001 -- as the interpreter does
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except Exception:  # noqa: BLE001 -- as the interpreter does
                code = 120
        os._exit(code if isinstance(code, int) else 1)


def _redirect(environment: Environment, folder: Path) -> None:
    """Make the standard streams what the environment says, as a shell and the interpreter do."""
    kind, *names = environment.streams.split() or [""]
    for number, (name, place) in enumerate(zip(_STREAMS, (os.devnull, folder / "out", folder / "err"), strict=True)):
        target = os.open(place, os.O_RDONLY if not number else os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        if name in names and kind == "full":
            target = os.open("/dev/full", os.O_WRONLY)
        elif name in names and kind == "pipe":
            reader, target = os.pipe()
            os.close(reader)
        os.dup2(target, number)
        errors = "backslashreplace" if number == 2 else "strict"
        mode = "w" if number else "r"
        stream = open(number, mode, encoding=environment.encoding, errors=errors, closefd=False)  # noqa: SIM115
        setattr(sys, name, stream)
    if kind == "closed":
        for name in names:
            os.close(_STREAMS.index(name))
            setattr(sys, name, None)


def _be_new(environment: Environment) -> None:
    """Forget what the parent process has, and let commands that go on for ever end once they have begun."""
    gc.enable()
    logging.getLogger().handlers.clear()
    warnings.resetwarnings()
    warnings.simplefilter("ignore")
    styled._console.cache_clear()
    if not environment.has_home:
        pwd.getpwuid = _nobody  # type: ignore[assignment]
    httpcore.SOCKSProxy = _no_socks  # type: ignore[assignment, misc]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    Sandbox.serve_forever = lambda *_, **__: None  # type: ignore[method-assign]
    checked, looks = Watcher.check, count()

    def check(watcher: Watcher) -> bool:
        if next(looks) == 1:
            os.kill(os.getpid(), signal.SIGINT)
        return checked(watcher)

    Watcher.check = check  # type: ignore[method-assign]


def _nobody(_: int) -> NoReturn:
    raise KeyError("getpwuid(): uid not found")


def _no_socks(*_: object, **__: object) -> NoReturn:
    raise RuntimeError("the `socksio` package is not installed")  # as httpcore does without it
