"""Every setting: argument, else environment, else TOML file, else default."""

from collections.abc import Mapping
from math import inf
from pathlib import Path
from typing import Any

import pytest

from tcc_schemas.endpoints import PATHS as KNOWN_PATHS
from tcc_uploader import state
from tcc_uploader.dead import store
from tcc_uploader.delivery.routing import Router, Wish
from tcc_uploader.ledger import quarantine
from tcc_uploader.settings import BUNDLED_FILE, STATUS_FILE, TARGET_FILES, SettingsError, load

HOST = "api.thecontext.company"
PATHS = [Path("/t"), Path("/e"), Path("/a")]
BASES = ["http://localhost:1", "http://localhost:2"]


@pytest.mark.parametrize(
    ("member", "toml", "environment", "argument", "values"),
    [
        ("spools", 'spools = ["/t"]', {"TCC_SPOOL_DIR": "/e"}, {"spools": [Path("/a")]}, PATHS),
        ("state_dir", 'state_dir = "/t"', {"TCC_STATE_DIR": "/e"}, {"state": Path("/a")}, [it / HOST for it in PATHS]),
        (
            "allowed_paths",
            'allow_paths = ["t"]',
            {"TCC_ALLOW_PATHS": "e"},
            {"allow_paths": ["/v1/a"]},
            ["/v1/t", "/v1/e", "/v1/a"],
        ),
        ("in_flight", "in_flight = 3", {"TCC_IN_FLIGHT": "4"}, {"in_flight": 5}, [3, 4, 5]),
        (
            "limit_rate",
            'limit_rate = "2k"',
            {"TCC_LIMIT_RATE": "3M"},
            {"limit_rate": "4000"},
            [2048, 3 * 1024 * 1024, 4000],
        ),
        ("keep_for", 'after = "keep"', {}, {"after": "delete"}, [inf, inf, 0.0]),
        ("base_url", f"base_url = '{BASES[0]}'", {"TCC_BASE_URL": BASES[1]}, {}, [*BASES, BASES[1]]),
        (
            "allowed_origins",
            'allow_origins = ["http://t"]',
            {"TCC_ALLOW_ORIGINS": "http://e/x"},
            {"allow_origins": ["http://a:80/"]},
            ["http://t", "http://e", "http://a"],
        ),
    ],
)
def test_argument_before_environment_before_file(
    tmp_path: Path,
    member: str,
    toml: str,
    environment: Mapping[str, str],
    argument: Mapping[str, Any],
    values: list[object],
) -> None:
    """Each source hides the next."""
    file = tmp_path / "upload.toml"
    file.write_text(toml)

    def value(environment: Mapping[str, str], **arguments: Any) -> object:
        found = getattr(load(environment, config=file, **arguments), member)
        found = found - KNOWN_PATHS if isinstance(found, frozenset) else found
        return next(iter(found)) if isinstance(found, tuple | frozenset) else found

    assert [value({}), value(environment), value(environment, **argument)] == values


def test_the_defaults() -> None:
    """Nothing said: the user's folders, 32 in flight, delivered segments are removed."""
    settings = load({"XDG_STATE_HOME": "/x"})
    assert (settings.spools, settings.state_dir) == ((Path("/x/tcc/spool"),), Path("/x/tcc/state") / HOST)
    assert (settings.in_flight, settings.keep_for, settings.api_keys) == (32, 86_400.0, ())


def test_keys_come_from_file_and_environment_the_default_first(tmp_path: Path) -> None:
    """The file's first key is the default; each key is held once."""
    file = tmp_path / "keys"
    file.write_text("k1\nk2, k3\n")
    settings = load({"TCC_API_KEY": "k4", "TCC_API_KEYS": "k2 k5"}, api_key_file=file)
    assert settings.api_keys == ("k1", "k2", "k3", "k4", "k5")


def test_a_credential_that_cannot_be_read_is_an_error_and_none_is_none(tmp_path: Path) -> None:
    """Without the error, a daemon would only say that it holds no key."""
    assert load({"CREDENTIALS_DIRECTORY": str(tmp_path)}).api_key_file is None
    (tmp_path / "tcc-api-key").symlink_to("tcc-api-key")
    with pytest.raises(SettingsError, match="can't read the key file"):
        load({"CREDENTIALS_DIRECTORY": str(tmp_path)})


@pytest.mark.parametrize("content", [None, b"\xff\xfe", "schl\u00fcssel".encode()])
def test_a_key_file_that_cannot_be_used_is_refused(tmp_path: Path, content: bytes | None) -> None:
    """A key file that is missing, is no text, or holds what no HTTP header can carry is an error of the settings."""
    file = tmp_path / "keys"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError, match="key"):
        load({}, api_key_file=file)


def test_the_file_is_found_by_name_or_in_its_usual_place(tmp_path: Path) -> None:
    """TCC_UPLOAD_CONFIG, else ``tcc/upload.toml`` in the user's configuration."""
    usual = tmp_path / "tcc" / "upload.toml"
    usual.parent.mkdir()
    usual.write_text("in_flight = 7")
    named = tmp_path / "named.toml"
    named.write_text("in_flight = 8")
    assert load({"XDG_CONFIG_HOME": str(tmp_path)}).in_flight == 7
    assert load({"XDG_CONFIG_HOME": str(tmp_path), "TCC_UPLOAD_CONFIG": str(named)}).in_flight == 8


@pytest.mark.parametrize(
    "content",
    [
        b"in_flight = 0",
        b"limit_rate = 1023",
        b"limit_rate = '64kB'",
        b'in_flight = "3"',
        b"api_key = 'x'",
        b"= nonsense",
        b'base_url = "https://evil.example"',
        b"\xff\xfe",
        b'after = "no"',
    ],
)
def test_a_settings_file_that_cannot_be_meant_is_refused(tmp_path: Path, content: bytes) -> None:
    """A typo, a key, or a wrong type is told; nothing is guessed."""
    file = tmp_path / "upload.toml"
    file.write_bytes(content)
    with pytest.raises(SettingsError):
        load({}, config=file)


@pytest.mark.parametrize(
    ("environment", "custom", "feedback"),
    [
        ({}, "https://dev.thecontext.company/v1/custom", "https://dev.thecontext.company/v1/feedback"),
        ({"TCC_URL": "http://localhost:1/v1/custom"}, "http://localhost:1/v1/custom", "http://localhost:1/v1/feedback"),
        ({"TCC_URL": "http://localhost:1/hook"}, "http://localhost:1/hook", "http://localhost:1/v1/feedback"),
        (
            {"TCC_URL": "http://localhost:1/x", "TCC_FEEDBACK_URL": "http://localhost:2/f"},
            "http://localhost:1/x",
            "http://localhost:2/f",
        ),
        (
            {"TCC_URL": "http://localhost:1/x", "TCC_BASE_URL": "http://localhost:2"},
            "http://localhost:1/x",
            "http://localhost:2/v1/feedback",
        ),
    ],
)
def test_feedback_goes_beside_its_run(environment: dict[str, str], custom: str, feedback: str) -> None:
    """A custom URL takes the feedback to its own host, never to one that nobody named."""
    router = Router(load(environment | {"TCC_API_KEY": "dev_key"}))
    assert [router.route(Wish(path)).destination.url for path in ("/v1/custom", "/v1/feedback")] == [custom, feedback]


@pytest.mark.parametrize(
    ("environment", "target"),
    [
        ({}, "api.thecontext.company"),
        ({"TCC_API_KEY": "dev_key"}, "dev.thecontext.company"),
        ({"TCC_API_KEY": "tcc-offline"}, "api.thecontext.company"),
        ({"TCC_BASE_URL": "http://localhost:8787/prefix"}, "http_localhost_8787"),
        ({"TCC_BASE_URL": "http://localhost"}, "http_localhost_80"),
        ({"TCC_BASE_URL": "https://LOCALHOST:443"}, "localhost"),
        ({"TCC_BASE_URL": "https://[::1]:8443"}, "__1_8443"),
        ({"TCC_BASE_URL": "https://b\u00e4r.example", "TCC_ALLOW_UNSAFE_BASE_URL": "1"}, "b_e4_r.example"),
        ({"TCC_BASE_URL": "https://b\u00f6r.example", "TCC_ALLOW_UNSAFE_BASE_URL": "1"}, "b_f6_r.example"),
        ({"TCC_URL": "http://127.0.0.1:1/v1/custom", "TCC_BASE_URL": "http://127.0.0.1:2"}, "http_127.0.0.1_1"),
        ({"TCC_TARGET": "our-sandbox", "TCC_BASE_URL": "http://127.0.0.1:2"}, "our-sandbox"),
    ],
)
def test_the_target_is_the_server_s_host_or_as_it_was_named(environment: Mapping[str, str], target: str) -> None:
    """What was sent to one server does not count for another: each has a folder of its own."""
    settings = load({"XDG_STATE_HOME": "/x", **environment})
    assert settings.state_dir == Path("/x/tcc/state", target)
    assert settings.names_target == bool(environment and environment.get("TCC_API_KEY") != "tcc-offline")


@pytest.mark.parametrize("name", ["", "../x", "UPPER", ".hidden", "a" * 65, "a b", "dead", "status.json"])
def test_a_target_that_is_no_folder_s_name_is_refused(name: str, tmp_path: Path) -> None:
    """It would lead out of the state directory, or be another folder on another system."""
    file = tmp_path / "upload.toml"
    file.write_text(f"target = '{name}'")
    if name:
        with pytest.raises(SettingsError, match="TCC_TARGET"):
            load({}, config=file)
    else:
        assert load({}, config=file).state_dir.name == HOST


def test_the_reserved_names_are_those_of_a_target_s_files() -> None:
    """Whoever renames one of these files must tell the settings, which can't import them."""
    names = (quarantine.FILE_NAME, store.LETTERS, store.REQUESTS, STATUS_FILE, state.LOCK_NAME, BUNDLED_FILE)
    assert names == TARGET_FILES


def test_what_is_not_for_tcc_url_goes_beside_it() -> None:
    """Feedback and other packages' posts go to the host that the user named, never to another."""
    assert load({"TCC_URL": "http://localhost:1/x/v1/custom"}).base_url_for("dev_key") == "http://localhost:1/x"


@pytest.mark.parametrize("text", ["1023", "0k", "64kB", "64K", "-1", "1.5M", "9999999999", "fast"])
def test_a_rate_that_is_none_is_refused(text: str) -> None:
    """A limit below 1k would be taken for a link that stalls."""
    with pytest.raises(SettingsError, match="bytes per second"):
        load({"TCC_LIMIT_RATE": text})
