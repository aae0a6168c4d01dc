"""The environment of the program that ``tcc-record run`` starts: every official SDK in it posts to the gateway.

Source of the facts: the official packages (``contextcompany`` 2.0.0, ``@contextcompany/custom`` 1.0.2), run with each
of these variables.
"""

from collections.abc import Mapping
from typing import Final

from tcc_schemas.endpoints import LOOPBACK_HOSTS, OFFLINE_KEY, without_secrets

_BYPASSES: Final = ("TCC_URL", "TCC_FEEDBACK_URL")
"""They name whole URLs, and an SDK prefers them to the base URL."""
_NO_PROXY: Final = ("NO_PROXY", "no_proxy")


def environment_for(environment: Mapping[str, str], url: str) -> dict[str, str]:
    """Return the environment of a program that is to post to the gateway at ``url``.

    A program without a key gets one that stands for none, because the SDKs insist on one.
    """
    child = {name: value for name, value in environment.items() if name not in _BYPASSES}
    child["TCC_BASE_URL"] = url
    child["TCC_API_KEY"] = environment.get("TCC_API_KEY") or OFFLINE_KEY
    for name, other in (_NO_PROXY, reversed(_NO_PROXY)):
        # Each client reads one of them first, and the other one only if that is not set.
        child[name] = _with_loopback(environment.get(name, environment.get(other, "")))
    return child


def replaced_urls(environment: Mapping[str, str]) -> list[str]:
    """Return each variable by which the program was to post elsewhere, with its URL, without password and query."""
    return [
        f"{name} ({without_secrets(environment[name])})"
        for name in ("TCC_BASE_URL", *_BYPASSES)
        if environment.get(name)
    ]


def _with_loopback(hosts: str) -> str:
    """Return a list of hosts that need no proxy with the names of loopback; ``*`` means all hosts only if alone."""
    if hosts.strip() == "*":
        return hosts
    given = [host for host in map(str.strip, hosts.split(",")) if host]
    return ",".join([*given, *sorted(LOOPBACK_HOSTS.difference(given))])
