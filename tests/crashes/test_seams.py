"""The seams of the product are listed in one place."""

import re
from pathlib import Path

from crashes.seams import SEAMS

ROOT = Path(__file__).parents[2]


def test_every_seam_of_the_product_is_listed_and_there() -> None:
    """Every system call that a product module makes under its own name is a listed seam, and all listed seams exist."""
    listed = {(Path(seam.owner.__file__), seam.name) for seam in SEAMS if hasattr(seam.owner, "__file__")}
    calls = {
        (path, name)
        for part in ("recorder", "uploader")
        for path in (ROOT / part).rglob("*.py")
        for name in re.findall(r"^(\w+) = os\.", path.read_text(), re.MULTILINE)
    }
    assert calls <= listed
    assert all(hasattr(seam.owner, seam.name) for seam in SEAMS)
