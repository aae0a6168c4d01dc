"""What of a status report somebody should act on, and how.  Pure."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal, NamedTuple

from tcc_uploader.clock import about
from tcc_uploader.delivery.result import DestinationReport
from tcc_uploader.model.body import moment_of
from tcc_uploader.spool.format import FOREIGN

from .status import StatusReport

_MOVE: Final = "move it out of the spool; if it is an encrypted bundle, decrypt it and replay it"
_START: Final = "start one: tcc-upload daemon, or replay"
_WAS_PAUSED: Final = "was paused when the last uploader ended"
_MAKE_ROOM: Final = "make room: tcc-upload daemon, or replay --remove, or bundle --remove"
_WRONG: Final = (
    "is the URL the right one (TCC_BASE_URL, TCC_URL), and the key one of its own? tcc-upload doctor tries it"
)
_NEARLY_FULL: Final = 0.85
"""Of what a spool may hold; recorders seal at an eighth of it, and refuse what goes beyond."""
_SET_BACK: Final = 60.0
"""Seconds by which what was written may be ahead of the clock."""
Kind = Literal["operator", "losses", "no_daemon", "late"]
"""A person is needed; records are lost or refused; nothing delivers; delivery is late.  The gravest comes first."""


class Finding(NamedTuple):
    """One thing that is not as it should be: what, and what to do.  ``destination``: the one that it is about."""

    kind: Kind
    what: str
    do: str
    destination: DestinationReport | None = None


def findings_of(report: StatusReport, now: float, *, max_age: float, expects_daemon: bool) -> Iterator[Finding]:
    """Yield what is wrong at ``now`` (seconds since 1970), the gravest first.

    Pending records, and outages, may be ``max_age`` seconds old.  What waits for an operator is told as that, and what
    was refused, by its fault or the server's, waits for other answers: neither is late.
    """
    yield from _for_an_operator(report, now)
    yield from _losses(report)
    if expects_daemon and report.running_pid is None:
        yield Finding("no_daemon", "no uploader is running", "start it: tcc-upload daemon")
    yield from _late(report, now, max_age)


def _for_an_operator(report: StatusReport, now: float) -> Iterator[Finding]:
    for each in report.activity.destinations:
        if each.state == "paused" and each.remedy:
            state = "is paused" if report.told_by_running else _WAS_PAUSED
            yield Finding("operator", f"{each.name} {state}: {each.reason}", each.remedy, each)
        elif len(each.undecided) > 1 and each.last_success is None:  # one alone may be at fault itself
            what = f"{each.name} has refused records and taken none: {len(each.undecided):,}"
            yield Finding("operator", what, _WRONG, each)
    for path, why in report.unreadable.items():
        do = _MOVE if why in FOREIGN else "let this user read it: chmod g+r, and one group for agent and daemon"
        yield Finding("operator", f"can't read {path}: {why}", do)
    for what, do in report.obstacles.items():
        yield Finding("operator", what, do)
    for path in report.newer_files:
        yield Finding("operator", f"{path} was written by a newer recorder", "upgrade tcc-upload")
    if report.as_of is not None and (ahead := report.as_of - now) > _SET_BACK:
        what = f"the clock was set back: an uploader has written a time that is {about(ahead)} ahead of now"
        yield Finding("operator", what, "set it (NTP); until then ages are wrong, and times out of order")
    if report.activity.trouble:
        trouble = f"the ledger {report.ledger} can't be written: {report.activity.trouble}"
        yield Finding("operator", trouble, "give it room and a writable folder; tcc-upload doctor tries it")
    for caught in report.activity.unexpected:
        place = f"{caught.place}, {caught.first}" if caught.first else caught.place
        often = f", {caught.count:,} times" if caught.count > 1 else ""
        do = "report this, and upgrade tcc-upload"
        yield Finding("operator", f"{place}: {caught.exception}{often}; it is kept", do)


def _losses(report: StatusReport) -> Iterator[Finding]:
    if dead := report.counts["dead"]:
        yield Finding("losses", f"dead letters: {dead:,}", "tcc-upload dead list")
    if report.damage:
        yield Finding("losses", f"damaged places: {report.damage:,}", "tcc-upload verify")
    if report.not_in_sight:
        elsewhere = set(report.elsewhere)
        lost = next((path for path in report.gone if path not in elsewhere), None)
        what = f"records of files that are gone, or were cut short, {lost} for one: {report.not_in_sight:,}"
        do = f"bring them whole and replay them, or tcc-upload forget {Path(lost or '').parent}"
        if lost is None:
            what = f"records of files in no spool that is looked at, {report.gone[0]} for one: {report.not_in_sight:,}"
            do = f"tcc-upload replay {Path(report.gone[0]).parent}, or name that spool here: --spool, TCC_SPOOL_DIR"
        yield Finding("losses", what, do)
    if report.refused:
        said = f"records that recorders refused, in the files that are here: {report.refused:,}"
        yield Finding("losses", said, _MAKE_ROOM)


def _late(report: StatusReport, now: float, max_age: float) -> Iterator[Finding]:
    for each in report.activity.destinations:
        if each.state == "paused" and not each.remedy and each.since is not None and now - each.since > max_age:
            since = f"has been paused for {about(now - each.since)}"
            state = since if report.told_by_running else _WAS_PAUSED
            do = "nothing, if the outage is known: it is tried again" if report.told_by_running else _START
            yield Finding("late", f"{each.name} {state}: {each.reason}", do, each)
    for spool in report.spools:
        waiting = spool.bytes - spool.kept_bytes
        if waiting > _NEARLY_FULL * spool.max_bytes:
            what = f"{spool.path} is nearly full, {waiting / spool.max_bytes:.0%}: then recorders refuse records"
            yield Finding("late", what, _MAKE_ROOM)
    recorded = moment_of(report.oldest_due)
    if recorded and (age := now - recorded.timestamp()) > max_age:
        do = "look at what each destination says, and tcc-upload doctor" if report.running_pid else _START
        what = "" if report.running_pid else ", and no uploader is running"
        yield Finding("late", f"the oldest pending record was recorded {about(age)} ago{what}", do)
