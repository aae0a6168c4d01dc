"""One world of the kill campaign: a spool, one server or two, and processes that are killed beside them."""

import base64
import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, get_args

from support import children
from support.faults import KEY, FaultServer
from support.worlds import wait_until
from torture.firewall import is_poison
from torture.items import Key, items_in
from torture.leaks import files_with
from torture.targets import Target

KILLER: Final = Path(__file__).with_name("killer.py")
Kind = Literal["one target", "firewall", "two targets"]
"""What a world has beside bad links and a bad server: nothing; a firewall before it; a second server for all."""
KINDS: Final[Sequence[Kind]] = get_args(Kind)
_REPLAY_ENDS: Final = (0, 65, 75, 77)
"""How a replay may end beside a bad server, if it is not killed before."""


@dataclass
class KillFigures:
    """The figures of a campaign, or of a world of it."""

    recorder_kills: int = 0
    daemon_kills: int = 0
    command_kills: int = 0
    """Kills of ``replay`` and ``dead requeue``."""
    recorded: int = 0
    """Runs, steps, tool calls and feedback for which the call had returned."""
    recorded_for_two: int = 0
    """Those of them that had to arrive at a second target, too."""
    lost: int = 0
    held_back: int = 0
    """What a firewall held back, until it let all through."""
    letters: int = 0
    """Dead letters that it caused, each requeued."""
    receipts: int = 0
    repeated: int = 0
    """Receipts beyond the first, each explained by a kill or a lost answer."""
    unexplained: int = 0
    leaks: int = 0
    """Files in which the key stood."""
    most: int = 0
    """Receipts of the item that came most often."""
    seconds: float = 0.0
    acts: Counter[str] = field(default_factory=Counter)
    links: Counter[str] = field(default_factory=Counter)
    exits: Counter[int] = field(default_factory=Counter)
    """Exit codes of ``tcc-upload verify``."""

    @property
    def kills(self) -> int:
        """All kills."""
        return self.recorder_kills + self.daemon_kills + self.command_kills

    def add(self, other: "KillFigures") -> None:
        """Add the figures of another world; the worlds' seconds are not added."""
        for name, value in vars(other).items():
            if name == "most":
                self.most = max(self.most, value)
            elif name != "seconds":
                setattr(self, name, getattr(self, name) + value)


class KillWorld:
    """A world of some kind; ``modes``: how a server treats one uploader after the other, all of them in turn."""

    def __init__(self, folder: Path, seed: int, modes: Sequence[str], kind: Kind) -> None:
        self.folder, self.kind = folder, kind
        self.chance = random.Random(seed)  # noqa: S311 -- moments, no secrets
        self.figures = KillFigures()
        self._seed, self._modes = seed, modes
        self._killers: list[subprocess.Popen[bytes]] = []

    @property
    def spool(self) -> Path:
        """Where the recorders write."""
        return self.folder / "spool"

    def run(self, recorder_kills: int, rounds: int, *, killers: int = 2, pause: float = 0.2) -> KillFigures:
        """Kill so many recorders, and uploaders meanwhile; deliver the rest; compare.  Raises AssertionError.

        ``rounds``: how many uploaders work beside them at least.
        """
        self.folder.mkdir(parents=True)
        with FaultServer() as elsewhere:
            self.here = Target("here", self.folder, self._seed, self._modes, elsewhere.url)
            self.here.firewall.is_on = self.kind == "firewall"
            self.there = Target("there", self.folder, self._seed + 3, self._modes, elsewhere.url)
            with self.here.serving(), self.there.serving():
                try:
                    self._start_killers(recorder_kills, killers, pause)
                    while rounds > 0 or any(killer.poll() is None for killer in self._killers):
                        self._kill_uploaders()
                        rounds -= 1
                    self.figures.daemon_kills = self.here.kills
                    self._check(self._deliver_the_rest())
                finally:
                    for killer in self._killers:
                        children.kill(killer)
            assert elsewhere.connections == 0, "a redirect was followed"
        return self.figures

    def _start_killers(self, kills: int, number: int, pause: float) -> None:
        shares = [kills // number + (index < kills % number) for index in range(number)]
        for index, share in enumerate(shares):
            with (self.folder / f"told-{index}").open("wb") as told:
                command = [sys.executable, str(KILLER), str(share), str(pause), str(self._seed * 100 + index)]
                self._killers.append(children.start(command, env=self.here.environment(), stdout=told))

    def _kill_uploaders(self) -> None:
        """Let a daemon work for a moment, and where there are two targets a replay to the other one beside it."""
        keeps = self.kind == "two targets"
        replay = self.there.start("replay") if keeps else None
        daemon = self.here.start("daemon", "--after", "keep" if keeps else "delete")
        if self.chance.random() < 0.8:  # the others die somewhere in their start
            self.here.wait_for_first_line(daemon)
            self.here.wait_for(daemon, 1.0)
        if replay and self.chance.random() < 0.8:
            self.there.wait_for(replay, 5.0)
        time.sleep(self.chance.uniform(0.0, 0.9))  # not a wait for anything: the moment of the kill is what varies
        self.here.kill(daemon)
        if replay:
            time.sleep(self.chance.uniform(0.0, 0.2))
            self.there.kill(replay, _REPLAY_ENDS)
        self._look_for_the_key(self.folder / "state")

    def _deliver_the_rest(self) -> set[Key]:
        told = self._told()
        if self.kind == "firewall":
            self._account_for(told)
            self._let_all_through()
        elif self.kind == "two targets":
            self.figures.recorded_for_two = len(told)
            self.there.finish(self.there.start("replay", mode="ok"), (0, 65))
            self.here.stop(self.here.deliver(told, after="keep"))
        daemon = self.here.deliver(told, after="delete")
        wait_until(lambda: not list(self.spool.iterdir()), "an empty spool")
        self.here.stop(daemon)
        return told

    def _told(self) -> set[Key]:
        """Return what is recorded, now that all recorders are dead."""
        assert all(killer.wait() == 0 for killer in self._killers)
        told: set[Key] = set()
        for file in self.folder.glob("told-*"):
            for kind, _, ident in (line.partition(":") for line in file.read_text().split()):
                if kind == "kills":
                    self.figures.recorder_kills += int(ident)
                else:
                    told.add((kind, ident))
        return told

    def _account_for(self, told: set[Key]) -> None:
        """Check that all that did not arrive is a dead letter, or pending, and for the firewall's reason."""
        self.here.stop(self.here.deliver(told, after="delete"))
        held_back = told - self.here.books.receipts.keys()
        letters = [json.loads(file.read_bytes()) for file in self.here.state.glob("dead/*.json")]
        dead = {key for letter in letters for key, _ in items_in(base64.b64decode(letter["body"]))}
        assert all(map(is_poison, dead)), "a record died that nobody refuses for ever"
        left = b"".join(file.read_bytes() for file in self.spool.iterdir())
        nowhere = {key for key in held_back - dead if key[1].encode() not in left}
        assert not nowhere, nowhere
        report = json.loads(self.here.ask("verify", "--json").stdout)
        assert report["totals"]["dead"] == len(letters)
        self._ask_all(self.here)
        self.figures.held_back, self.figures.letters = len(held_back), len(letters)

    def _let_all_through(self) -> None:
        """Let the firewall become friendly, and send the dead letters again; perhaps this is killed, too."""
        self.here.firewall.is_on = False
        command = ("dead", "requeue", "--all")
        if self.chance.random() < 0.5:
            requeue = self.here.start(*command, mode="mixed")
            time.sleep(self.chance.uniform(0.2, 1.0))  # see _kill_uploaders
            self.here.kill(requeue, _REPLAY_ENDS)
        self.here.finish(self.here.start(*command, mode="ok"))

    def _check(self, told: set[Key]) -> None:
        targets = (self.here, self.there) if self.kind == "two targets" else (self.here,)
        self.figures.recorded = len(told)
        self.figures.command_kills = self.here.kills - self.figures.daemon_kills + self.there.kills
        for target in targets:
            self._check_target(target, told)
            self._ask_all(target)
        assert not list(self.here.state.glob("dead/*.json"))
        self._look_for_the_key(self.folder)

    def _check_target(self, target: Target, told: set[Key]) -> None:
        figures, receipts = self.figures, target.books.receipts
        assert not target.books.faults, target.books.faults
        figures.lost += len(told - receipts.keys())
        figures.receipts += sum(map(len, receipts.values()))
        figures.repeated += sum(len(times) - 1 for times in receipts.values())
        figures.unexplained += target.unexplained
        figures.most = max(figures.most, *map(len, receipts.values()))
        figures.acts += target.books.acts
        figures.links += target.books.links
        assert not figures.lost, (target.name, list(told - receipts.keys())[:3])
        assert not figures.unexplained, target.name
        for key, times in receipts.items():
            assert len(times) <= 1 + target.kills + sum(receipt.lost for receipt in times), key
            assert len({receipt.digest for receipt in times}) == 1, key

    def _ask_all(self, target: Target) -> None:
        """Run every command that shows something; what they say is looked at later."""
        verify = target.ask("verify")
        self.figures.exits[verify.returncode] += 1
        assert verify.returncode in (0, 65), verify.stdout + verify.stderr
        target.ask("status")
        target.ask("dead", "list")
        target.ask("dead", "show", "--all")

    def _look_for_the_key(self, folder: Path) -> None:
        found = files_with(KEY, folder)
        self.figures.leaks += len(found)
        assert not found, f"the key stands in {found}"
