"""``tcc-record serve``: a service that starts, says where, ends when it is told to, and takes a socket that waits."""

import os
import signal
import socket
import ssl
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme
from click.testing import CliRunner

from support.posting import RUN, TCC_RECORD, connected, head, received_from, request, serving
from support.recorded import read_segment, run_program
from support.worlds import PATIENCE
from tcc_recorder.gateway import activation, main
from tcc_schemas.lines import Line

Written = Callable[[], list[Line]]

TOKEN = "token-of-this-test-only"  # noqa: S105 -- it is


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_records_until_it_is_told_to_stop(spool: Path, number: int) -> None:
    """A signal ends it in good order: what was posted is sealed, and the exit code is 0."""
    process, url = serving("--port", "0")
    assert request(url, "/v1/custom", RUN).status == 200
    process.send_signal(number)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors
    [segment] = [read_segment(path) for path in spool.iterdir()]
    assert segment.seal is not None
    assert [line.body for line in segment.records] == [RUN]


def test_its_own_port_is_taken_by_one_only(spool: Path) -> None:
    """A second one says which port, and why."""
    _, url = serving("--port", "0")
    done = run_program(TCC_RECORD, "serve", "--port", url.rpartition(":")[2])
    assert done.returncode == 1
    assert url.rpartition(":")[2] in done.stderr
    assert "in use" in done.stderr


def test_tls_and_tokens_make_it_reachable(spool: Path, tmp_path: Path, written: Written) -> None:
    """With a certificate and tokens it serves other machines; the token is not shown, and comments are no tokens."""
    authority, tokens = trustme.CA(), tmp_path / "tokens"
    certificate = authority.issue_cert("127.0.0.1")
    certificate.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    certificate.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    tokens.write_text(f"# of this test\n\n {TOKEN} \n")
    arguments = ("--tokens", tokens, "--tls-cert", tmp_path / "cert.pem", "--tls-key", tmp_path / "key.pem")
    process, url = serving("--host", "0.0.0.0", "--port", "0", *arguments)  # noqa: S104 -- as the test says
    assert url.startswith("https://")
    assert url.endswith("/t/TOKEN")
    context = ssl.create_default_context()
    authority.configure_trust(context)
    port = url.split(":")[2].partition("/")[0]
    post = urllib.request.Request(
        f"https://127.0.0.1:{port}/t/{TOKEN}/v1/custom", RUN, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(post, context=context, timeout=PATIENCE) as answer:  # noqa: S310 -- https
        assert answer.status == 200
    process.terminate()
    _, errors = process.communicate(timeout=PATIENCE)
    assert TOKEN not in errors
    assert [line.body for line in written()] == [RUN]


@pytest.mark.parametrize("text", ["", "# none\n", "short\n", f"{TOKEN}\nwith a blank in it\n", f"{TOKEN}/x\n"])
def test_a_file_without_tokens_is_refused_and_not_shown(tmp_path: Path, text: str) -> None:
    """A token that could not be in a URL, or be guessed, is none."""
    (tmp_path / "tokens").write_text(text)
    done = CliRunner().invoke(main.tcc_record, ["serve", "--port", "0", "--tokens", str(tmp_path / "tokens")])
    assert done.exit_code == 2
    assert "16 to 256" in done.output
    assert not text.strip() or text.strip() not in done.output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--host", "0.0.0.0"), "--tokens"),  # noqa: S104 -- what is refused
        (("--max-body", "99999999"), "--max-body"),
        (("--redact", "["), "pattern"),
        (("--tls-cert", __file__), "--tls-key"),
    ],
    ids=str,
)
def test_wrong_use_is_told_before_it_starts(arguments: tuple[str, ...], says: str) -> None:
    """Exit code 2, and the option that is meant."""
    done = CliRunner().invoke(main.tcc_record, ["serve", "--port", "0", *arguments])
    assert done.exit_code == 2
    assert says in done.output


def test_texts_can_t_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says so, and starts nothing."""
    monkeypatch.setenv("TCC_CONTENT", "0")
    done = CliRunner().invoke(main.tcc_record, ["serve", "--port", "0"])
    assert done.exit_code == 2
    assert "TCC_CONTENT=0" in done.output


def test_a_service_manager_hears_of_its_life_from_the_loop_that_serves(
    spool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ready when it listens, alive in each look of the loop, stopping when a signal comes."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(PATIENCE)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        gateway, url = serving()
        heard = {manager.recv(4096).decode() for _ in range(2)}
        assert heard == {"WATCHDOG=1", f"READY=1\nMAINPID={gateway.pid}\nSTATUS=records what is posted to {url}"}
        gateway.terminate()
        while (told := manager.recv(4096).decode()) == "WATCHDOG=1":
            pass
        assert told == "STOPPING=1"


ACTIVATE = """
import os, sys
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.dup2(int(sys.argv[1]), 3)
os.execv(sys.argv[2], sys.argv[2:])
"""
"""Passes a listening socket on as systemd does."""


def test_a_restart_with_a_socket_of_the_system_s_refuses_nobody(spool: Path, written: Written) -> None:
    """Connections that come while no gateway runs wait for the next one."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        descriptor = listening.fileno()
        program = (sys.executable, "-c", ACTIVATE, str(descriptor))
        first, told = serving(program=program, pass_fds=(descriptor,))
        assert told == url
        assert request(url, "/v1/custom", RUN).status == 200
        first.terminate()
        first.communicate(timeout=PATIENCE)
        with connected(url) as raw:
            raw.sendall(head(url, f"Content-Length: {len(RUN)}") + RUN)
            serving(program=program, pass_fds=(descriptor,))
            assert received_from(raw).status == 200
    assert len(written()) == 2


def test_sockets_that_are_meant_for_another_process_are_left_alone() -> None:
    """``LISTEN_PID`` tells whose they are; a child inherits none of the variables."""
    environment = {"LISTEN_PID": "1", "LISTEN_FDS": "1", "OTHER": "x"}
    assert activation.given_socket(environment) is None
    assert environment == {"OTHER": "x"}


def test_more_than_one_socket_is_refused() -> None:
    """It would not be known which one agents post to."""
    with pytest.raises(ValueError, match="one socket"):
        activation.given_socket({"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "2"})


def test_without_its_libraries_it_says_what_to_install() -> None:
    """The exact line, in place of a traceback; whoever only records needs none of them."""
    program = (
        "import sys\n"
        "sys.modules.update(dict.fromkeys(['uvicorn', 'starlette', 'httptools', 'opentelemetry']))\n"
        "import tcc_recorder\n"
        "from tcc_recorder.gateway.main import start\n"
        "sys.argv = ['tcc-record', 'serve']\n"
        "start()\n"
    )
    done = run_program(sys.executable, "-c", program)
    assert done.returncode == 1
    assert "pip install 'tcc-offline[gateway]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_probes_and_metrics_tell_how_it_is(spool: Path) -> None:
    """Alive, ready, and what was recorded and answered; in Prometheus' text format."""
    _, url = serving("--port", "0")
    for path in ("/v1/custom", "/v1/custom", "/v1/pi", "/v1/logs"):
        request(url, path, RUN)
    assert request(url, "/healthz", method="GET").body == b"ok\n"
    assert request(url, "/readyz", method="GET").body == b"ok\n"
    assert request(url, "/readyz", method="HEAD").status == 200
    metrics = request(url, "/metrics", method="GET")
    assert metrics.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert metrics.body.decode().splitlines() == [
        "# TYPE tcc_gateway_records_total counter",
        'tcc_gateway_records_total{kind="pi"} 1',
        'tcc_gateway_records_total{kind="run"} 2',
        "# TYPE tcc_gateway_answers_total counter",
        'tcc_gateway_answers_total{status="200"} 6',
        'tcc_gateway_answers_total{status="404"} 1',
        "# TYPE tcc_gateway_recorded_bytes_total counter",
        f"tcc_gateway_recorded_bytes_total {3 * len(RUN)}",
        "# TYPE tcc_gateway_redacted_total counter",
        "tcc_gateway_redacted_total 0",
        "# TYPE tcc_gateway_connections gauge",
        "tcc_gateway_connections 1",
        "# TYPE tcc_gateway_receiving_bytes gauge",
        "tcc_gateway_receiving_bytes 0",
    ]
