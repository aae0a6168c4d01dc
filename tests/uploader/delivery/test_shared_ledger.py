# ruff: noqa: D102 -- the Protocol describes the methods
"""An uploader beside others on one ledger: what is claimed elsewhere waits, and what is counted elsewhere stays."""

from collections.abc import Iterable, Sequence

import pytest

from support.faults import FaultServer, Reply, SegmentFile, always, step_item
from support.rigging import Rig
from tcc_uploader.delivery.engine import Engine
from tcc_uploader.ledger.sqlite import SqliteLedger
from tcc_uploader.model.fate import Known, Place
from tcc_uploader.model.keys import dedupe_key
from tcc_uploader.model.ledger import Claimed, Lost
from tcc_uploader.model.rows import Changes

R1 = dedupe_key("run", "r1")


class SharedLedger(SqliteLedger):
    """A ledger with another uploader on it, which holds the keys in ``elsewhere`` and counts ``counted_elsewhere``."""

    elsewhere: set[bytes]
    counted_elsewhere: set[str]
    claims: set[bytes]
    """What this uploader holds."""

    def begin(self, segment_id: str) -> tuple[int, bool]:
        number, _ = super().begin(segment_id)
        return number, segment_id not in self.counted_elsewhere

    def claim(self, records: Sequence[tuple[bytes, Known]]) -> Claimed:
        keys = {key for key, _ in records}
        self.claims |= keys - self.elsewhere
        return Claimed(self.delivered(keys), frozenset(keys & self.elsewhere))

    def release(self, keys: Iterable[bytes]) -> None:
        self.claims.difference_update(keys)

    def commit(self, changes: Changes) -> None:
        super().commit(changes)
        self.claims.difference_update(key for key, _, _ in changes.delivered)
        self.claims.difference_update(row.key for row in changes.letters)


@pytest.fixture(autouse=True)
def shared(rig: Rig) -> type[SharedLedger]:
    """Let the rig work on a shared ledger."""
    SharedLedger.elsewhere, SharedLedger.counted_elsewhere, SharedLedger.claims = set(), set(), set()
    rig.form = SharedLedger
    return SharedLedger


def test_a_record_that_is_claimed_elsewhere_waits_and_holds_up_no_other(rig: Rig, server: FaultServer) -> None:
    """It is pending as long as the other uploader lives and says nothing."""
    SharedLedger.elsewhere.add(R1)
    SegmentFile().run("r1").run("r2").seal().write(rig.spool)
    result = rig.once()
    assert server.ids == [["r2"]]
    assert (result.counts.pending, result.counts.delivered, result.timed_out) == (1, 1, True)
    assert not SharedLedger.claims


@pytest.mark.parametrize(("delivered", "ids"), [(True, []), (False, [["r1"]])])
def test_it_is_a_duplicate_if_the_other_delivers_it_and_is_sent_if_not(
    rig: Rig, server: FaultServer, *, delivered: bool, ids: list[list[str]]
) -> None:
    """A claim that ends without a delivery was that of a killed uploader."""
    SharedLedger.elsewhere.add(R1)
    segment = SegmentFile().run("r1").seal()
    segment.write(rig.spool)
    (there,) = _digests(rig)

    def tell(engine: Engine) -> bool:
        if rig.time.now > 1_010 and SharedLedger.elsewhere:
            if delivered:
                changes = Changes()
                changes.delivered.put(R1, there.hint, there._replace(place=Place(77, 1)))
                engine.settlement.ledger.commit(changes)
            SharedLedger.elsewhere.clear()
        return not list(rig.spool.iterdir())

    rig.daemon(tell)
    assert server.ids == ids
    assert (rig.counts().duplicate, rig.counts().delivered) == (int(delivered), int(not delivered))
    assert not SharedLedger.claims


def _digests(rig: Rig) -> list[Known]:
    """Return what the ledger would store of each pending record."""
    found: list[Known] = []
    claim = SharedLedger.claim

    def watched(ledger: SharedLedger, records: Sequence[tuple[bytes, Known]]) -> Claimed:
        found.extend(known for _, known in records)
        return claim(ledger, records)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SharedLedger, "claim", watched)
        rig.once(timeout=0.0)
    return found


def test_a_segment_that_is_counted_elsewhere_is_delivered_and_stays(rig: Rig, server: FaultServer) -> None:
    """Its records are sent; its row and file are the other's, until this uploader may count: then it is finished."""
    segment = SegmentFile().run("r1").seal()
    SharedLedger.counted_elsewhere.add(segment.id)
    segment.write(rig.spool)

    def tell(_: Engine) -> bool:
        if rig.time.now > 1_100:
            assert server.ids == [["r1"]]
            if SharedLedger.counted_elsewhere:
                assert not rig.rows()
                assert list(rig.spool.iterdir())
                SharedLedger.counted_elsewhere.clear()
        return not SharedLedger.counted_elsewhere and not list(rig.spool.iterdir())

    rig.daemon(tell)
    assert server.ids == [["r1"]]
    assert [(row.finished, row.counts.delivered) for row in rig.rows()] == [(True, 1)]


@pytest.mark.parametrize("status", [200, 422, 451, 503, 401])
def test_every_claim_ends(rig: Rig, server: FaultServer, status: int) -> None:
    """Whatever becomes of the records (delivered, duplicate, conflict, dead, waiting): no key is held after."""
    segment = SegmentFile().run("r1", step_item("r1", "s1"), step_item("r1", "s2")).run("r2")
    segment.run("r2").run("r2", response="other").feedback("r1").run("r3").write(rig.spool)
    server.behaviour = lambda request: Reply(status) if "s1" in request.ids or request.ids == ["r3"] else Reply()
    rig.once(in_flight=4)
    server.behaviour = always(Reply(status))
    SegmentFile("more").run("r4").write(rig.spool)
    rig.once(give_up=True)
    assert not SharedLedger.claims


def test_an_uploader_whose_claims_have_ended_sends_nothing_more(
    rig: Rig, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others may send its records now."""

    def lost(_: SharedLedger) -> None:
        raise Lost("its time is over")

    monkeypatch.setattr(SharedLedger, "keep", lost)
    SegmentFile().run("r1").write(rig.spool)
    with pytest.raises(Lost):
        rig.daemon(lambda _: False)
    assert not server.ids
