"""What docs/observability holds is accepted by Prometheus, and asks for metrics that there are."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import generate_latest

from support.faults import FaultServer, Reply, SegmentFile
from support.prometheus import promtool, running_prometheus
from support.rigging import Rig
from support.shell import Shell
from support.worlds import wait_until
from tcc_uploader.cli.main import tcc_upload
from tcc_uploader.ops.metrics import Metrics

FOLDER = Path(__file__).parents[3] / "docs" / "observability"
PAGE = (FOLDER / "README.md").read_text()
ALERTS = FOLDER / "alerts.yml"
RULES: list[dict[str, Any]] = yaml.safe_load(ALERTS.read_text())["groups"][0]["rules"]
DASHBOARD = json.loads((FOLDER / "dashboard.json").read_text())
QUERIES = {
    f"{panel['title']} {target['refId']}": target["expr"]
    for panel in DASHBOARD["panels"]
    for target in panel["targets"]
}
FIRING = {
    "TccUploadDown": ('up{job="tcc-upload"}', "0x90"),
    "TccUploadNeedsOperator": ('tcc_upload_destinations{state="operator"}', "1x90"),
    "TccUploadOutage": ('tcc_upload_destinations{state="paused"}', "1x90"),
    "TccUploadLate": ("tcc_upload_oldest_pending_age_seconds", "0+60x90"),
    "TccUploadDeadLetters": ('tcc_upload_records_total{fate="dead"}', "0x80 1x10"),
    "TccUploadSpoolFilling": ('tcc_upload_spool_bytes{spool="/spool"}', "90x90"),
    "TccUploadRefused": ("tcc_upload_refused_records_total", "0x80 1x10"),
    "TccUploadStateUnwritable": ("tcc_upload_state_unwritable", "1x90"),
    "TccUploadSetAside": ('tcc_upload_set_aside_total{reason="damaged"}', "0x80 1x10"),
    "TccUploadUnreadable": ("tcc_upload_unreadable_files", "1x90"),
    "TccUploadWatcher": ('tcc_upload_watcher{mode="polling"}', "1x90"),
}
"""A series of 90 minutes that ends with each alert."""
HEALTHY = {
    'up{job="tcc-upload"}': "1x90",
    'tcc_upload_destinations{state="up"}': "1x90",
    'tcc_upload_destinations{state="operator"}': "0x90",
    'tcc_upload_destinations{state="paused"}': "0x50 1x10 0x30",
    "tcc_upload_oldest_pending_age_seconds": "0x50 0+60x10 0x30",
    'tcc_upload_records_total{fate="dead"}': "3x90",
    'tcc_upload_records_total{fate="delivered"}': "0+100x90",
    'tcc_upload_spool_bytes{spool="/spool"}': "70x90",
    'tcc_upload_spool_limit_bytes{spool="/spool"}': "100x90",
    "tcc_upload_refused_records_total": "3x90",
    "tcc_upload_state_unwritable": "0x90",
    'tcc_upload_set_aside_total{reason="damaged"}': "3x90",
    "tcc_upload_unreadable_files": "0x90",
    'tcc_upload_watcher{mode="native"}': "1x90",
    'tcc_upload_watcher{mode="polling"}': "0x90",
}
"""The same of a daemon to which nobody must be called: an outage of ten minutes is over by itself."""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Give the names of all series that a scrape of a daemon tells."""
    metrics = Metrics()
    with FaultServer() as server:
        rig = Rig(tmp_path_factory.mktemp("rig"), server)
        SegmentFile().run("r1").seal().write(rig.spool)
        rig.daemon(lambda engine: engine.intake.scans > 1, hear=metrics)
    text = generate_latest(metrics._registry).decode()
    return set(re.findall(r"^(\w+)", re.sub("^#.*", "", text, flags=re.MULTILINE), re.MULTILINE)) | {"up"}


def named_in(text: str) -> set[str]:
    """Return the metrics that a text names."""
    return set(re.findall(r"\b(?:tcc_upload|process)_\w+", text))


def test_promtool_accepts_the_rules_and_the_configuration() -> None:
    """No misspelt member, no expression that can't be read."""
    assert f"SUCCESS: {len(RULES)} rules found" in promtool("check", "rules", ALERTS)
    promtool("check", "config", FOLDER / "prometheus.yml")


def test_each_alert_fires_for_what_it_is_for_and_none_for_a_healthy_daemon(tmp_path: Path) -> None:
    """Each series changed alone makes its alert fire, and no other."""
    assert list(FIRING) == [rule["alert"] for rule in RULES]
    query = "count by (alertname) (ALERTS{alertstate='firing'})"
    tests = [
        {
            "name": alert or "healthy",
            "interval": "1m",
            "input_series": [{"series": name, "values": values} for name, values in (HEALTHY | changed).items()],
            "promql_expr_test": [
                {
                    "expr": query,
                    "eval_time": "89m",
                    "exp_samples": [{"labels": f'{{alertname="{alert}"}}', "value": 1}] if alert else [],
                }
            ],
        }
        for alert, changed in [("", {}), *((alert, {name: values}) for alert, (name, values) in FIRING.items())]
    ]
    file = tmp_path / "test.yml"
    file.write_text(json.dumps({"rule_files": [str(ALERTS)], "evaluation_interval": "1m", "tests": tests}))
    promtool("test", "rules", file)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_each_alert_has_a_runbook_with_a_command(rule: dict[str, Any]) -> None:
    """What it means, and what to run: a command that exists."""
    path, _, anchor = rule["annotations"]["runbook"].partition("#")
    assert (FOLDER.parents[1] / path, anchor) == (FOLDER / "README.md", rule["alert"].lower())
    section = PAGE.partition(f"\n### {rule['alert']}\n")[2].partition("\n#")[0]
    meaning, _, run = section.partition("\nRun: ")
    assert len(meaning.split()) > 8
    commands = re.findall(r"\btcc-upload (\w+)", run)
    assert commands
    assert all(tcc_upload.get_command(None, command) for command in commands)  # type: ignore[arg-type]


def test_the_page_has_no_runbook_of_an_alert_that_is_not() -> None:
    """Whoever is called finds what called."""
    assert re.findall(r"^### (\w+)$", PAGE, re.MULTILINE) == [rule["alert"] for rule in RULES]


def test_every_metric_that_is_asked_for_is_one_that_is_told(told: set[str]) -> None:
    """By the alerts, by the dashboard, and by the page; and the page names all of ours."""
    for text in (ALERTS.read_text(), json.dumps(DASHBOARD)):
        assert named_in(text) - told - {"tcc_upload"} == set()
    on_page = {name for row in re.findall(r"^\| (`tcc_upload_[^|]*)\|", PAGE, re.MULTILINE) for name in named_in(row)}
    ours = {re.sub("_(bucket|count|sum)$", "", name) for name in told if name.startswith("tcc_upload_")}
    assert on_page == ours


def test_a_real_prometheus_has_data_for_every_panel(shell: Shell, server: FaultServer, tmp_path: Path) -> None:
    """It scrapes a daemon that delivers, and each query of the dashboard has a result; each rule is evaluated."""
    server.behaviour = lambda request: Reply(422 if "bad" in request.ids else 200)
    with shell.daemon("--metrics", "0"):
        (address,) = re.findall(r"127\.0\.0\.1:\d+", shell.printed)
        with running_prometheus(tmp_path, address, ALERTS) as prometheus:
            wait_until(lambda: prometheus.query("up"), "the first scrape")
            SegmentFile().run("r1").run("bad").run("r2").seal().write(shell.spool)
            missing = dict(QUERIES)

            def all_have_data() -> bool:
                for name, expression in list(missing.items()):
                    for variable, value in (("$__rate_interval", "1m"), ("$instance", ".*"), ("$target", ".*")):
                        expression = expression.replace(variable, value)  # noqa: PLW2901 -- as Grafana does
                    found = prometheus.query(expression)
                    if found and all(sample["value"][1] != "NaN" for sample in found):
                        del missing[name]
                return not missing

            wait_until(all_have_data, f"data for {shlex.join(missing)}")
            rules = prometheus.ask("rules")["groups"][0]["rules"]
            assert {rule["health"] for rule in rules} == {"ok"}
