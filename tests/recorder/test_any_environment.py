"""A recorder in every environment: the agent goes on, and one line says what is wrong."""

import subprocess
import sys
from pathlib import Path

import pytest

from support.environments import ENVIRONMENTS, prepare, variables_in
from support.faults import KEY
from support.worlds import PATIENCE
from tcc_recorder import config
from tcc_recorder.config import get_api_key, get_url, route_to
from tcc_recorder.limited_log import LimitedLog
from tcc_schemas.endpoints import key_hint
from tcc_schemas.lines import Line, LineReader
from tcc_uploader.settings import SettingsError, load

AGENT = r"""
import os, sys
if "nowhere" in sys.argv:
    os.rmdir(os.getcwd())
if "homeless" in sys.argv:
    import pwd
    def getpwuid(uid): raise KeyError(uid)
    pwd.getpwuid = getpwuid
os.umask(int(sys.argv[1]))
import tcc_recorder as tcc
with tcc.run(run_id="r1") as run:
    run.prompt("\u2603").response("x")
tcc.submit_feedback("r1", score="thumbs_up")
tcc.flush()
sys.exit(7)
"""
REDIRECTED = {"full": "{}>/dev/full", "closed": "{}>&-", "pipe": "{}> >(true)"}
NUMBERS = {"stdin": 0, "stdout": 1, "stderr": 2}
LOST = {"no home", "spool is a file"}
"""Where a record can't be kept; it is not left anywhere in place of the spool."""


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_the_agent_goes_on_and_what_it_records_is_in_its_spool(name: str, tmp_path: Path) -> None:
    """No environment raises anything into the agent, and each but one without any place keeps the records."""
    environment = ENVIRONMENTS[name]
    prepare(tmp_path)
    (tmp_path / "directory").mkdir()
    kind, *streams = environment.streams.split() or [""]
    redirected = " ".join(REDIRECTED[kind].format(NUMBERS[stream]) for stream in streams)
    flags = ["nowhere"] * (not environment.has_directory) + ["homeless"] * (not environment.has_home)
    variables = variables_in(environment, tmp_path)
    if environment.encoding == "ascii":
        variables |= {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        ["bash", "-c", f'exec "$@" {redirected}', "agent", sys.executable, "-c", AGENT, str(environment.umask), *flags],  # noqa: S607
        env=variables,
        cwd=tmp_path / "directory",
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    said = done.stderr.decode()
    assert done.returncode == 7, said
    assert "Traceback" not in said
    assert "Exception ignored" not in said
    spool = Path(variables.get("TCC_SPOOL_DIR", tmp_path / ".local/state/tcc/spool"))
    kinds = [
        line.kind
        for file in spool.glob("*.jsonl")
        for line in LineReader().read(file.read_bytes())
        if isinstance(line, Line)
    ]
    assert kinds == ([] if name in LOST else ["segment", "run", "feedback", "seal"])
    assert name not in LOST or "TCC_SPOOL_DIR" in said
    assert name in LOST or spool.stat().st_mode & 0o077 == 0
    assert not list(tmp_path.rglob("~"))


@pytest.mark.parametrize("text", [KEY, f"{KEY}\n", f" {KEY}\r\n", f"\t{KEY} ", f"dev_{KEY}", f" dev_{KEY}"])
def test_both_halves_take_the_same_text_for_the_key(text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Blanks and line ends around a key are not part of it: runs are recorded under the key that the uploader holds."""
    monkeypatch.setenv("TCC_API_KEY", text)
    settings = load({"TCC_API_KEY": text, "XDG_STATE_HOME": str(tmp_path)})
    assert settings.api_keys == (get_api_key(),) == (text.strip(),)
    assert route_to("", None).key == route_to("", text).key == key_hint(text.strip())
    assert get_url("/x") == f"{settings.base_url_for(settings.default_key)}/x"


@pytest.mark.parametrize("text", ["a\nb", "a\r\nb", "a b", "a,b", "a\tb", "a\0b", "schl\u00fcssel", "a\udcff", "a\x7f"])
def test_both_halves_refuse_a_key_with_the_same_words(
    text: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The uploader does not begin; the recorder records without a hint, and says why; neither shows the key."""
    with pytest.raises(SettingsError) as refused:
        load({"TCC_API_KEY": text})
    words = str(refused.value).partition("can't be used: ")[2]
    assert words.startswith("an API key can't hold")
    monkeypatch.setattr("tcc_recorder.config.log", LimitedLog())
    config._route.cache_clear()
    assert route_to("", text).key is None
    assert words in caplog.text
    assert text not in caplog.text + str(refused.value)
