"""The damage campaign: every 41st bit, and every newline."""

from pathlib import Path

from support.faults import FaultServer, SegmentFile
from support.rigging import Rig
from tcc_uploader.inspect import verify
from tcc_uploader.sources.given import Sources
from torture.damage import run_damage


def test_damage_costs_the_record_that_it_touches(tmp_path: Path) -> None:
    """A cut or a flipped bit sets the touched record aside (at a newline: the two beside it), tells so, and no more."""
    figures = run_damage(tmp_path, stride=41)
    assert figures.flips + figures.cuts > 300
    assert (figures.lost, figures.altered, figures.repeated) == (0, 0, 0), figures.complaints
    assert (figures.unreported, figures.denied) == (0, 0), figures.complaints


def test_damage_after_the_delivery_is_damage(tmp_path: Path) -> None:
    """A bit that rots in a segment that was delivered and kept is reported as damage, not as counts that are wrong."""
    with FaultServer() as server:
        rig = Rig(tmp_path, server)
        path = SegmentFile().run("a").run("b").run("c").seal().write(rig.spool)
        assert rig.once().counts.delivered == 3
        data = bytearray(path.read_bytes())
        for position in (len(data) // 2, data.index(b"\n", len(data) // 3)):  # in a record; between two
            data[position] ^= 4
            path.write_bytes(data)
            with rig.ledger() as ledger:
                report = verify.verify_spools(Sources([rig.spool]), ledger, whole=True)
            assert report.damaged
            assert not report.broken, report
