"""Draws docs/images/dashboard.png: the dashboard's panels, asked of a real Prometheus after a real outage.

``make dashboard``.  Needs prometheus and chromium.  Grafana is not asked: places, titles, queries, legends and units
are those of docs/observability/dashboard.json, and the lines are drawn here.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from playwright.sync_api import sync_playwright

ROOT: Final = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

import tcc_recorder as tcc  # noqa: E402 -- the path is set above
from support import children  # noqa: E402 -- the path is set above
from support.faults import KEY, FaultServer, Reply, Request  # noqa: E402
from support.prometheus import Prometheus, running_prometheus  # noqa: E402
from support.worlds import TCC_UPLOAD  # noqa: E402

FOLDER: Final = ROOT / "docs" / "observability"
PICTURE: Final = ROOT / "docs" / "images" / "dashboard.png"
SECONDS: Final = 360
OUTAGE: Final = range(80, 160)
"""The seconds of the outage.  It may take as long again until a daemon tries anew."""
REFUSED: Final = "an answer that the server refuses"
WIDTH, ROW = 58, 38
"""Pixels of a unit of Grafana's grid of 24 columns."""
COLOURS: Final = ("#73bf69", "#f2cc0c", "#5794f2", "#ff780a", "#b877d9", "#e02f44", "#37872d", "#8ab8ff")
STYLE: Final = """
body { background: #111217; color: #ccccdc; font: 13px "DejaVu Sans"; margin: 8px; position: relative }
div { position: absolute; background: #181b1f; border: 1px solid #2c3035; box-sizing: border-box; padding: 6px }
b { font-weight: 500 } i { font-style: normal; margin-right: 12px } em { font: 30px "DejaVu Sans"; color: #73bf69 }
svg { display: block } td, th { padding: 2px 14px; text-align: left }
"""


def main() -> None:
    """Write the picture: six minutes, in which the server is down for 80 seconds."""
    with tempfile.TemporaryDirectory(prefix="tcc-dashboard-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "page.html").write_text(_page(folder))
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 24 * WIDTH + 16, "height": 58 * ROW + 16})
            page.goto((folder / "page.html").as_uri())
            page.screenshot(path=PICTURE)
            browser.close()


def _page(folder: Path) -> str:
    """Let a daemon live through an outage, and return the page of what Prometheus knows of it."""
    down = False

    def answers(request: Request) -> Reply:
        return Reply(503 if down else 422 if REFUSED.encode() in request.body else 200)

    tcc.configure(spool_dir=str(folder / "spool"))
    with FaultServer(answers) as server:
        environment = {**os.environ, "HOME": str(folder), "TCC_API_KEY": KEY, "TCC_BASE_URL": server.url}
        command = [TCC_UPLOAD, "daemon", "--spool", folder / "spool", "--metrics", "0", "--state-dir", folder / "state"]
        daemon = children.start(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        address = next(
            found[0] for line in daemon.stdout if (found := re.findall(r"127\.0\.0\.1:\d+", line)) and "metrics" in line
        )
        with running_prometheus(folder, address, FOLDER / "alerts.yml") as prometheus:
            began = time.time()
            for second in range(SECONDS):
                down = second in OUTAGE
                for number in range(20):
                    with_error = (second, number) == (20, 7)
                    tcc.run(f"run-{second}-{number}").prompt("p").response(REFUSED if with_error else "r").end()
                time.sleep(max(0.0, began + second + 1 - time.time()))
            panels = json.loads((FOLDER / "dashboard.json").read_text())["panels"]
            tcc.configure()  # seals what is open
            drawn = "".join(_panel(panel, prometheus, began, time.time()) for panel in panels)
        children.kill(daemon)
    return f"<!doctype html><meta charset=utf-8><style>{STYLE}</style>{drawn}"


def _panel(panel: dict[str, Any], prometheus: Prometheus, begin: float, end: float) -> str:
    at, unit = panel["gridPos"], panel["fieldConfig"]["defaults"].get("unit", "")
    series = [each for target in panel["targets"] for each in _series(target, prometheus, begin, end)]
    width, height = at["w"] * WIDTH - 6, at["h"] * ROW - 6
    if panel["type"] == "stat":
        inside = f"<em>{_shown(series[0][1][-1][1], unit) if series else 'No data'}</em>"
    elif panel["type"] == "table":
        rows = "".join(f"<tr><td>{escape(name)}" for name, _ in series)
        inside = f"<table>{rows}</table>"
    else:
        inside = _chart(series, unit, width - 14, height - 56, begin, end)
    place = f"left:{at['x'] * WIDTH + 8}px;top:{at['y'] * ROW + 8}px;width:{width}px;height:{height}px"
    return f'<div style="{place}"><b>{escape(panel["title"])}</b><br>{inside}</div>'


def _series(target: dict[str, Any], prometheus: Prometheus, begin: float, end: float) -> Iterator[tuple[str, Any]]:
    """Yield the name and the points of each line, as Grafana would ask for them."""
    expression = target["expr"].replace("$__rate_interval", "15s").replace("$instance", ".*").replace("$target", ".*")
    for found in prometheus.ask(f"query_range?query={quote(expression)}&start={begin}&end={end}&step=1")["result"]:
        labels = found["metric"]
        legend = target["legendFormat"] or " ".join(f"{name}={value}" for name, value in labels.items())
        name = legend
        for label, value in labels.items():
            name = name.replace(f"{{{{{label}}}}}", value)
        points = [(when, float(value)) for when, value in found["values"] if value not in {"NaN", "+Inf"}]
        if points:
            yield name, points


def _chart(series: list[tuple[str, Any]], unit: str, width: int, height: int, begin: float, end: float) -> str:
    most = max((value for _, points in series for _, value in points), default=0.0) or 1.0
    lines = []
    for number, (_, points) in enumerate(series):
        path = " ".join(
            f"{60 + (width - 60) * (when - begin) / (end - begin):.1f},{height - (height - 12) * value / most:.1f}"
            for when, value in points
        )
        colour = COLOURS[number % len(COLOURS)]
        lines.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
    scale = "".join(
        f'<text x="0" y="{height - (height - 12) * part + 4:.0f}" fill="#8e8e99" font-size="11">'
        f"{_shown(most * part, unit)}</text>"
        for part in (0, 0.5, 1)
    )
    names = "".join(
        f'<i style="color:{COLOURS[number % len(COLOURS)]}">— {escape(name)}</i>'
        for number, (name, _) in enumerate(series)
    )
    return f'<svg width="{width}" height="{height + 4}">{scale}{"".join(lines)}</svg>{names or "No data"}'


def _shown(value: float, unit: str) -> str:
    if unit == "percentunit":
        return f"{100 * value:.3g} %"
    for name, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.3g} {name}"
    return f"{value:.3g}" + {"s": " s", "bytes": " B", "decbytes": " B"}.get(unit, "")


if __name__ == "__main__":
    main()
