"""``doctor``: what it finds, and what it says to do."""

import os
import resource
import stat
import time
from email.utils import formatdate
from pathlib import Path

import pytest

from support.faults import KEY, FaultServer, Reply, SegmentFile, always
from support.shell import Shell
from tcc_recorder.gateway.options import Options
from tcc_recorder.gateway.server import Gateway
from tcc_schemas.endpoints import key_hint
from tcc_uploader.inspect import doctor


def test_doctor_finds_nothing_wrong_where_nothing_is(shell: Shell, server: FaultServer) -> None:
    """With folders, locks, events, keys and a server that work, every line says ok."""
    server.behaviour = always(Reply(400))
    shell.spool.mkdir(mode=0o700)
    shell.state.mkdir(mode=0o700, parents=True)
    report = shell.run("doctor")
    assert {line.split()[0] for line in report.splitlines()} == {"ok"}
    assert key_hint(KEY) in report
    assert not list(shell.spool.iterdir())


@pytest.mark.parametrize(
    ("trouble", "word"),
    [
        ("key", "401"),
        ("no key", "none is held"),
        ("unheld", "pending records would wait"),
        ("open spool", "everybody may write to it"),
    ],
)
def test_doctor_says_what_to_do(shell: Shell, server: FaultServer, trouble: str, word: str) -> None:
    """Each thing that needs an operator is named with a remedy, and the exit code is 77."""
    shell.spool.mkdir(mode=0o700)
    environment = {}
    if trouble == "key":
        server.behaviour = always(Reply(401))
    elif trouble == "no key":
        environment["TCC_API_KEY"] = ""
    elif trouble == "unheld":
        SegmentFile().run("r1", key_hint="abcdef01").write(shell.spool)
    else:
        shell.spool.chmod(stat.S_IMODE(0o777))
    report = shell.run("doctor", code=77, **environment)
    assert word in report
    assert "do: " in report[report.index(word) :]


@pytest.mark.parametrize(
    ("ahead", "said"),
    [
        (0, "agrees with the server's"),
        (7_300, "2 hours ahead of the server's"),
        (-7_300, "2 hours behind the server's"),
    ],
)
def test_doctor_compares_this_clock_with_the_server_s(shell: Shell, server: FaultServer, ahead: int, said: str) -> None:
    """A clock that is far off makes times of runs wrong; a server that tells no time is not compared."""
    server.behaviour = lambda _: Reply(400, {"Date": formatdate(time.time() - ahead, usegmt=True)})
    report = shell.run("doctor")
    (line,) = [line for line in report.splitlines() if "clock" in line]
    assert said in line
    assert line.startswith("warn" if ahead else "ok")
    server.behaviour = always(Reply(400))
    assert "clock" not in shell.run("doctor")


def test_doctor_sees_that_others_may_look_into_the_state(shell: Shell, server: FaultServer) -> None:
    """Dead letters hold prompts."""
    server.behaviour = always(Reply(400))
    shell.state.mkdir(parents=True)
    shell.state.chmod(0o750)
    assert f"chmod 0700 {shell.state}" in shell.run("doctor")


def test_doctor_works_offline(shell: Shell) -> None:
    """Without a network the report is whole, and says that waiting is all right."""
    shell.spool.mkdir(mode=0o700)
    environment = {"TCC_BASE_URL": "http://nowhere.invalid", "TCC_ALLOW_UNSAFE_BASE_URL": "1"}
    assert "does not resolve" in shell.run("doctor", **environment)
    environment["TCC_BASE_URL"] = "http://127.0.0.1:9"
    assert "records wait until it answers" in shell.run("doctor", **environment)


@pytest.mark.parametrize("key", [KEY, ""])
@pytest.mark.parametrize("variable", ["TCC_BASE_URL", "TCC_URL"])
def test_doctor_sees_that_the_uploader_would_post_to_a_gateway(
    variable: str, key: str, shell: Shell, tmp_path: Path
) -> None:
    """With the agent's environment the uploader would send records back to where they were recorded."""
    with Gateway(Options(spool_dir=str(tmp_path / "gateway"))) as gateway:
        url = gateway.url + ("/v1/custom" if variable == "TCC_URL" else "")
        report = shell.run("doctor", code=77, **{variable: url, "TCC_API_KEY": key})
    assert "fail  server" in report
    assert "this is a gateway that records" in report
    assert not (tmp_path / "gateway").exists()


def test_a_lock_that_can_not_be_tried_leaves_nothing_open(tmp_path: Path) -> None:
    """Where the second descriptor is one too many, the first is closed, its file removed, and the finding made."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.open(os.devnull, os.O_RDONLY)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free + 1, limits[1]))
    try:
        finding = doctor._try_lock(tmp_path)
        reopened = os.open(os.devnull, os.O_RDONLY)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    os.close(reopened)
    assert (finding.level, finding.text) == ("fail", "can't be tried: Too many open files")
    assert reopened == free
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("environment", "word"),
    [
        ({"SSL_CERT_FILE": "/nowhere", "TCC_BASE_URL": "https://127.0.0.1:9"}, "No such file"),
        ({"HTTP_PROXY": "gopher://p", "TCC_BASE_URL": "http://x.invalid"}, "gopher"),
    ],
)
def test_doctor_fails_for_what_a_delivery_can_t_use(shell: Shell, environment: dict[str, str], word: str) -> None:
    """A proxy or a certificate file that can't be used is a finding with a remedy, and no traceback."""
    report = shell.run("doctor", code=77, TCC_ALLOW_UNSAFE_BASE_URL="1", **environment)
    line = next(line for line in report.splitlines() if line.startswith("fail  server"))
    assert word in line
    assert "check HTTPS_PROXY" in report


def test_doctor_tells_a_file_without_json_from_one_that_it_may_not_read(shell: Shell) -> None:
    """Whose rights are changed in vain is not told to change them."""
    shell.spool.mkdir(mode=0o700)
    (shell.spool / "notes.jsonl").write_text("no json at all\n")
    report = shell.run("doctor", code=77)
    assert "move it out of the spool" in report
    assert "chmod" not in report


def test_a_variable_that_nothing_reads_is_named(shell: Shell) -> None:
    """A misspelt setting would otherwise have no effect, and nobody would know."""
    shell.spool.mkdir(mode=0o700)
    (line,) = [line for line in shell.run("doctor", TCC_JURNAL="1").splitlines() if "TCC_JURNAL" in line]
    assert line.startswith("warn")
