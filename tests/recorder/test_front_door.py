import subprocess
from collections.abc import Callable
from importlib.metadata import version

import pytest

import tcc_recorder as tcc

Python = Callable[..., subprocess.CompletedProcess[str]]


def test_everything_public_is_there_and_sorted() -> None:
    """The front door lists what it has, in order, and has what it lists."""
    assert sorted(tcc.__all__) == tcc.__all__
    assert all(hasattr(tcc, name) for name in tcc.__all__)
    assert not hasattr(tcc, "nothing")


def test_the_version_is_the_package_s() -> None:
    """The constant that costs nothing is what the package metadata says."""
    assert tcc.__version__ == version("tcc-offline")


def test_recording_imports_nothing_heavy(python: Python) -> None:
    """Neither the import nor recording a run with everything in it loads a library of the uploader, or what is slow."""
    python("""
        run = tcc.run().prompt("p").metadata(a="b")
        run.step().prompt("p").response("r").end()
        run.tool_call("t").args({"a": {1}}).end()
        run.error("x")
        run.feedback("thumbs_up")
        tcc.flush()
        heavy = {"pydantic", "httpx", "watchdog", "click", "rich"}
        heavy |= {"importlib.metadata", "logging", "pathlib", "socket"}
        loaded = heavy & set(sys.modules)
        assert not loaded, loaded
    """)


def test_debug_lines_only_if_asked_for(python: Python) -> None:
    """TCC_DEBUG=1 logs a line per record to stderr; false and 0 do not."""
    code = "tcc.run(run_id='run-1').prompt('p').end()"
    assert python(code, TCC_DEBUG="1").stderr.count('"id":"run-1"') == 1
    assert python(code, TCC_DEBUG="false").stderr == ""
    assert python(code, TCC_DEBUG="0").stderr == ""
    asked = f"import logging; logging.basicConfig(level='DEBUG'); {code}"
    assert python(asked).stderr.count('"id":"run-1"') == 1, "a program's own logging may ask for them, too"


def test_a_wrong_argument_is_refused_and_a_wrong_environment_ignored(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """configure() raises ValueError; what is wrong in the environment is logged, and recording goes on."""
    with pytest.raises(ValueError, match="durability"):
        tcc.configure(durability="always")
    with pytest.raises(ValueError, match="max_bytes"):
        tcc.configure(max_bytes=-1)
    monkeypatch.setenv("TCC_DURABILITY", "always")
    monkeypatch.setenv("TCC_SPOOL_MAX_BYTES", "much")
    tcc.run().prompt("p").end()
    assert "TCC_DURABILITY is ignored" in caplog.text
    assert "TCC_SPOOL_MAX_BYTES is ignored" in caplog.text
