"""Runs several actors in one process, one at a time: at a seam another one may go on.  Chance alone decides which."""

import random
import threading
from collections.abc import Callable


class Over(BaseException):
    """The history is over: an actor that is not at its end leaves off where it is."""


class Actor:
    """Somebody who acts in a thread of its own, while it holds the baton."""

    def __init__(self) -> None:
        self.baton = threading.Lock()
        self.baton.acquire()


class Turns:
    """The actors of a history.  The first is the caller, in its own thread; the others come by :meth:`start`."""

    def __init__(self, chance: random.Random, share: float) -> None:
        """``share``: the part of all seams at which another actor goes on."""
        self.others: list[Actor] = []
        """The actors besides the first that are not at their ends."""
        self._chance = chance
        self._share = share
        self._first = self._acting = Actor()
        self._over = False
        self._failure: BaseException | None = None

    def start(self, act: Callable[[], None]) -> None:
        """Let another actor wait for its first turn."""
        actor = Actor()
        self.others.append(actor)
        threading.Thread(target=self._act, args=(actor, act), daemon=True).start()

    def seam(self, *, narrow: bool = False) -> None:
        """Perhaps let another actor go on; more often in a ``narrow`` gap, which must not be missed."""
        if self.others and self._chance.random() < (max(self._share, 0.4) if narrow else self._share):
            self.give_way()

    def give_way(self) -> None:
        """Let another actor go on, if there is one.  Raises what an actor raised; Over in all actors but the first."""
        actors = [actor for actor in (self._first, *self.others) if actor is not self._acting]
        if actors:
            self._pass_to(self._chance.choice(actors))

    def finish(self) -> None:
        """End all other actors where they are."""
        self._over = True
        while self.others:
            self._pass_to(self.others[0])

    def _pass_to(self, actor: Actor) -> None:
        mine, self._acting = self._acting, actor
        actor.baton.release()
        mine.baton.acquire()
        if self._over and mine is not self._first:
            raise Over
        if self._failure is not None and not self._over:
            raise self._failure

    def _act(self, actor: Actor, act: Callable[[], None]) -> None:
        with actor.baton:
            try:
                if not self._over:
                    act()
            except Over:
                pass
            except BaseException as error:  # noqa: BLE001 -- the first actor raises it again
                self._failure = error
            self.others.remove(actor)
            goes_on = self._first if self._over or self._failure else self._chance.choice([self._first, *self.others])
            self._acting = goes_on
            goes_on.baton.release()
