"""Where records and keys may go, and where spool and state lie."""

import os
from pathlib import Path

import pytest

from tcc_schemas.default_dirs import spool_dir, state_dir
from tcc_schemas.endpoints import base_url, checked_url, is_loopback, key_hint, origin_of, without_secrets


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://API.thecontext.company", "https://api.thecontext.company"),
        ("HTTPS://api.thecontext.company:443/v1/custom?x#y", "https://api.thecontext.company"),
        ("http://localhost:80", "http://localhost"),
        ("http://localhost:443", "http://localhost:443"),
        ("http://[::1]:8000/x", "http://[::1]:8000"),
        ("https://user:pw@api.thecontext.company/", "https://api.thecontext.company"),
        ("https://api.thecontext.company@evil.example/", "https://evil.example"),
        ("https://api.thecontext.company:x@evil.example/", "https://evil.example"),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, origin: str) -> None:
    """Lower case, no default port, and the host is what stands behind the last @."""
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.thecontext.company",
        "ftp://x",
        "file:///etc/passwd",
        "https://",
        "http://x:y",
        "http://x:99999",
        "http://[::1",
        "javascript:alert(1)",
    ],
)
def test_what_is_no_http_url_has_no_origin(url: str) -> None:
    """Everything else is a ValueError."""
    with pytest.raises(ValueError):  # noqa: PT011 -- the library words some of them
        origin_of(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://api.thecontext.company",
        "https://evil.example",
        "https://api.thecontext.company.evil.example",
        "https://api.thecontext.company@evil.example",
        "https://evil.example#@api.thecontext.company",
        "https://evil.example?@api.thecontext.company",
        "https://evil.example/@api.thecontext.company",
        "https://api.thecontext.company:8443",
        "http://127.0.0.1.evil.example",
        "http://127.0.0.2",
        "http://0.0.0.0",
    ],
)
def test_an_origin_that_nobody_knows_is_refused(url: str) -> None:
    """A configured URL is official or loopback, unless the environment says otherwise."""
    with pytest.raises(ValueError, match="Refusing unsafe"):
        checked_url(url, {})
    assert checked_url(url, {"TCC_ALLOW_UNSAFE_BASE_URL": "1"})
    with pytest.raises(ValueError, match="Refusing unsafe"):
        checked_url(url, {"TCC_ALLOW_UNSAFE_BASE_URL": "0"})


def test_a_checked_url_is_in_normal_form() -> None:
    """No user, query, fragment or trailing slash is left."""
    assert checked_url("HTTPS://u:p@API.thecontext.company:443/v1/custom/?q#f", {}) == (
        "https://api.thecontext.company/v1/custom"
    )
    assert checked_url("http://LOCALHOST:8000/", {}) == "http://localhost:8000"


@pytest.mark.parametrize("key", ["tcc_key", "dev_key", ""])
@pytest.mark.parametrize(
    "configured", [None, "https://api.thecontext.company", "https://DEV.thecontext.company/", "http://localhost:3000/"]
)
def test_the_base_url_is_the_official_client_s(
    monkeypatch: pytest.MonkeyPatch, key: str, configured: str | None
) -> None:
    """For every safe setting we send to where the official package sends."""
    environment = {"TCC_BASE_URL": configured} if configured else {}
    monkeypatch.delenv("TCC_BASE_URL", raising=False)
    monkeypatch.delenv("TCC_URL", raising=False)
    monkeypatch.setenv("TCC_API_KEY", key)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    config = pytest.importorskip("contextcompany.config")
    assert base_url(key, environment) + "/v1/custom" == config.get_url("/v1/custom")


def test_loopback_has_three_names() -> None:
    """localhost, 127.0.0.1 and ::1."""
    assert all(map(is_loopback, ("http://localhost:1", "http://127.0.0.1", "http://[::1]:2/x")))
    assert not is_loopback("http://localhost.evil.example")


def test_a_key_hint_tells_nothing_of_the_key() -> None:
    """Eight hex digits of a hash; any text has one."""
    assert key_hint("tcc_key") == key_hint("tcc_key") != key_hint("tcc_kez")
    assert len(key_hint("\udcff") or "") == 8


def test_what_is_no_key_has_no_hint() -> None:
    """The key that stands for none, where a program insists on one, makes records without a hint."""
    assert key_hint("tcc-offline") is None
    assert key_hint("") is None


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://host/v1/custom", "https://host/v1/custom"),
        ("https://user:secret@host:8443/v1/custom?token=secret#secret", "https://host:8443/v1/custom"),
        ("https://us@er:sec?ret", "https://er:sec"),
        ("user:secret@host/path@x", "host/path@x"),
        ("http://user:secret@[bad", "http://[bad"),
        ("/path//a@b", "/path//b"),
        ("", ""),
        ("https://us:pass/word@host/v1/custom", "https://host/v1/custom"),
        ("https://host:8443/@team/v1/custom", "https://host:8443/@team/v1/custom"),
    ],
)
def test_a_url_s_secrets_are_taken_out(url: str, kept: str) -> None:
    """User name, password, query and fragment go, also from what is no URL."""
    assert without_secrets(url) == kept


def test_the_default_directories_follow_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Named, else in the user's state directory; never relative."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert spool_dir({"TCC_SPOOL_DIR": "here"}) == str(tmp_path / "here")
    assert spool_dir({"TCC_SPOOL_DIR": "~/there"}) == str(tmp_path / "there")
    assert spool_dir({"XDG_STATE_HOME": "/xdg"}) == "/xdg/tcc/spool"
    assert os.path.isabs(spool_dir({"XDG_STATE_HOME": "relative", "TCC_SPOOL_DIR": ""}))  # noqa: PTH117 -- a text
    assert state_dir({"XDG_STATE_HOME": "/xdg"}) == "/xdg/tcc/state"
    assert state_dir({"TCC_STATE_DIR": "/s"}) == "/s"
