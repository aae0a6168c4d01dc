"""Run these tests with older versions of the SDK: ``python tests/recorder/openai_agents/matrix.py [version …]``.

Each version gets a virtual environment of its own under build/openai_agents, which is used again the next time.
"""

import subprocess
import sys
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "build" / "openai_agents"
TOOLS = ("hypothesis>=6.120", "pytest>=8.3", "pytest-timeout>=2.3", "pytest-xdist>=3.6", "trustme>=1.2")
OLD = "openai<2.45"
"""Old versions of the SDK build the client's token details without a member that newer clients require."""


def oldest() -> str:
    """Return the oldest version of the SDK that pyproject.toml admits."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    [requirement] = project["optional-dependencies"]["openai-agents"]
    name, version = requirement.split(">=")
    assert name == "openai-agents"
    return str(version)


VERSIONS = {
    oldest(): (f"openai-agents=={oldest()}", OLD),
    "0.14.0": ("openai-agents==0.14.0", OLD),  # the first with task spans
    "current": ("openai-agents",),
}


def environment(version: str) -> Path:
    """Return the Python of a version's environment, made if it is not there yet."""
    folder = FOLDER / version
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    if not (folder / ".ready").exists():
        venv.create(folder, with_pip=True, clear=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--editable", str(ROOT)]
        subprocess.run([*install, *VERSIONS[version], *TOOLS], check=True)
        (folder / ".ready").touch()
    return python


def main() -> int:
    """Test each version; return 1 if any failed."""
    failed = []
    for version in sys.argv[1:] or VERSIONS:
        print(f"openai-agents {version}", flush=True)  # noqa: T201 -- a script
        done = subprocess.run(
            [str(environment(version)), "-m", "pytest", "-q", "-n", "2", "tests/recorder/openai_agents"],
            cwd=ROOT,
            check=False,
        )
        if done.returncode:
            failed.append(version)
    print("failed: " + ", ".join(failed) if failed else "all passed")  # noqa: T201 -- a script
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
