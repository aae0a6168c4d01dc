"""Requests go through the proxy that the environment names, as those of every other program do."""

from pathlib import Path

import httpcore
import pytest

from support.faults import FaultServer, SegmentFile
from support.proxies import PASSWORD, USER, connect, proxy, socks
from support.rigging import Rig
from tcc_uploader.transport.client import proxy_for

URL = "https://api.thecontext.company/v1/custom"


@pytest.mark.parametrize(
    ("environment", "proxy"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://p:8080"}, "http://p:8080"),
        ({"https_proxy": "http://user:pass@p:8080"}, "http://user:pass@p:8080"),
        ({"HTTPS_PROXY": "p:8080"}, "http://p:8080"),
        ({"ALL_PROXY": "socks5://p:1080"}, "socks5://p:1080"),
        ({"HTTPS_PROXY": "http://p", "ALL_PROXY": "http://q"}, "http://p"),
        ({"HTTP_PROXY": "http://p"}, None),
        ({"HTTPS_PROXY": "http://p", "NO_PROXY": "thecontext.company"}, None),
        ({"HTTPS_PROXY": "http://p", "NO_PROXY": "localhost, .thecontext.company"}, None),
        ({"HTTPS_PROXY": "http://p", "NO_PROXY": "*"}, None),
        ({"HTTPS_PROXY": "http://p", "NO_PROXY": "context.company,localhost"}, "http://p"),
    ],
)
def test_the_environment_says_which_proxy_is_used(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], proxy: str | None
) -> None:
    """``HTTPS_PROXY``, ``ALL_PROXY`` and ``NO_PROXY`` mean what they mean to curl and to Python's own urllib."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert proxy_for(URL) == proxy


def test_records_go_through_the_proxy(rig: Rig, server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that only the proxy can reach gets its records from there, with their keys."""
    SegmentFile().run("r1").run("r2").write(rig.spool)
    monkeypatch.setenv("HTTP_PROXY", server.url)
    outcome = rig.once(base_url="http://observatory.invalid")
    assert outcome.counts.delivered == 2
    assert {request.path for request in server.requests} == {"http://observatory.invalid/v1/custom"}
    assert {request.headers["host"] for request in server.requests} == {"observatory.invalid"}


@pytest.mark.parametrize(("scheme", "tls"), [("http", True), ("socks5", True), ("socks5", False)])
def test_records_go_through_a_tunnel_that_wants_a_password(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, scheme: str, tls: bool
) -> None:
    """``CONNECT`` for https, SOCKS 5 for both: the certificate is verified through it, and one connection is made."""
    SegmentFile().run("r1").run("r2").write(rig.spool)
    with FaultServer(tls=tls) as server, proxy(socks if scheme == "socks5" else connect) as (port, asked):
        monkeypatch.setenv("ALL_PROXY", f"{scheme}://{USER}:{PASSWORD}@127.0.0.1:{port}")
        monkeypatch.setenv("NO_PROXY", "")
        if server.authority is not None:
            authority = tmp_path / "authority.pem"
            server.authority.cert_pem.write_to_path(authority)
            monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        outcome = rig.once(base_url=f"{'https' if tls else 'http'}://localhost:{server.port}")
        assert outcome.counts.delivered == 2
        assert server.ids == [["r1"], ["r2"]]
        assert asked == [("localhost", server.port)]


def test_a_socks_proxy_without_its_package_is_an_operators_matter(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason says which package is missing; the destination pauses, and the record stays pending."""

    def missing(*_: object, **__: object) -> None:
        raise RuntimeError("the `socksio` package is not installed")  # as httpcore's stand-in for the class does

    monkeypatch.setattr(httpcore, "SOCKSProxy", missing)
    SegmentFile().run("r1").write(rig.spool)
    monkeypatch.setenv("ALL_PROXY", "socks5://p:1080")
    outcome = rig.once(base_url="http://observatory.invalid")
    (paused,) = outcome.paused
    assert "socksio" in paused.reason
    assert "proxy" in paused.remedy
    assert outcome.counts.pending == 1


def test_a_proxy_that_cannot_be_used_is_an_operators_matter(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of a kind that nobody knows pauses the destination and says why; the record stays pending."""
    SegmentFile().run("r1").write(rig.spool)
    monkeypatch.setenv("HTTP_PROXY", "gopher://p")
    outcome = rig.once(base_url="http://observatory.invalid")
    (paused,) = outcome.paused
    assert "gopher" in paused.reason
    assert "proxy" in paused.remedy
    assert outcome.counts.pending == 1


@pytest.mark.parametrize("content", [None, "garbage"])
def test_certificates_that_cannot_be_used_are_an_operators_matter(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None
) -> None:
    """A certificate file that is missing, or is none, ends no program: the destination pauses and says which."""
    file = tmp_path / "certificates.pem"
    if content is not None:
        file.write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    SegmentFile().run("r1").write(rig.spool)
    outcome = rig.once(base_url="https://127.0.0.1:9")
    (paused,) = outcome.paused
    assert "SSL_CERT_FILE" in paused.reason
    assert "certificate file" in paused.remedy
    assert outcome.counts.pending == 1


def test_certificates_are_not_looked_at_where_none_is_needed(
    rig: Rig, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plain http server gets its records, whatever SSL_CERT_FILE names."""
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")
    SegmentFile().run("r1").write(rig.spool)
    assert rig.once().counts.delivered == 1
