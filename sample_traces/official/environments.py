"""The official integrations, each with a program that uses it: ``python environments.py NAME``.

Installs what the program needs into ``build/integrations/NAME``, unless it is there, and prints as JSON how to run it.
If it can't be installed here, the exit code is 69, and the reason is on standard error.
"""

import json
import subprocess
import sys
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[1] / "build" / "integrations"
UNAVAILABLE: Final = 69


class Integration(NamedTuple):
    """What is installed, and variables without which a package would ask the network for what it does not need."""

    packages: Sequence[str]
    environment: Mapping[str, str] = {}


PYTHON: Final = {
    "contextcompany": Integration(["contextcompany"]),
    "litellm": Integration(["contextcompany[litellm]"], {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}),
    "langchain": Integration(["contextcompany[langchain]", "langchain", "langchain-openai"]),
    "agno": Integration(["contextcompany[agno]", "agno", "openai"]),
    "crewai": Integration(["contextcompany[crewai]"], {"CREWAI_DISABLE_TELEMETRY": "true"}),
    "claude": Integration(["contextcompany[claude]"]),
}
NPM: Final = {
    "custom": Integration(["@contextcompany/custom"]),
    "otel": Integration(["@contextcompany/otel", "@opentelemetry/api", "@opentelemetry/sdk-trace-node", "ai@6"]),
}


def main(name: str) -> int:
    """Install, and print how to run."""
    folder, found = ROOT / name, PYTHON.get(name) or NPM[name]
    runs = [folder / "bin" / "python", HERE / f"{name}_agent.py"] if name in PYTHON else ["node", folder / "agent.mjs"]
    if not (folder / "ready").exists():
        try:
            (_install_python if name in PYTHON else _install_npm)(folder, found.packages)
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"{' '.join(found.packages)} can't be installed here: {error}", file=sys.stderr)
            return UNAVAILABLE
        (folder / "ready").touch()
    if name in NPM:  # node looks for packages beside the program
        (folder / "agent.mjs").write_bytes((HERE / f"{name}_agent.mjs").read_bytes())
    print(json.dumps({"command": list(map(str, runs)), "environment": found.environment}))
    return 0


def _install_python(folder: Path, packages: Sequence[str]) -> None:
    venv.create(folder, with_pip=False, clear=True)
    pip = [sys.executable, "-m", "pip", "--python", folder / "bin" / "python"]
    # compiling all of it would take three times as long as installing it, for one run
    subprocess.run([*pip, "install", "--quiet", "--no-compile", *packages], check=True, stdout=sys.stderr)


def _install_npm(folder: Path, packages: Sequence[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text('{"private": true}')
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    subprocess.run(["npm", "install", *options, *packages], cwd=folder, check=True, stdout=sys.stderr)  # noqa: S607


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
