"""What docs/reliability.md tells of each campaign: a table of its figures."""

from collections.abc import Mapping
from typing import Any, Final


def _kills(figures: Mapping[str, Any]) -> str:
    acts = ", ".join(f"{name} {times:,}" for name, times in sorted(figures["acts"].items(), key=lambda it: -it[1]))
    exits = ", ".join(f"{code}: {times} times" for code, times in sorted(figures["exits"].items()))
    links = ", ".join(f"{name} {times:,}" for name, times in sorted(figures["links"].items()))
    kills = figures["recorder_kills"] + figures["daemon_kills"] + figures["command_kills"]
    return _table(
        ("processes killed with SIGKILL", f"{kills:,}"),
        (
            "… recorders (alone, with threads, with forks; half of them seal every few records)",
            f"{figures['recorder_kills']:,}",
        ),
        ("… daemons (at work, and in their start)", f"{figures['daemon_kills']:,}"),
        ("… replays to a second target, and requeues", f"{figures['command_kills']:,}"),
        ("records whose call had returned", f"{figures['recorded']:,}"),
        ("… for two targets", f"{figures['recorded_for_two']:,}"),
        ("… that a firewall held back until it let all through", f"{figures['held_back']:,}"),
        ("… that did not arrive, at either target", f"**{figures['lost']:,}**"),
        ("dead letters for which the firewall was the reason, sent again", f"{figures['letters']:,}"),
        ("files in which a quoted key stood", f"**{figures['leaks']:,}**"),
        ("items received", f"{figures['receipts']:,}"),
        ("… again, after a kill or a lost answer", f"{figures['repeated']:,}"),
        ("… again, without either", f"**{figures['unexplained']:,}**"),
        ("receipts of the item that came most often", f"{figures['most']:,}"),
        ("what the server did to requests", acts),
        ("bodies that came over a bad link", links),
        ("exit codes of `tcc-upload verify`", exits),
        ("minutes", f"{figures['seconds'] / 60:.0f}"),
    )


def _flips(figures: Mapping[str, Any]) -> str:
    return _table(
        ("segments with one bit flipped", f"{figures['flips']:,}"),
        ("segments cut short", f"{figures['cuts']:,}"),
        ("records in them", f"{figures['records']:,}"),
        ("… that were hit, and set aside", f"{figures['touched']:,}"),
        ("… others that did not arrive", f"**{figures['lost']:,}**"),
        ("bodies that arrived and were never recorded", f"**{figures['altered']:,}**"),
        ("bodies that arrived twice", f"**{figures['repeated']:,}**"),
        ("damage that was not reported", f"**{figures['unreported'] + figures['denied']:,}**"),
    )


def _copies(figures: Mapping[str, Any]) -> str:
    return _table(
        ("copies of a spool in which recorders wrote", f"{figures['by_tar'] + figures['by_copytree']:,}"),
        ("… by tar, by shutil.copytree", f"{figures['by_tar']:,}, {figures['by_copytree']:,}"),
        ("records that had to be in them", f"{figures['expected']:,}"),
        ("… and were not", f"**{figures['missing']:,}**"),
        ("replays of such copies and, at last, of their spools", f"{figures['replays']:,}"),
        ("items received", f"{figures['delivered']:,}"),
        ("… lost, received twice", f"**{figures['lost']:,}**, **{figures['repeated']:,}**"),
    )


def _table(*rows: tuple[str, str]) -> str:
    return "\n".join(["| | |", "|---|---|", *(f"| {what} | {figure} |" for what, figure in rows)])


def _burst(figures: Mapping[str, Any]) -> str:
    return _table(
        ("segments written at once beside a running daemon", f"{figures['segments']:,}"),
        ("… that were not delivered, or twice", f"**{figures['lost']:,}**, **{figures['repeated']:,}**"),
        ("… that were still there at the end", f"**{figures['left']:,}**"),
    )


def _hostile(figures: Mapping[str, Any]) -> str:
    rows = []
    for shape in figures["shapes"].values():
        costs = shape["costs"]
        cells = (
            shape["title"],
            f"{shape['sizes'][0] / 1000:,.0f}",
            *(f"{cost['seconds']:.1f}" for cost in costs),
            *(f"{cost['peak'] / 1e6:.0f}" for cost in costs),
            *(f"{cost['output'] / 1000:,.0f}" for cost in costs),
            f"{max(cost['turn'] for cost in costs):.1f}",
            "yes" if all(cost["arrived"] for cost in costs) else "**no**",
        )
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join([_HOSTILE_HEAD, *rows])


_HOSTILE_HEAD: Final = """Small inputs that are made to cost much, each at once, twice and four times its size, beside a
spool with one good record. What an archive holds is replayed and verified, what a spool holds is also asked for with
`status`, all with `--json`. Processor seconds and peak memory are those above the same commands without the input;
output is what they print, log and write to `status.json`. A turn is what the uploader does between two looks at what
its threads tell. The campaign fails if four times the input takes more than 2.8 times as long as twice, if memory is
over 64 MiB and five times the longest line, if output grows, if a turn takes more than 5 s, or if the good record does
not arrive.

| input | kB | s | twice | 4 times | MB | twice | 4 times | kB out | twice | 4 times | turn, s | good record arrived |
|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|"""


def _years(figures: Mapping[str, Any]) -> str:
    months = figures["months"]
    shown = [months[0], months[len(months) // 3], months[len(months) * 2 // 3], months[-1]]
    rows = (
        ("memory of the process, MB", *(f"{month['memory'] / 1e6:.0f}" for month in shown)),
        ("open files", *(f"{month['handles']}" for month in shown)),
        ("ledger, kB", *(f"{month['ledger'] / 1e3:,.0f}" for month in shown)),
        ("spool, kB", *(f"{month['spool'] / 1e3:,.0f}" for month in shown)),
        ("`status`, ms of processor time", *(f"{month['status'] * 1e3:.0f}" for month in shown)),
    )
    life = _table(
        ("simulated days", f"{figures['days']:,}"),
        ("… with an outage", f"{figures['outages']:,}"),
        ("restarts, and API keys one after the other", f"{figures['restarts']:,}, {figures['keys']:,}"),
        ("runs", f"{figures['runs']:,}"),
        ("… of segments that were pruned after 45 days", f"{figures['pruned']:,}"),
        ("… lost, received twice", f"**{figures['lost']:,}**, **{figures['repeated']:,}**"),
        ("days after which the counts did not add up", f"**{figures['unexplained']:,}**"),
        ("figures below that grew between the second and the last column", f"**{figures['grown']:,}**"),
    )
    head = "| after | a month | a third | two thirds | all |\n|---|--:|--:|--:|--:|"
    return "\n".join([life, "", head, *(f"| {' | '.join(row)} |" for row in rows)])


def _fleet(figures: Mapping[str, Any]) -> str:
    events = [
        (f"… {event}: how often; what was received again, in all and at most at once", cells)
        for event, times in figures["events"].items()
        for cells in [f"{times:,}; {figures['twice'].get(event, 0):,}, {figures['most'].get(event, 0):,}"]
    ]
    return _table(
        (
            "what happened beside three daemons that share a ledger, each with a copy of one spool",
            f"{sum(figures['events'].values()):,}",
        ),
        *events,
        ("records", f"{figures['records']:,}"),
        ("… that were not received", f"**{figures['lost']:,}**"),
        ("… received again beyond what the failure may cost (docs/fleet.md)", f"**{figures['unexplained']:,}**"),
        ("counts of segments, and numbers of dead letters, that were wrong", f"**{figures['altered']:,}**"),
        ("minutes", f"{figures['seconds'] / 60:.0f}"),
    )


TEXTS: Final = {
    "kills": _kills,
    "flips": _flips,
    "copies": _copies,
    "burst": _burst,
    "hostile": _hostile,
    "years": _years,
    "fleet": _fleet,
}
TITLES: Final = {
    "kills": "Kills",
    "flips": "Damage",
    "copies": "Copies",
    "burst": "A burst",
    "hostile": "Small input, great cost",
    "years": "A year",
    "fleet": "A shared ledger",
}
