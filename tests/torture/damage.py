"""A segment is cut at every byte and every bit of it is flipped; each ruin goes through the real engine.

Every variant is a segment with ids of its own, so that hundreds of them lie in one spool and are delivered at once.
"""

import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from support.faults import FaultServer, Reply, Request, SegmentFile, step_item, tool_call_item
from support.rigging import Rig
from tcc_uploader.inspect import verify
from tcc_uploader.ledger.sqlite import SqliteLedger
from tcc_uploader.sources.given import Sources

AT_ONCE = 400


@dataclass
class DamageFigures:
    """The figures of a campaign."""

    flips: int = 0
    cuts: int = 0
    records: int = 0
    """Records in all variants."""
    touched: int = 0
    """Those that a flip or cut touched; they are set aside."""
    lost: int = 0
    """Others that did not arrive."""
    altered: int = 0
    """Bodies that arrived and that nobody had recorded."""
    repeated: int = 0
    unreported: int = 0
    """Variants whose damage the ledger does not tell of."""
    denied: int = 0
    """Variants for which ``verify`` says that the counts do not add up, or sees no damage."""
    complaints: str = ""

    def add(self, other: "DamageFigures") -> None:
        """Add the figures of other variants."""
        for name in ("flips", "cuts", "records", "touched", "lost", "altered", "repeated", "unreported", "denied"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.complaints = (self.complaints + other.complaints)[:2000]


class Ruin(NamedTuple):
    """What is done to a segment: cut at ``offset`` if ``bit`` is None, else a bit flipped there."""

    offset: int
    bit: int | None

    def of(self, data: bytes) -> bytes:
        """Return the ruined bytes."""
        if self.bit is None:
            return data[: self.offset]
        changed = bytearray(data)
        changed[self.offset] ^= 1 << self.bit
        return bytes(changed)


class Variant(NamedTuple):
    """A segment of one variant, and what of it must arrive."""

    ruin: Ruin
    name: str
    bodies: list[bytes]
    spared: list[bytes]
    shows: bool
    """Whether anything is left that tells of the damage."""


def segment(number: int) -> SegmentFile:
    """Return a segment with something of everything; all variants are equally long."""
    mark = f"v{number:06}"
    return (
        SegmentFile(f"segment-{mark}")
        .run(f"{mark}-a", step_item(f"{mark}-a", f"{mark}-s"), tool_call_item(f"{mark}-a", f"{mark}-t"))
        .run(f"{mark}-b", prompt="Zürich\u2028 é", session_id='a "quoted" one')
        .step(f"{mark}-a", f"{mark}-late")
        .record("feedback", f"{mark}-f", {"runId": f"{mark}-a", "score": "thumbs_up"}, path="/v1/feedback")
        .seal()
    )


def variant(number: int, ruin: Ruin) -> tuple[Variant, bytes]:
    """Return a variant and its bytes."""
    whole = segment(number)
    starts = [0]
    for line in whole.lines:
        starts.append(starts[-1] + len(line))
    bodies = [line[line.index(b'"body":') + 7 : -2] for line in whole.lines]
    records = range(1, len(whole.lines) - 1)
    if ruin.bit is None:
        spared = [bodies[index] for index in records if starts[index + 1] <= ruin.offset]
        shows = ruin.offset not in starts and ruin.offset > starts[1]  # before its first line is whole, a file is none
    else:
        hit = max(index for index, start in enumerate(starts) if start <= ruin.offset)
        touched = {hit, hit + 1} if whole.data[ruin.offset : ruin.offset + 1] == b"\n" else {hit}
        spared = [bodies[index] for index in records if index not in touched]
        shows = True
    known = Variant(ruin, f"{number:06}.jsonl", [bodies[index] for index in records], spared, shows)
    return known, ruin.of(whole.data)


def ruins(stride: int) -> Iterator[Ruin]:
    """Yield every ``stride``-th cut and flip."""
    size = len(segment(0).data)
    yield from (Ruin(offset, None) for offset in range(0, size + 1, stride))
    newlines = [offset for offset, byte in enumerate(segment(0).data) if byte == ord("\n")]
    flips = set(range(0, size * 8, stride)) | {offset * 8 + 2 for offset in newlines}
    yield from (Ruin(*divmod(flip, 8)) for flip in sorted(flips))


def deliver(rig: Rig, chosen: Sequence[tuple[int, Ruin]]) -> DamageFigures:
    """Deliver variants from one spool, and compare what arrived with what must."""
    arrived: Counter[bytes] = Counter()

    def keep(request: Request) -> Reply:
        arrived[request.body] += 1
        return Reply()

    rig.server.behaviour = keep
    variants = []
    for number, ruin in chosen:
        known, data = variant(number, ruin)
        (rig.spool / known.name).write_bytes(data)
        variants.append(known)
    rig.once(in_flight=8)
    rig.server.clear()
    figures = DamageFigures()
    _compare(variants, arrived, figures)
    _ask(rig, variants, figures)
    return figures


def _compare(variants: list[Variant], arrived: Counter[bytes], figures: DamageFigures) -> None:
    recorded = {body for known in variants for body in known.bodies}
    figures.altered = sum(body not in recorded for body in arrived)
    figures.repeated = sum(times > 1 for times in arrived.values())
    for known in variants:
        figures.cuts += known.ruin.bit is None
        figures.flips += known.ruin.bit is not None
        figures.records += len(known.bodies)
        figures.touched += len(known.bodies) - len(known.spared)
        missing = [body for body in known.spared if body not in arrived]
        figures.lost += len(missing)
        if missing:
            figures.complaints += f"{known.ruin}: lost {missing}\n"


def _ask(rig: Rig, variants: list[Variant], figures: DamageFigures) -> None:
    """Compare with what the ledger and ``verify`` tell."""
    rows = {Path(row.path).name: row for row in rig.rows()}
    with SqliteLedger.reading(rig.state) as ledger:
        report = verify.verify_spools(Sources([rig.spool]), ledger, whole=True)
    checks = {Path(check.path).name: check for check in report.segments}
    for known in variants:
        row, check = rows.get(known.name), checks.get(known.name)
        told = row is not None and bool(row.damaged or row.torn)
        if told != known.shows or (row and row.counts.records != row.counts.delivered):
            figures.unreported += 1
            figures.complaints += f"{known.ruin}: row {row}\n"
        if (check is not None and check.broken) or (check is not None and bool(check.damage)) != known.shows:
            figures.denied += 1
            figures.complaints += f"{known.ruin}: verify {check}\n"


def run_damage(folder: Path, *, stride: int = 1) -> DamageFigures:
    """Try every ``stride``-th cut and flip, and every newline."""
    total = DamageFigures()
    chosen = list(enumerate(ruins(stride)))
    with FaultServer() as server:
        for start in range(0, len(chosen), AT_ONCE):
            place = folder / f"ruins-{start}"
            place.mkdir(parents=True)
            total.add(deliver(Rig(place, server), chosen[start : start + AT_ONCE]))
            shutil.rmtree(place)
    print(total, flush=True)  # noqa: T201
    return total
