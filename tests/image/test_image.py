"""The image of our Dockerfile, and the services of our Compose file, under podman: ``make image``, as root."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from support.worlds import wait_until

pytestmark = pytest.mark.skipif("os.environ.get('TCC_TEST_IMAGE') is None", reason="make image runs it")
ROOT: Final = Path(__file__).parents[2]
DOCKERFILE: Final = ROOT / "deploy" / "docker" / "Dockerfile"
COMPOSE: Final = ROOT / "deploy" / "docker" / "compose.yaml"
IMAGE: Final = "tcc-offline:0.1.0"
BASE: Final = "docker.io/library/python:3.13-slim"
KEY: Final = "key-of-these-containers"
GRACE: Final = 20.0
"""Seconds that Compose's file gives the daemon to end."""
CONTAINERS: Final = """
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
seccomp_profile = "unconfined"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""
"""What podman needs where root has few rights and no systemd runs; the programs in the containers don't see it."""
AGENT: Final = """
import json, os, urllib.request
times = {"start_time": "2026-01-31T12:00:00Z", "end_time": "2026-01-31T12:00:01Z"}
run = json.dumps({"type": "run", "run_id": "posted", "prompt": {"user_prompt": "a"}, "response": "b", **times}).encode()
head = {"Authorization": "Bearer " + os.environ["TCC_API_KEY"], "Content-Type": "application/json"}
urllib.request.urlopen(urllib.request.Request(os.environ["TCC_BASE_URL"] + "/v1/custom", run, head))
"""

RECEIPTS: Final = """
import urllib.request
try:
    print(urllib.request.urlopen("http://127.0.0.1:8080").read())
except OSError as error:
    print(error)
"""
"""Shows what the server has, or that it does not answer yet."""

Podman = Callable[..., str]


@pytest.fixture(scope="module")
def podman(tmp_path_factory: pytest.TempPathFactory) -> Podman:
    """Give a podman with images of its own, among them ours."""
    folder = tmp_path_factory.mktemp("podman")
    storage = f'[storage]\ndriver = "vfs"\nrunroot = "{folder}/run"\ngraphroot = "{folder}/images"\n'
    (folder / "storage.conf").write_text(storage)
    (folder / "containers.conf").write_text(CONTAINERS)
    os.environ["CONTAINERS_CONF"] = str(folder / "containers.conf")
    os.environ["CONTAINERS_STORAGE_CONF"] = str(folder / "storage.conf")
    try:
        _run("podman", "pull", "--quiet", BASE)
    except AssertionError:  # no registry can be reached
        _make_base(folder / "base")
    extras = ("--build-arg", "EXTRAS=zstd,metrics,gateway")
    _run("podman", "build", "--format=docker", "--pull=never", "--network=host", *extras, f"--file={DOCKERFILE}",
         f"--tag={IMAGE}", ROOT)  # fmt: skip
    return lambda *words: _run("podman", *words)


@pytest.fixture
def services(podman: Podman, tmp_path: Path) -> Iterator[Podman]:
    """Start the services of Compose's file beside a server that stands for Observatory."""
    file = tmp_path / "compose.yaml"
    file.write_text(yaml.safe_dump(_with_agent_and_server(yaml.safe_load(COMPOSE.read_text()), tmp_path)))
    compose = (Path(os.environ["TCC_TEST_IMAGE"]) / "podman-compose", "--file", file)
    try:
        _run(*compose, "up", "--detach")
        yield podman
    finally:
        _run(*compose, "down", "--volumes")


def test_what_an_agent_posts_reaches_the_server(services: Podman) -> None:
    """Agent, gateway and daemon do as Compose's file says: the run arrives, and the health checks of both are right."""
    healthy = json.loads(services("image", "inspect", IMAGE))[0]["Healthcheck"]["Test"][1:]
    ready = yaml.safe_load(COMPOSE.read_text())["services"]["gateway"]["healthcheck"]["test"][1:]

    wait_until(lambda: "1 different item" in services("exec", "tcc_daemon_1", "python", "-c", RECEIPTS), "the run")
    services("exec", "tcc_daemon_1", *healthy)
    services("exec", "tcc_gateway_1", *ready)


def test_nothing_but_its_folders_can_be_written_and_no_one_is_root(services: Podman) -> None:
    """The programs run as the image's user, on files that are read-only, and their logs don't tell the key."""
    for name in ("tcc_daemon_1", "tcc_gateway_1"):
        assert services("exec", name, "id", "-u").strip() == "10001"
        services("exec", name, "sh", "-c", "! touch /opt/tcc/x 2>/dev/null && touch /spool/.x && rm /spool/.x")
        assert KEY not in services("logs", name)


def test_both_end_within_their_grace(services: Podman) -> None:
    """A stop is no kill: daemon and gateway end by themselves, and well."""
    for name in ("tcc_gateway_1", "tcc_daemon_1"):
        services("stop", f"--time={GRACE:.0f}", name)
        assert services("inspect", "--format={{.State.ExitCode}}", name).strip() == "0"


def _with_agent_and_server(file: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return Compose's file with an agent, and with a server that the daemon reaches on its own loopback.

    podman asks systemd to run health checks; so they are left out, and the tests run their commands.
    """
    (folder / "api-key").write_text(KEY)
    (folder / "api-key").chmod(0o644)
    file["secrets"]["tcc-api-key"]["file"] = str(folder / "api-key")
    services = file["services"]
    services["agent"] |= {"image": IMAGE, "entrypoint": ["python", "-c"], "command": [AGENT]}
    services["agent"]["depends_on"]["gateway"]["condition"] = "service_started"
    services["daemon"]["environment"]["TCC_BASE_URL"] = "http://127.0.0.1:8080"
    services["observatory"] = {
        "image": IMAGE,
        "network_mode": "service:daemon",
        "depends_on": {"daemon": {"condition": "service_started"}},
        "command": ["sandbox", "--port", "8080", "--key", KEY],
    }
    for service in services.values():
        service["healthcheck"] = {"disable": True}
        service.pop("build", None)  # it is built
    return file


def _make_base(folder: Path) -> None:
    """Make an image of Debian's Python, and give it the name of the one that can't be pulled here."""
    packages = "--include=python3,python3-venv,python3-pip,ca-certificates"
    _run("debootstrap", "--variant=minbase", packages, "trixie", folder, "http://deb.debian.org/debian")
    (folder / "usr/bin/python").symlink_to("python3")
    certificates = Path("etc/ssl/certs/ca-certificates.crt")
    (folder / certificates).write_bytes((Path("/") / certificates).read_bytes())
    _run("tar", "-C", folder, "-c", "-f", f"{folder}.tar", ".")
    _run("podman", "import", f"{folder}.tar", BASE)


def _run(*command: str | Path) -> str:
    """Run a command to its end, check that it succeeded, and return what it printed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
