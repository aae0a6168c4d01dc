"""Record the agent runs of a test session: ``pytest --tcc-spool DIR``, or ``tcc_spool = DIR`` in pytest's settings.

Without one of these settings the plugin does nothing, and imports nothing more than this file, which may import only
pytest.  The other modules may import the public names of ``tcc_recorder`` and ``tcc_schemas``.  Begin with
``recording.py``.
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
    """Start recording if a setting asks for it."""
    from_controller = getattr(config, "workerinput", {}).get("tcc_spool")
    directory = from_controller or _chosen_directory(config)
    if directory:
        try:
            from .recording import Recording  # noqa: PLC0415 -- it imports pydantic

            config.pluginmanager.register(Recording(config, directory), "tcc-recording")
        except Exception as error:  # noqa: BLE001 -- a recording problem never fails a test
            problem = f"tcc: nothing is recorded: {type(error).__name__}: {error}"
            config.add_cleanup(lambda: print(problem))  # noqa: T201 -- without Recording there is no summary


def _chosen_directory(config: pytest.Config) -> str:
    option, ini = config.getoption("tcc_spool"), config.getini("tcc_spool")
    if option:
        return os.path.abspath(config.invocation_params.dir / Path(option).expanduser())  # noqa: PTH100 -- no symlinks
    return os.path.abspath(config.rootpath / Path(ini).expanduser()) if ini else ""  # noqa: PTH100 -- see above
