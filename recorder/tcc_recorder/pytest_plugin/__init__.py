"""Record the agent runs of a test session: ``pytest --tcc-spool DIR``, or ``tcc_spool = DIR`` in pytest's settings.

Unless it is asked for, this adds the two settings and nothing else.
"""

import os
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the settings."""
    text = "record the agent runs of each test, and its outcome, in this spool"
    parser.getgroup("tcc").addoption("--tcc-spool", metavar="DIR", help=text)
    parser.addini("tcc_spool", f"{text} (relative to rootdir)", default="")


def pytest_configure(config: pytest.Config) -> None:
    """Begin to record if that is asked for."""
    handed_over = getattr(config, "workerinput", {}).get("tcc_spool")
    directory = handed_over or _asked_for(config)
    if directory:
        try:
            from .recording import Recording  # noqa: PLC0415 -- only who asks for it pays

            config.pluginmanager.register(Recording(config, directory), "tcc-recording")
        except Exception as error:  # noqa: BLE001 -- a recording problem never fails a test
            complaint = f"tcc: nothing is recorded: {type(error).__name__}: {error}"
            config.add_cleanup(lambda: print(complaint))  # noqa: T201 -- there is no terminal summary of ours


def _asked_for(config: pytest.Config) -> str:
    option, ini = config.getoption("tcc_spool"), config.getini("tcc_spool")
    if option:
        return os.path.abspath(config.invocation_params.dir / Path(option).expanduser())  # noqa: PTH100 -- no symlinks
    return os.path.abspath(config.rootpath / Path(ini).expanduser()) if ini else ""  # noqa: PTH100 -- see above
