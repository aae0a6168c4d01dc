"""A worker: one process's lease on a shared ledger.  What it holds ends with it.

Each worker has a number of its own, its *fence*, and a row that says until when it is alive, by the server's clock
alone: the clocks of workers are never compared.  Whatever is held by a fence that is not alive is free for others.
"""

import os
import socket
from typing import Final

import psycopg

from tcc_uploader.clock import Clock
from tcc_uploader.model.ledger import Lost

LEASE: float = 60.0
"""Seconds for which a worker is alive after it said so.  With less, a busy machine costs duplicates."""
_OWN_SHARE: Final = 0.8
"""The part of the lease after which a worker stops by its own clock, so that it stops before others begin."""
_RENEWALS: Final = 3
"""How many times it says so in a lease."""
_FORGOTTEN: Final = "1 day"

ALIVE: Final = "EXISTS (SELECT FROM tcc.worker AS w WHERE w.fence = {} AND w.until > statement_timestamp())"
"""Whether a holder is alive.  Not by ``clock_timestamp()``: a statement that waited for a lock would take more than its
snapshot shows."""
_BEGIN: Final = (
    "INSERT INTO tcc.worker (name, until) VALUES (%s, clock_timestamp() + make_interval(secs => %s)) RETURNING fence"
)
_RENEW: Final = (
    "UPDATE tcc.worker SET until = clock_timestamp() + make_interval(secs => %s) "
    "WHERE fence = %s AND until > clock_timestamp()"
)
_GIVE_BACK: Final = (  # who ends in order has not vanished: see .objects
    "UPDATE tcc.object SET holder = NULL, attempt = greatest(attempt - 1, 0) WHERE holder = %s AND NOT finished"
)


class Worker:
    """The lease of this process.  Its methods are given the connection."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.fence: int | None = None
        """Its number; None before :meth:`begin`."""
        self.committed = 0
        """How many transactions it has committed."""
        self._deadline = self._renew_at = 0.0

    def begin(self, opened: psycopg.Connection) -> None:
        """Get a number; take away the claims of workers that are not alive."""
        sent = self._clock.monotonic()
        name = f"{socket.gethostname()}:{os.getpid()}"
        ((self.fence,),) = opened.execute(_BEGIN, (name, LEASE)).fetchall()
        self._note_renewed(sent)
        opened.execute(f"DELETE FROM tcc.claim AS c WHERE NOT {ALIVE.format('c.holder')}")  # noqa: S608 -- our own text
        opened.execute(f"DELETE FROM tcc.worker WHERE until < statement_timestamp() - interval '{_FORGOTTEN}'")  # noqa: S608

    def greet(self, opened: psycopg.Connection) -> None:
        """Check on a new connection that the server knows what it knew.  Raises :class:`Lost`.

        Another server may have taken over, without the last transactions.
        """
        if self.fence is None:
            return
        row = opened.execute("SELECT committed FROM tcc.worker WHERE fence = %s", (self.fence,)).fetchone()
        if row is None or row[0] < self.committed:
            raise Lost("the ledger does not know any more what was committed: its server has lost it")

    @property
    def wants_renewal(self) -> bool:
        """Whether it is time to renew the lease."""
        return self._clock.monotonic() >= self._renew_at

    def renew(self, opened: psycopg.Connection) -> None:
        """Be alive for another while.  Raises :class:`Lost` if that is too late."""
        sent = self._clock.monotonic()
        if opened.execute(_RENEW, (LEASE, self.fence)).rowcount != 1:
            raise Lost("this uploader's claims on the shared ledger have ended: it stood still for too long")
        self._note_renewed(sent)

    def check(self) -> None:
        """Raise :class:`Lost` if the lease may have ended, by this process's own clock: then nothing may be sent."""
        if self._clock.monotonic() >= self._deadline:
            raise Lost("this uploader's claims on the shared ledger may have ended: they could not be renewed in time")

    def end(self, opened: psycopg.Connection) -> None:
        """Give back all that it holds."""
        opened.execute("DELETE FROM tcc.claim WHERE holder = %s", (self.fence,))
        opened.execute(_GIVE_BACK, (self.fence,))
        opened.execute("DELETE FROM tcc.worker WHERE fence = %s", (self.fence,))

    def _note_renewed(self, sent: float) -> None:
        self._deadline = sent + LEASE * _OWN_SHARE
        self._renew_at = sent + LEASE / _RENEWALS
