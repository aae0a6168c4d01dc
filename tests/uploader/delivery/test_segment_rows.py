"""The ledger's rows of segments that are being read."""

from pathlib import Path

from support.faults import FaultServer, Reply, SegmentFile, always
from support.rigging import Rig
from tcc_uploader.delivery.engine import Engine
from tcc_uploader.delivery.settlement import row_of
from tcc_uploader.files import CHUNK
from tcc_uploader.inspect.verify import verify_spools
from tcc_uploader.model.fate import Counts
from tcc_uploader.model.letter import LetterRequest
from tcc_uploader.sources.given import Sources
from tcc_uploader.spool import reader
from tcc_uploader.spool.segment import Segment


def test_a_row_ends_with_the_last_whole_line_while_its_file_is_read(tmp_path: Path) -> None:
    """What stands behind it may be taken back by its writer, and a larger row would never be written again."""
    file = SegmentFile("s").run("r1").write(tmp_path)
    whole = file.stat().st_size
    with file.open("ab") as writer:
        writer.write(b"x" * CHUNK)
    segment, _ = reader.identify(file)
    reader.read_on(segment)
    before = row_of(segment, finished=False, now=0)
    reader.read_on(segment)
    after = row_of(segment, finished=False, now=0)
    assert not before.torn
    assert (before.size, before.counts.records) == (whole, 1)
    assert (after.size, after.torn) == (whole + CHUNK, CHUNK)


def test_the_row_of_a_finished_file_is_not_written_anew(rig: Rig, server: FaultServer) -> None:
    """Its letters go on without it: what was answered since would be forgotten, if it was checked late."""
    whole = SegmentFile().run("r1").run("r2")
    path = whole.write(rig.spool)
    whole.seal()
    server.behaviour = lambda request: Reply(422 if request.ids == ["r1"] else 200)
    begun: list[Segment] = []

    def until(engine: Engine) -> bool:
        begun.extend(engine.intake.live)
        if rig.letters() and engine.intake.live:
            path.write_bytes(whole.data)
        elif rig.letters():
            server.behaviour = always(Reply())
            rig.folder.ask(LetterRequest(action="requeue", letter=rig.letters()[0].id))
        engine.committer.changed_unsealed.update(begun[:1])  # as if requests had kept it from being checked
        return engine.settlement.total.delivered == 2

    rig.daemon(until, keep_for=86_400.0)
    with rig.ledger() as ledger:
        assert not verify_spools(Sources([rig.spool]), ledger, whole=True).broken
    assert rig.counts() == Counts(records=2, delivered=2)
