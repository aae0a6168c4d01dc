"""A key goes nowhere it should not."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.faults import KEY, FaultServer, SegmentFile
from support.rigging import Rig
from tcc_schemas.endpoints import OFFICIAL_ORIGINS, key_hint, origin_of
from tcc_uploader.delivery.routing import Router, Wish
from tcc_uploader.settings import Settings

OTHER = "tcc_other_key"
SETTINGS = Settings(spools=(), state_dir=Path("/s"), api_keys=(KEY, OTHER))
CUSTOM, FEEDBACK = "/v1/custom", "/v1/feedback"


def test_the_default_key_goes_to_production_and_a_dev_key_to_development() -> None:
    """The key's prefix chooses the official host."""
    assert (
        Router(SETTINGS).route(Wish(CUSTOM, None, None)).destination.url == "https://api.thecontext.company/v1/custom"
    )
    dev = replace(SETTINGS, api_keys=("dev_key",))
    assert Router(dev).route(Wish(FEEDBACK, None, None)).destination.url == "https://dev.thecontext.company/v1/feedback"


def test_a_record_goes_with_the_key_it_was_made_under() -> None:
    """The hint chooses among the keys held; with none, the default key is meant."""
    router = Router(SETTINGS)
    assert router.route(Wish(CUSTOM, None, None)).api_key == KEY
    assert router.route(Wish(CUSTOM, None, key_hint(KEY))).api_key == KEY
    assert router.route(Wish(CUSTOM, None, key_hint(OTHER))).api_key == OTHER


def test_a_key_that_is_not_held_blocks_and_one_adopted_does_not() -> None:
    """No record goes with another key, unless the operator says so, hint by hint."""
    route = Router(SETTINGS).route(Wish(CUSTOM, None, "deadbeef"))
    assert (route.api_key, route.blocked) == (None, "key not held")
    assert "--adopt deadbeef" in route.remedy
    adopting = Router(replace(SETTINGS, adopt=frozenset({"deadbeef"})))
    assert adopting.route(Wish(CUSTOM, None, "deadbeef")).api_key == KEY
    assert adopting.route(Wish(CUSTOM, None, "deadbeee")).blocked
    assert Router(replace(SETTINGS, api_keys=())).route(Wish(CUSTOM, None, None)).blocked == "key not held"


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/v1/custom",
        "http://api.thecontext.company/v1/custom",
        "https://api.thecontext.company.evil.example/",
        "https://api.thecontext.company@evil.example/",
        "https://api.thecontext.company:8443/",
        "http://localhost:8000/v1/custom",
        "http://127.0.0.1/v1/custom",
        "http://[::1]:9/",
        "http://2130706433/",
        "file:///etc/passwd",
        "//api.thecontext.company/x",
        "nonsense",
        "",
        "https://[::1",
        "https://api.thecontext.company:99999/",
    ],
)
def test_a_record_s_url_is_refused_unless_its_origin_is_official_or_configured(url: str) -> None:
    """What a record asks for aims our key nowhere; loopback least of all."""
    assert Router(SETTINGS).route(Wish(CUSTOM, url, None)).blocked == "refused origin"


@pytest.mark.parametrize("path", ["/admin/v1/projects/delete", "", "/", "/v1/custom/x", "/v1/customs", "/v1/feedback"])
def test_a_record_s_url_must_end_with_its_path(path: str) -> None:
    """A record aims our key at no other path of an allowed server; its query counts for nothing."""
    router = Router(replace(SETTINGS, allowed_origins=frozenset({"http://localhost:8000"})))
    for origin in ("https://api.thecontext.company", "http://localhost:8000"):
        for query in ("", "?/v1/custom", "#/v1/custom"):
            assert router.route(Wish(CUSTOM, origin + path + query, None)).blocked == "refused path"


def test_a_record_s_url_is_taken_where_its_origin_is_allowed() -> None:
    """Official, or named by the operator."""
    router = Router(replace(SETTINGS, allowed_origins=frozenset({"http://localhost:8000"})))
    for url in ("https://dev.thecontext.company/v1/custom", "http://localhost:8000/hooks/x%20y/v1/custom"):
        assert router.route(Wish(CUSTOM, url, None)).destination.url == url


HOSTS = st.sampled_from(["api.thecontext.company", "evil.example", "localhost", "dev.thecontext.company"])
NOISE = st.text(st.sampled_from("@\\/?#:;[]% \t\n.a\u2100\u3002\uff0f\uff20"), max_size=4)


@given(st.tuples(st.sampled_from(["https://", "http://", "HTTPS:/", "https:\\\\"]), NOISE, HOSTS, NOISE, HOSTS, NOISE))
def test_no_spelling_of_a_url_aims_a_key_elsewhere(parts: tuple[str, ...]) -> None:
    """What two URL parsers might read differently is refused, or rebuilt from what was checked."""
    import httpx  # noqa: PLC0415 -- the parser that counts in the end

    route = Router(SETTINGS).route(Wish(CUSTOM, "".join(parts), None))
    if not route.blocked:
        assert origin_of(route.destination.url) in OFFICIAL_ORIGINS
        sent_to = httpx.URL(route.destination.url)
        assert f"{sent_to.scheme}://{sent_to.netloc.decode()}" in OFFICIAL_ORIGINS
        assert not sent_to.userinfo


def test_a_foreign_url_pauses_alone_and_gets_no_request(rig: Rig, server: FaultServer) -> None:
    """A record that asks for another host stays pending; the others are delivered; the host hears nothing."""
    with FaultServer() as foreign:
        SegmentFile().run("r1", url=foreign.url + "/v1/custom").run("r2").write(rig.spool)
        outcome = rig.once()
        assert (outcome.counts.delivered, outcome.counts.pending) == (1, 1)
        assert outcome.needs_operator
        assert foreign.connections == 0
        assert rig.once(allowed_origins=frozenset({foreign.url})).counts.delivered == 2
        assert foreign.ids == [["r1"]]


def test_a_key_that_is_not_held_pauses_alone(rig: Rig, server: FaultServer) -> None:
    """Records of a key that is not here wait; those of the others go, each with its own."""
    segment = SegmentFile().run("r1", key_hint=key_hint(OTHER)).run("r2", key_hint=key_hint(KEY)).run("r3")
    segment.write(rig.spool)
    assert rig.once().counts.pending == 1
    assert {request.key for request in server.requests} == {KEY}
    assert rig.once(api_keys=(KEY, OTHER)).counts.pending == 0
    assert server.requests[-1].key == OTHER
