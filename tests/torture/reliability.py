"""Writes docs/reliability.md: each promise, the window in which it does not hold, its tests, and figures."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from torture.campaign_texts import TEXTS, TITLES


class Holding(NamedTuple):
    """Where a promise ends, and what holds it up to there."""

    window: str
    tests: tuple[str, ...]


HOLDINGS: Final[Mapping[int, Holding]] = {
    1: Holding(
        "A disk that hangs, instead of failing, holds up the `end()` that writes to it; no other thread waits for more "
        "than that one write.",
        (
            "tests/recorder/spool/test_disk_failures.py",
            "tests/recorder/test_hostile_values.py",
            "tests/recorder/test_threads_and_children.py",
            "tests/torture/test_broken_descriptors.py",
        ),
    ),
    2: Holding(
        "`process`: what the kernel has not written yet goes with the machine. `power`: a disk that says it has synced "
        "and has not. A record that is refused (no room, no permission) is logged and counted, and not recorded. "
        "Hosts that were tried with `make hosts`, where every run is found once: uWSGI 2.0 with prefork, with threads "
        "and lazy, gunicorn 27 with and without `--preload`, with threads and gevent, Celery 5.7 prefork, "
        "multiprocessing with fork, spawn and forkserver, gevent 26.9 and eventlet 0.41 with native threads beside, "
        "uvloop 0.23, a Jupyter kernel (2026-11-26, Python 3.11).",
        (
            "tests/hosts/test_hosts.py",
            "tests/recorder/spool/test_durability.py",
            "tests/recorder/test_processes.py",
            "tests/end_to_end/test_kills.py",
            "tests/torture/test_kill_campaign.py",
        ),
    ),
    3: Holding(
        "A ledger that is corrupt or deleted takes the counts of segments with it that are gone; the new one counts "
        "from there.",
        (
            "tests/uploader/delivery/test_delivery_files.py",
            "tests/torture/test_kill_campaign.py",
            "tests/torture/test_damage_campaign.py",
            "tests/torture/test_lost_state.py",
        ),
    ),
    4: Holding(
        "The server stored a record, and the daemon died, or the answer was lost, before the ledger's commit: that "
        "record is sent again. Under load a commit follows within 50 ms. A lost ledger makes that "
        "window as long as the segments that are still there.",
        (
            "tests/uploader/delivery/test_delivery_restarts.py",
            "tests/uploader/delivery/test_delivery_outages.py",
            "tests/end_to_end/test_kills.py",
            "tests/torture/test_kill_campaign.py",
        ),
    ),
    5: Holding(
        "A newline that is hit costs the two records beside it. Feedback waits for its run while that is pending in "
        "the same segment. The records of a destination that is paused wait, alone.",
        (
            "tests/uploader/delivery/test_delivery_refusals.py",
            "tests/uploader/delivery/test_turns_are_short.py",
            "tests/uploader/sources/test_archive_costs.py",
            "tests/torture/test_damage_campaign.py",
            "tests/uploader/test_boundaries.py",
            "tests/fuzz/test_hostile_files.py",
            "tests/torture/test_poison.py",
            "tests/torture/test_planted_files.py",
            "tests/torture/test_kill_campaign.py",
        ),
    ),
    6: Holding(
        "A server that refuses good records for their content (400, 413, 415, 422) fewer than twenty times in a row, "
        "and then takes one: the refused are dead letters, which `tcc-upload dead requeue` sends again. Other refusals "
        "kill a record after five times over an hour, each with a success of another record since.",
        (
            "tests/uploader/delivery/test_delivery_outages.py",
            "tests/torture/test_full_state.py",
            "tests/torture/test_lying_watcher.py",
            "tests/torture/test_keys_revoked.py",
            "tests/torture/test_kill_campaign.py",
        ),
    ),
    7: Holding(
        "What was recorded after a copy began may be missing in it. Two machines that replay the same records know "
        "nothing of each other: that costs duplicates.",
        ("tests/uploader/delivery/test_delivery_restarts.py", "tests/torture/test_copy_campaign.py"),
    ),
    8: Holding(
        "`--adopt`, `--allow-origin`, `TCC_BASE_URL` and `TCC_ALLOW_UNSAFE_BASE_URL` are the operator's word. A record "
        "that was made without a key goes with the default key.",
        (
            "tests/uploader/delivery/test_routing.py",
            "tests/uploader/cli/test_upload_command.py",
            "tests/torture/test_keys_revoked.py",
            "tests/torture/test_kill_campaign.py",
        ),
    ),
}


def promises(readme: str) -> dict[int, str]:
    """Return the README's promises, each in one line."""
    part = readme.partition("## Promises")[2].partition("\n## ")[0]
    found = re.findall(r"^(\d)\. (.*?)(?=^\d\. |\Z)", part, re.MULTILINE | re.DOTALL)
    return {int(number): " ".join(text.split()) for number, text in found}


def page(root: Path, campaigns: Mapping[str, Mapping[str, Any]], before: str = "") -> str:
    """Return the page's text.  ``campaigns`` is what each campaign left: its figures, date, versions and command.

    Of a campaign that left nothing here, the page says what it said ``before``.
    """
    parts = [_HEAD]
    for number, text in promises((root / "README.md").read_text()).items():
        tests = ", ".join(f"`{file}`" for file in HOLDINGS[number].tests if (root / file).exists())
        parts.append(f"{number}. {text}\n\n   *Where it ends:* {HOLDINGS[number].window}\n\n   *Held by* {tests}.\n")
    parts += [_HOSTILE, _SIMULATED, _CAMPAIGNS]
    for name, title in TITLES.items():
        if name in campaigns:
            parts.append(_campaign(title, campaigns[name], TEXTS[name](campaigns[name]["figures"])))
        elif said := before.partition(f"### {title}\n")[2]:
            parts.append(f"### {title}\n{said.partition('### ')[0].rstrip()}\n")
    return "\n".join(parts)


def _campaign(title: str, about: Mapping[str, Any], text: str) -> str:
    where = f"{about['date']}, {about['versions']}, seed {about['seed']}:\n`.venv/bin/python {about['command']}`"
    return f"### {title}\n\n{where}\n\n{text}\n"


_HEAD = """# Reliability

What is promised, where each promise ends, and what holds it. This page is written by `make torture`, which takes some
hours, and by `make hostile`, some minutes; short versions of the campaigns run with every `make test`.

## Promises
"""

_HOSTILE = """## Hostile input

`tests/fuzz` gives a real engine, in one process and with a simulated clock, what nobody should send: plain lines,
lines with valid checksums (records, headers, seals, journals), changed bytes of segments, tar, zip, gzip and zstd,
manifests, names of members, letters, requests, answers of a server, and settings files. Three things must hold:
neither the engine nor a command that looks at the same input ends with an exception; what is good beside the bad part
(record, file, member, letter) is delivered; and where something is missing, the result tells that it is. Besides, no
boundary may have caught anything: what is known to be wrong has a message of its own. `make test` tries the same
800 examples each time; `make torture` takes fresh seeds for an hour. A failure prints the command that repeats it:
`TCC_FUZZ_SEED=… .venv/bin/pytest tests/fuzz -k NAME`.

What it found, and what was found while it was written:

- **The parser reads more than the writer writes.** orjson reads JSON of 1,024 levels and writes 254, so what was read
  well ended the process where it was written again: `args` of a plain line, a run made of a journal, a report. Such a
  line is now refused with a reason, the file with such a journal stays, and a report or view cuts what is deeper than
  200 levels.
- **A whole item was encoded in order to read two members of it.** A member that nobody needed, nested deep, ended the
  engine. The two members are read now, and such a line is delivered.
- **Every text that looks like a time is not a time.** A date in year 1 or 9999 with an offset is valid, and can't be
  told in UTC.
- **A name is input, too.** A member without a name ended the reading of a zip (`ZipInfo.is_dir()` of Python 3.11). A
  letter that lay under another letter's name ended the daemon at every start; a request could make it write such a
  letter. Both are refused: a letter's name is its id.
- **A settings file can be nested, and a number can have thousands of digits**: both went past the error for invalid
  TOML.
- **A bound in one unit is none in another.** Each cost was a finite number of dollars, and as millionths of a dollar
  it was more than 64 bits, and no report could be written. What no call can cost is now told as the most that one can.
- **A file was given up too early.** A run of a dead process whose journal could not be read again counted as dealt
  with, and the file could be removed. It is damage now, and stays; if only the disk failed, it is read again later.

The exceptions had one thing in common: each was none of those that the code around it expected. So the boundaries
(`tcc_uploader/boundary.py`) expect none. `tests/uploader/test_boundaries.py` plants faults behind each of them.

2026-11-27, after the last of these: `TCC_FUZZ_SECONDS=400 .venv/bin/pytest -n 2 tests/fuzz` at `nice 5` beside other
work, an hour of fresh seeds in all: nothing was found.
"""

_SIMULATED = """## Simulated histories

`tests/simulation` lets recorders, the engine, its ledger, a server, a disk, a watcher and a clock live in one
process, from one seed: operations fail, processes die between any two of them, answers come late or never, and
operators ask for letters. When that ends, the uploader that lives must deliver everything within ten quiet rounds,
the next one must send nothing again, and every count must add up. `make test` plays 500 fresh seeds, `make torture`
100,000. A failing seed prints the command that repeats it: `.venv/bin/python tests/simulation/run.py SEED`.

2026-11-27, `tests/simulation/run.py --seeds 100000 --jobs 2`, beside other work: of `b9a5436`, from seed 83598159534,
one of 100,000 was broken (83598258151; 49 minutes). A file that had been finished while it waited for the check of
its writer was written to the ledger once more, with the counts of before, and what an operator had sent again
meanwhile was counted as dead. Mended in `f696fef`, with a test that needs no seed. Of `f696fef`, from seed
553379718851, none of 100,000 was broken (36 minutes).
"""

_CAMPAIGNS = """## Campaigns

In every table **bold** figures must be 0; the campaign fails otherwise.
"""
