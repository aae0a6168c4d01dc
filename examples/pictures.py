"""Draws the pictures of the README from sample_traces: ``make pictures``.  Needs Chromium.

In docs/images, or the folder that is given, report.png and report-run.png show the page that ``tcc-upload report``
writes, and terminal.png what ``runs`` and ``show`` print.
"""

import io
import os
import pty
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright
from rich.console import Console
from rich.terminal_theme import DIMMED_MONOKAI
from rich.text import Text

ROOT = Path(__file__).parent.parent
IMAGES = Path(*sys.argv[1:2] or [ROOT, "docs", "images"])
STORY = ROOT / "sample_traces" / "book_shop.jsonl"
TCC_UPLOAD = Path(sys.executable).with_name("tcc-upload")
WIDTH = 110


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tcc-pictures-") as folder, sync_playwright() as playwright:
        environment = {**os.environ, "HOME": folder, "SOURCE_DATE_EPOCH": "1795651200", "TCC_TARGET": "pictures"}
        report, terminal = Path(folder, "report.html"), Path(folder, "terminal.html")
        subprocess.run([TCC_UPLOAD, "report", STORY, "-o", report], env=environment, check=True)
        draw_terminal(environment, terminal)
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1200, "height": 860}, device_scale_factor=1.5)
        page.goto(report.as_uri())
        page.get_by_role("heading", name="What failed").wait_for()
        page.screenshot(path=IMAGES / "report.png")
        draw_run(page)
        page.goto(terminal.as_uri())
        page.locator("svg").screenshot(path=IMAGES / "terminal.png")
        browser.close()


def draw_run(page: Page) -> None:
    """Open the run that failed last, as a reader would: by its link in the overview."""
    page.locator("a[href^='#/run/']").first.click()
    page.get_by_role("heading", name="Waterfall").wait_for()
    page.screenshot(path=IMAGES / "report-run.png")


def draw_terminal(environment: dict[str, str], page: Path) -> None:
    """Write a page with what two commands print on a terminal."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    for arguments in (["runs", "-n", "7", str(STORY)], ["show", "last-error", str(STORY)]):
        console.print(Text(f"$ tcc-upload {' '.join(arguments[:-1])} {STORY.name}", style="bold"))
        console.print(Text.from_ansi(on_a_terminal([str(TCC_UPLOAD), *arguments], environment)))
    page.write_text(f"<body>{console.export_svg(title='tcc-upload', theme=DIMMED_MONOKAI)}</body>")


def on_a_terminal(command: list[str], environment: dict[str, str]) -> str:
    """Return what a command prints on a terminal, in colours."""
    ours, its = pty.openpty()
    environment = {**environment, "COLUMNS": str(WIDTH), "TERM": "xterm-256color"}
    process = subprocess.Popen(command, env=environment, stdout=its, stderr=its, stdin=subprocess.DEVNULL)
    os.close(its)
    printed = b""
    try:
        while data := os.read(ours, 65536):
            printed += data
    except OSError:  # on Linux, how a terminal ends
        pass
    os.close(ours)
    if process.wait() != 0:
        sys.exit(printed.decode())
    return printed.decode().replace("\r\n", "\n")


if __name__ == "__main__":
    main()
