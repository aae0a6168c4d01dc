"""``tcc-upload doctor``: try everything that a delivery needs, on this machine and on the way to the server.

Five sections: folders (spools and state), a shared ledger, limits of the kernel, keys, servers.  It works offline, too.
"""

import os
import socket
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from difflib import get_close_matches
from email.utils import parsedate_to_datetime
from math import inf
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from tcc_schemas.endpoints import CUSTOM_PATH, key_hint
from tcc_schemas.switches import NAMES, unknown_names
from tcc_uploader.clock import about
from tcc_uploader.delivery.routing import Router, Wish
from tcc_uploader.files import free_bytes, try_lock
from tcc_uploader.ledger.opening import fleet_of
from tcc_uploader.model.ledger import Ledger
from tcc_uploader.settings import Settings
from tcc_uploader.sources.given import Sources
from tcc_uploader.spool.format import FOREIGN
from tcc_uploader.spool.watch import Watcher
from tcc_uploader.state import holder
from tcc_uploader.transport.answers import Answer, Verdict, classify
from tcc_uploader.transport.client import Client, Request, proxy_for

from .survey import take_survey

_PREFIX: Final = ".tcc-doctor-"
_MIN_FREE: Final = 256 * 1024 * 1024  # bytes
_MIN_INOTIFY: Final = 128
_LONG_TRANSACTION: Final = 600.0  # seconds
_INOTIFY: Final = Path("/proc/sys/fs/inotify")
_EVENT_WITHIN: Final = 3.0  # seconds
_PATIENCE: Final = 30.0
"""Seconds without a byte after which a server counts as one that does not answer."""
_MAX_CLOCK_SKEW: Final = 60.0  # seconds
_EMPTY_BATCH: Final = b'{"type":"batch","items":[]}'
"""A body that no server stores: the answer tells whether the key is accepted."""


class Finding(NamedTuple):
    """One line of the report: ``level`` is ``ok``, ``warn`` or ``fail``; ``remedy`` says what to do."""

    level: str
    subject: str
    text: str
    remedy: str = ""


def diagnose(settings: Settings, ledger: Ledger) -> Iterator[Finding]:
    """Yield the findings, each as soon as it is made.  Raises :class:`LedgerError`."""
    for spool in settings.spools:
        yield from _check_spool(spool, removes=settings.keep_for < inf)
    yield from _check_state(settings.state_dir)
    yield from _check_shared_ledger(settings)
    yield from _check_inotify()
    for name in unknown_names(os.environ):
        near = get_close_matches(name, NAMES, 1)
        remedy = f"did you mean {near[0]}?" if near else "docs/settings.md has them all"
        yield Finding("warn", name, "nothing reads this variable", remedy)
    yield from _check_keys(settings, ledger)
    router = Router(settings)
    for hint in tuple(map(key_hint, settings.api_keys)) or (None,):
        route = router.route(Wish(CUSTOM_PATH, hint=hint))
        yield from _try_server(route.destination.url, route.api_key)


# Folders: may we read and write them, is there room, do locks and events work?


def _check_spool(spool: Path, *, removes: bool) -> Iterator[Finding]:
    subject = f"spool {spool}"
    try:
        status = spool.stat()
        next(spool.iterdir(), None)
    except FileNotFoundError:
        remedy = "set TCC_SPOOL_DIR to the agent's spool: the default lies in each user's own home"
        yield Finding("warn", subject, "does not exist", remedy)
        return
    except OSError as error:
        remedy = "let this user into it: see 'Agent and daemon under different users' in docs/record.md"
        yield Finding("fail", subject, f"can't be read: {error.strerror}", remedy)
        return
    mode = stat.filemode(status.st_mode)
    writable = os.access(spool, os.W_OK | os.X_OK)
    if removes and not writable:
        remedy = "give this user write access, or use --after keep"
        yield Finding("fail", subject, f"{mode}: delivered segments can't be removed", remedy)
    else:
        yield Finding("ok", subject, f"{mode}, owner {status.st_uid}:{status.st_gid}")
    if status.st_mode & stat.S_IWOTH and not status.st_mode & (stat.S_ISVTX | stat.S_ISGID):
        remedy = "chmod 0700, or 2770 for a group: recorders refuse it as it is"
        yield Finding("fail", subject, "everybody may write to it", remedy)
    yield _free_space(spool)
    if writable:
        yield _try_lock(spool)
        yield _try_events(spool)
    else:
        yield Finding("warn", subject, "locks and events were not tried: this user can't write here")


def _check_state(state: Path) -> Iterator[Finding]:
    subject = f"state {state}"
    remedy = "give it to this user, or set TCC_STATE_DIR"
    if not state.exists():
        above = next(folder for folder in state.parents if folder.exists())
        if os.access(above, os.W_OK | os.X_OK):
            yield Finding("ok", subject, "does not exist yet")
        else:
            yield Finding("fail", subject, f"can't be created: {above} can't be written", remedy)
    elif not os.access(state, os.R_OK | os.W_OK | os.X_OK):
        yield Finding("fail", subject, "can't be written", remedy)
    else:
        pid = holder(state)
        yield Finding("ok", subject, f"used by the uploader with pid {pid}" if pid else "no uploader runs on it")
        if state.stat().st_mode & 0o077:
            text = "others may look into it, and dead letters hold prompts"
            yield Finding("warn", subject, text, f"chmod 0700 {state}")
        yield _free_space(state)
        yield _try_lock(state)


def _check_shared_ledger(settings: Settings) -> Iterator[Finding]:
    fleet = fleet_of(settings)
    if fleet is None:
        return
    report = fleet.look()
    subject = "shared ledger"
    if report.read_only:
        remedy = "name the primary server, or let this user write; target_session_attrs=read-write in the URL finds it"
        yield Finding("fail", subject, "can only be read, so nothing is sent", remedy)
    else:
        yield Finding("ok", subject, f"PostgreSQL {report.version}, shared by {len(report.workers):,} uploaders now")
    if report.longest_transaction > _LONG_TRANSACTION:
        text = f"another session's transaction is open for {about(report.longest_transaction)}: it keeps old rows"
        yield Finding("warn", subject, text, "end it: see pg_stat_activity, column xact_start")


def _free_space(folder: Path) -> Finding:
    free = free_bytes(folder)
    remedy = "make room: recorders refuse records on a full disk" if free < _MIN_FREE else ""
    return Finding("fail" if remedy else "ok", f"space on {folder}", f"{free // 1024**2:,} MiB free", remedy)


def _try_lock(folder: Path) -> Finding:
    """Lock a file twice: the second lock must be refused."""
    subject = f"locks in {folder}"
    try:
        with NamedTemporaryFile(prefix=_PREFIX, dir=folder) as first, Path(first.name).open("ab") as second:
            works = try_lock(first.fileno()) and not try_lock(second.fileno())
    except OSError as error:
        return Finding("fail", subject, f"can't be tried: {error.strerror}")
    if works:
        return Finding("ok", subject, "work")
    text = "do not work: segments without a seal are delivered, and never removed"
    return Finding("warn", subject, text, "use a local file system")


def _try_events(spool: Path) -> Finding:
    """Write a file, and wait for the event that a daemon would get."""
    subject = f"events in {spool}"
    seen = threading.Event()
    try:
        with closing(Watcher([spool], lambda _: seen.set())) as watcher:
            watcher.check()
            mode = watcher.mode
            with NamedTemporaryFile(prefix=_PREFIX, dir=spool):
                arrived = seen.wait(_EVENT_WITHIN)
    except OSError as error:
        return Finding("fail", subject, f"can't be tried: {error.strerror}")
    if mode == "native" and arrived:
        return Finding("ok", subject, "arrive: records are sent as they end")
    text = f"do not arrive (watcher: {mode}): records are found by polling and by a scan every 30 s"
    return Finding("warn", subject, text, "use a local file system, or raise the inotify limits")


def _check_inotify() -> Iterator[Finding]:
    for name in ("max_user_instances", "max_user_watches"):
        with suppress(OSError, ValueError):  # not Linux
            limit = int((_INOTIFY / name).read_text())
            remedy = f"sysctl fs.inotify.{name}={_MIN_INOTIFY}" if limit < _MIN_INOTIFY else ""
            yield Finding("warn" if remedy else "ok", f"inotify {name}", f"{limit:,}", remedy)


def _check_keys(settings: Settings, ledger: Ledger) -> Iterator[Finding]:
    """Tell which keys are held, and which pending records can't be read, or would not be sent."""
    hints = [hint for key in settings.api_keys if (hint := key_hint(key))]
    if hints:
        yield Finding("ok", "keys", f"held: {', '.join(hints)} (the first is the default key)")
    else:
        where = f": there is none in {settings.api_key_file}" if settings.api_key_file else ""
        yield Finding("fail", "keys", f"none is held{where}", "set TCC_API_KEY, TCC_API_KEYS or --api-key-file")
    found = take_survey(Sources(list(settings.spools)), ledger)
    for remedy, number in found.blocked(settings).items() if hints else ():
        yield Finding("fail", "records", f"{number:,} pending records would wait", remedy)
    for text in found.passed_over:
        what, _, remedy = text.rpartition(": ")
        yield Finding("warn", "spool", f"passed over in {what}", remedy)
    if found.unreadable:
        path, why = next(iter(found.unreadable.items()))
        text = f"{len(found.unreadable):,} can't be read, {path} for one: {why}"
        remedy = "let this user read them: chmod 2770 on the spool, and one group for agent and daemon"
        if why in FOREIGN:
            remedy = "it is no file of a recorder: move it out of the spool"
        yield Finding("fail", "segments", text, remedy)


# Servers: name, proxy, TLS, key and clock, each by one request for each key


def _try_server(url: str, api_key: str | None) -> Iterator[Finding]:
    parts = urlsplit(url)
    host, proxy = parts.hostname or "", proxy_for(url)
    if proxy:
        with suppress(ValueError):  # what is wrong with it, the request below tells
            name = urlsplit(proxy).hostname or "as configured"
            yield Finding("ok", f"proxy for {host}", f"{name} (from the environment)")
    else:
        try:
            socket.getaddrinfo(host, parts.port or parts.scheme)
        except OSError as error:
            remedy = "without a network this is as it should be: records wait; else check DNS, or set HTTPS_PROXY"
            yield Finding("warn", f"name {host}", f"does not resolve: {error}", remedy)
            return
        yield Finding("ok", f"name {host}", "resolves")
    with closing(Client()) as client:
        answer = client.post(Request(url, api_key or "", _EMPTY_BATCH, bytes(16)), patience=_PATIENCE)
    yield _judge_answer(f"server {url}{', by the proxy' if proxy else ''}", api_key, answer)
    with suppress(ValueError):  # a server without a clock
        yield _compare_clocks(parsedate_to_datetime(answer.date or ""))


def _judge_answer(subject: str, api_key: str | None, answer: Answer) -> Finding:
    found = classify(answer, datetime.now(UTC))
    if found.verdict is Verdict.RETRY:
        return Finding("warn", subject, answer.reason, "records wait until it answers with success")
    # without a key, what the server says is mostly that
    if found.remedy and (api_key is not None or answer.error is not None or answer.gateway):
        return Finding("fail", subject, answer.reason, found.remedy)
    # a server refuses an empty batch only after it has accepted the key
    return Finding("ok", subject, "answers" + (f" and accepts key {key_hint(api_key)}" if api_key else ""))


def _compare_clocks(server: datetime) -> Finding:
    skew = time.time() - server.timestamp()
    if abs(skew) <= _MAX_CLOCK_SKEW:
        return Finding("ok", "clock", "agrees with the server's")
    text = f"{about(abs(skew))} {'ahead of' if skew > 0 else 'behind'} the server's"
    return Finding("warn", "clock", text, "set it (NTP): run times will look wrong")
