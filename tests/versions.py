"""Run the tests with every CPython of this machine, from 3.11: ``python tests/versions.py [--newest] [test …]``.

Interpreters are those on PATH (``python3.12`` …) and those that pyenv or uv keep.  Each gets a virtual environment
under build/versions, which is used again the next time.  With ``--newest`` only the newest one is taken, and none if
that is the one which runs this script.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "build" / "versions"
OLDEST = (3, 11)
KEPT = ("~/.pyenv/versions/*/bin", "~/.local/share/uv/python/*/bin")

WHOLE = ("--group", "dev")
PART = (
    *("contextcompany==2.0.0", "freezegun", "hypothesis", "pytest", "pytest-timeout", "pytest-xdist"),
    *("psycopg[binary]", "time-machine", "trustme"),
)
"""What the tests need that CI runs with ``--newest``: all else takes longer to install than these tests to run."""

Version = tuple[int, int]


def found() -> dict[Version, Path]:
    """Return the interpreters, one for each version, in order."""
    kept = [folder for pattern in KEPT for folder in sorted(Path("/").glob(os.path.expanduser(pattern)[1:]))]  # noqa: PTH111 -- a pattern
    pythons: dict[Version, Path] = {}
    for folder in (*map(Path, os.environ["PATH"].split(os.pathsep)), *kept):
        for path in sorted(folder.glob("python3.*")):
            named = re.fullmatch(r"python3\.(\d+)", path.name)
            version = (3, int(named[1])) if named else (0, 0)
            if version >= OLDEST and version not in pythons and _runs(path, version):
                pythons[version] = path
    return dict(sorted(pythons.items()))


def _runs(path: Path, version: Version) -> bool:
    """Whether this is CPython, released, and not a name that only tells of a version which is not there."""
    asked = "import sys; print(sys.implementation.name, sys.version_info[:2], sys.version_info.releaselevel)"
    done = subprocess.run([path, "-c", asked], capture_output=True, text=True, check=False)
    return done.returncode == 0 and done.stdout.strip() == f"cpython {version} final"


def environment(version: Version, python: Path, needs: tuple[str, ...]) -> Path:
    """Return the Python of a version's environment, made if it is not there yet."""
    folder = FOLDER / f"{version[0]}.{version[1]}{'' if needs == WHOLE else '-part'}"
    inside = folder / "bin" / "python"
    if not (folder / ".ready").exists():
        subprocess.run([python, "-m", "venv", "--clear", folder], check=True)
        install = [inside, "-m", "pip", "install", "--quiet"]
        subprocess.run([*install, "--upgrade", "pip>=25.1"], check=True)
        subprocess.run([*install, "--editable", ROOT, *needs], check=True, cwd=ROOT)
        (folder / ".ready").touch()
    return inside


def main() -> int:
    """Test each version; return 1 if any failed."""
    arguments = sys.argv[1:]
    pythons, needs = found(), WHOLE
    if "--newest" in arguments:
        arguments.remove("--newest")
        needs = PART
        pythons = {version: path for version, path in list(pythons.items())[-1:] if version != sys.version_info[:2]}
    failed = []
    for version, path in pythons.items():
        name = f"{version[0]}.{version[1]}"
        print(f"Python {name}: {path}", flush=True)  # noqa: T201 -- a script
        tests = [environment(version, path, needs), "-m", "pytest", "-q", "-n", "auto", *arguments]
        if subprocess.run(tests, cwd=ROOT, check=False).returncode:
            failed.append(name)
    if not pythons:
        print("skipped: no other CPython than the default one is on this machine")  # noqa: T201
        return 0
    print(f"failed: {', '.join(failed)}" if failed else f"{len(pythons)} versions passed")  # noqa: T201
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
