"""What a program's environment says, so that every official SDK in it posts to the gateway."""

import pytest

from tcc_recorder.gateway.child_environment import environment_for, replaced_urls

URL = "http://127.0.0.1:4319"
LOOPBACK = "127.0.0.1,::1,localhost"


def test_where_nothing_was_set() -> None:
    """The gateway's URL, a key that stands for none, and no proxy for loopback are added; the rest stays."""
    assert environment_for({"HOME": "/root"}, URL) == {
        "HOME": "/root",
        "TCC_BASE_URL": URL,
        "TCC_API_KEY": "tcc-offline",
        "NO_PROXY": LOOPBACK,
        "no_proxy": LOOPBACK,
    }


@pytest.mark.parametrize(("given", "key"), [("", "tcc-offline"), ("dev_1", "dev_1")])
def test_a_key_that_was_set_stays(given: str, key: str) -> None:
    """Its hint says later to which project the records belong; an empty one is none."""
    assert environment_for({"TCC_API_KEY": given}, URL)["TCC_API_KEY"] == key


def test_addresses_that_would_bypass_the_gateway_go() -> None:
    """An SDK prefers TCC_URL and TCC_FEEDBACK_URL to the base URL, so they are taken away, and named."""
    given = dict.fromkeys(
        ("TCC_URL", "TCC_FEEDBACK_URL", "TCC_BASE_URL"), "https://user:secret@a.example/v1?key=secret"
    )
    child = environment_for(given, URL)
    assert "a.example" not in str(child)
    assert replaced_urls(given) == [
        f"{name} (https://a.example/v1)" for name in ("TCC_BASE_URL", "TCC_URL", "TCC_FEEDBACK_URL")
    ]
    assert replaced_urls({"TCC_URL": ""}) == []


@pytest.mark.parametrize(
    ("upper", "lower", "expected"),
    [
        ("a.example", None, (f"a.example,{LOOPBACK}", f"a.example,{LOOPBACK}")),
        (None, "a.example", (f"a.example,{LOOPBACK}", f"a.example,{LOOPBACK}")),
        ("a.example", "b.example", (f"a.example,{LOOPBACK}", f"b.example,{LOOPBACK}")),
        ("a.example", "", (f"a.example,{LOOPBACK}", LOOPBACK)),
        ("localhost, a.example", None, ("localhost,a.example,127.0.0.1,::1",) * 2),
        ("*", None, ("*", "*")),
    ],
)
def test_loopback_needs_no_proxy(upper: str | None, lower: str | None, expected: tuple[str, str]) -> None:
    """Each client reads one variable first and the other if that is not set: both keep their meaning, and say loopback.

    A ``*`` stays alone: beside other names no client takes it for all hosts.
    """
    given = {name: value for name, value in (("NO_PROXY", upper), ("no_proxy", lower)) if value is not None}
    child = environment_for(given, URL)
    assert (child["NO_PROXY"], child["no_proxy"]) == expected
