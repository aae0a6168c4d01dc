"""What a daemon reports of itself, for ``tcc-upload status``."""

import json

from support.faults import SegmentFile
from support.rigging import Rig
from tcc_uploader.delivery.engine import Engine
from tcc_uploader.delivery.events import Turn
from tcc_uploader.ops.status_file import StatusFile
from tcc_uploader.settings import STATUS_FILE


def test_a_daemon_without_news_writes_nothing(rig: Rig) -> None:
    """The report is written when something has changed, and not once a second on a host that is idle."""
    SegmentFile().run("r1").write(rig.spool)
    report = StatusFile(rig.state)
    written: list[tuple[float, int]] = []

    def watched(engine: Engine) -> bool:
        report(Turn(engine))
        path = rig.state / STATUS_FILE
        if path.exists():
            written.append((rig.time.now, path.stat().st_mtime_ns))
        return rig.time.now > 1_200

    rig.daemon(watched, removes=False)
    assert len({at for moment, at in written if moment > 1_010}) == 1
    assert json.loads((rig.state / STATUS_FILE).read_bytes())["last_success"]
