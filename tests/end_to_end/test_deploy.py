"""What deploy/ holds is what docs/deploy.md says: each file is checked by the tool it is for, and its command run."""

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from support import children
from support.worlds import PATIENCE, TCC_UPLOAD, World, stop, wait_until
from tcc_uploader.api_keys import CREDENTIAL

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNIT = DEPLOY / "systemd" / "tcc-upload.service"
GATEWAY_UNIT = DEPLOY / "systemd" / "tcc-gateway.service"
GATEWAY_SOCKET = DEPLOY / "systemd" / "tcc-gateway.socket"
USER_UNIT = DEPLOY / "systemd" / "user" / "tcc-upload.service"
CRON = DEPLOY / "cron" / "tcc-upload"
DOCKERFILE = (DEPLOY / "docker" / "Dockerfile").read_text()
COMPOSE = yaml.safe_load((DEPLOY / "docker" / "compose.yaml").read_text())
KUBERNETES = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
MOST_EXPOSURE = 20
"""In tenths, as systemd-analyze takes it."""
AGENT = "import tcc_recorder; tcc_recorder.run('r1').prompt('p').end()"


def needs(program: str) -> pytest.MarkDecorator:
    """Skip a test, with a word about it, where a program is missing."""
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed: NOT CHECKED")


def settings(unit: Path) -> dict[str, list[str]]:
    """Return what a unit sets: each name's values."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", unit.read_text(), re.MULTILINE):
        found.setdefault(name, []).append(value)
    return found


def run(*command: str | Path, **environment: str) -> str:
    """Run a program to its end, check that it found nothing wrong, and return what it printed."""
    done = subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def installed(unit: Path, folder: Path) -> Path:
    """Return a copy of a unit whose program is there: verify looks for it."""
    for each in {unit, GATEWAY_SOCKET if unit == GATEWAY_UNIT else unit}:
        program = rf"ExecStart={Path(TCC_UPLOAD).parent}/\1"
        (folder / each.name).write_text(re.sub(r"^ExecStart=\S+/(\S+)", program, each.read_text(), flags=re.MULTILINE))
    return folder / unit.name


def test_the_page_names_every_file_and_every_file_is_there() -> None:
    """What nobody is led to is not read; what is not there helps nobody."""
    named = set(re.findall(r"\]\(\.\./(deploy/[^)]+)\)", (ROOT / "docs" / "deploy.md").read_text()))
    there = {str(path.relative_to(ROOT)) for path in DEPLOY.rglob("*") if path.is_file()}
    assert named == there
    assert all((ROOT / name).read_text().startswith("#") or name.endswith("ignore") for name in there)


@needs("systemd-analyze")
@pytest.mark.parametrize(
    ("unit", "whose"),
    [(UNIT, "--system"), (GATEWAY_UNIT, "--system"), (USER_UNIT, "--user")],
    ids=["system", "gateway", "user"],
)
def test_systemd_finds_nothing_wrong_with_a_unit(tmp_path: Path, unit: Path, whose: str) -> None:
    """No misspelt setting, no missing program."""
    printed = run("systemd-analyze", whose, "verify", installed(unit, tmp_path), XDG_RUNTIME_DIR=str(tmp_path))
    assert unit.name not in printed


@needs("systemd-analyze")
@pytest.mark.parametrize("unit", [UNIT, GATEWAY_UNIT], ids=["daemon", "gateway"])
def test_a_system_unit_exposes_little(tmp_path: Path, unit: Path) -> None:
    """By systemd's own measure 2.0 at most, of 10."""
    run("systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSURE}", installed(unit, tmp_path))


@pytest.mark.skipif(sys.platform == "win32", reason="systemd is Linux's")
def test_a_unit_s_command_delivers_with_the_unit_s_settings(world: World, tmp_path: Path) -> None:
    """With its credential and folders it gets ready and delivers, and hears the signals that the unit sends."""
    unit = settings(UNIT)
    assert unit["LoadCredential"] == [f"{CREDENTIAL}:/etc/tcc/api-key"]
    (tmp_path / CREDENTIAL).write_text("key-of-this-world\n")
    given = dict(each.split("=", 1) for each in unit["Environment"])
    places = {"/var/spool/tcc": str(world.spool), "%S/tcc-upload": str(tmp_path / "state")}
    assert set(given.values()) == set(places)
    environment = {name: places[place] for name, place in given.items()}
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(PATIENCE)
        daemon = children.start(
            [TCC_UPLOAD, *unit["ExecStart"][0].split()[1:]],
            env={"PATH": "/usr/bin:/bin", "TCC_BASE_URL": world.url, "CREDENTIALS_DIRECTORY": str(tmp_path)}
            | {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": f"{unit['WatchdogSec'][0]}000000"}
            | environment,
        )
        assert "READY=1" in manager.recv(4096).decode()
        assert world.agent(AGENT).wait(timeout=PATIENCE) == 0
        wait_until(lambda: world.received({"r1"}), "the run")
        run("sh", "-c", unit["ExecReload"][0].replace("$MAINPID", str(daemon.pid)))
        while "RELOADING=1" not in manager.recv(4096).decode():
            pass
        assert stop(daemon) == 0


@needs("systemd-sysusers")
@needs("systemd-tmpfiles")
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root makes users: NOT CHECKED")
def test_users_and_spool_are_made_as_the_page_says(tmp_path: Path) -> None:
    """A group that both are in, and a setgid folder of it, which nobody else may enter."""
    (tmp_path / "etc").mkdir()
    run("systemd-sysusers", f"--root={tmp_path}", DEPLOY / "systemd" / "tcc.sysusers.conf")
    run("systemd-tmpfiles", "--create", f"--root={tmp_path}", DEPLOY / "systemd" / "tcc.tmpfiles.conf")
    groups = [line.split(":") for line in (tmp_path / "etc" / "group").read_text().splitlines()]
    group = next(each for each in groups if each[0] == "tcc")
    spool = (tmp_path / "var" / "spool" / "tcc").stat()
    assert (set(group[3].split(",")), oct(spool.st_mode & 0o7777), str(spool.st_gid)) == (
        {"tcc-upload", "tcc-gateway"},
        "0o2770",
        group[2],
    )
    for unit, user in ((UNIT, "tcc-upload"), (GATEWAY_UNIT, "tcc-gateway")):
        assert [settings(unit)[name][0] for name in ("User", "Group")] == [user, "tcc"]


def test_cron_s_line_delivers_and_removes(world: World, tmp_path: Path) -> None:
    """The line of /etc/cron.d is run by sh, as cron does, with its own variables."""
    *_, line = CRON.read_text().splitlines()
    *times, user, command = line.split(maxsplit=6)
    assert (times, user) == (["*/5", "*", "*", "*", "*"], "tcc-upload")
    key = tmp_path / "key"
    key.write_text("key-of-this-world")
    log = tmp_path / "log"
    places = {
        "/opt/tcc/bin/tcc-upload": TCC_UPLOAD,
        "/var/log/tcc-upload/replay.log": str(log),
        "/var/spool/tcc": str(world.spool),
        "/var/lib/tcc-upload": str(tmp_path / "state"),
        "/etc/tcc/api-key": str(key),
    }
    variables = dict(re.findall(r"^(TCC_\w+)=(.*)$", CRON.read_text(), re.MULTILINE))
    assert world.agent(AGENT).wait(timeout=PATIENCE) == 0
    for place, here in places.items():
        command = command.replace(place, here)
    run("sh", "-c", command, TCC_BASE_URL=world.url, **{name: places[place] for name, place in variables.items()})
    assert world.received({"r1"})
    assert not list(world.spool.glob("*.jsonl"))
    assert "delivered" in log.read_text()


@needs("logrotate")
def test_logrotate_understands_its_file(tmp_path: Path) -> None:
    """It finds the log and rotates it, with users that are there."""
    log = tmp_path / "replay.log"
    log.write_text("one line\n")
    user, group = run("id", "-un").strip(), run("id", "-gn").strip()
    text = (DEPLOY / "cron" / "tcc-upload.logrotate").read_text().replace("/var/log/tcc-upload", str(tmp_path))
    file = tmp_path / "logrotate"
    file.write_text(text.replace("tcc-upload tcc", f"{user} {group}"))
    file.chmod(0o644)
    run("logrotate", "--force", "--state", tmp_path / "state", file)
    assert (tmp_path / "replay.log.1").read_text() == "one line\n"


def test_compose_s_file_is_one() -> None:
    """By the schema of Compose files: each name and type."""
    schema = "vendor.compose-spec"
    run(sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, DEPLOY / "docker" / "compose.yaml")


@pytest.mark.parametrize("path", KUBERNETES, ids=lambda path: path.stem)
def test_kubernetes_files_are_of_its_schema(path: Path) -> None:
    """Each name and type, in version 1.29, the oldest that has sidecars, and in the newest that is known."""
    for version in ("1.29", kubernetes_validate.latest_version()):
        for document in yaml.safe_load_all(path.read_text()):
            kubernetes_validate.validate(document, version, strict=True)


def test_containers_run_our_commands_as_the_image_s_user() -> None:
    """Compose, Kubernetes and the image name one user, one group, and commands that are there."""
    pods: list[dict[str, Any]] = [yaml.safe_load(path.read_text())["spec"]["template"]["spec"] for path in KUBERNETES]
    ours = [each for pod in pods for each in (*pod["initContainers"], *pod["containers"]) if "args" in each]
    services = [each for each in COMPOSE["services"].values() if each["image"].startswith("tcc-offline")]
    assert {each["image"] for each in (*ours, *services)} == {COMPOSE["services"]["daemon"]["image"]}
    gateway = COMPOSE["services"]["gateway"]
    run(Path(TCC_UPLOAD).with_name(*gateway["entrypoint"]), *gateway["command"], "--help")
    assert {pod["securityContext"]["fsGroup"] for pod in pods} == {10000}
    for each in ours:
        confined = each["securityContext"]
        assert confined["capabilities"]["drop"] == ["ALL"]
        assert confined["readOnlyRootFilesystem"]
        if each["args"][0] == "daemon":
            run(TCC_UPLOAD, *each["args"], "--help")
            assert (confined["runAsUser"], confined["runAsGroup"], confined["runAsNonRoot"]) == (10001, 10000, True)
            for probe in (each.get("readinessProbe"), each.get("livenessProbe")):
                assert probe is None or run(TCC_UPLOAD, *probe["exec"]["command"][1:], "--help")
    assert re.findall(r"^USER (.*)$", DOCKERFILE, re.MULTILINE) == ["10001:10000"]
    assert "--gid 10000 tcc" in DOCKERFILE
    assert "--uid 10001" in DOCKERFILE


def test_the_image_has_what_the_package_is_built_of_and_asks_status_for_its_health() -> None:
    """Two stages; each package of the wheel is copied into the first; the health check's options are there."""
    stages = DOCKERFILE.split("\nFROM ")[1:]
    assert len(stages) == 2
    copied = re.findall(r"^COPY (.*) \S+$", stages[0], re.MULTILINE)
    sources = [source for sources in copied for source in sources.split()]
    assert all((ROOT / source).exists() for source in sources)
    packages = re.search(r"^packages = (\[.*\])$", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert packages
    for package in yaml.safe_load(packages[1]):
        assert any(package.startswith(source) for source in sources), package
    health = re.search(r"^HEALTHCHECK .*\n\s+CMD (\[.*\])$", stages[1], re.MULTILINE)
    assert health
    program, *arguments = yaml.safe_load(health[1])
    assert program == "tcc-upload"
    assert "Exit codes" in run(TCC_UPLOAD, *arguments, "--help")
