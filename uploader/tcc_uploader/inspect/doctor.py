"""``tcc-upload doctor``: does everything that delivery stands on really work here?  It also works offline."""

import os
import secrets
import shutil
import socket
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import httpx

from tcc_schemas.endpoints import CUSTOM_PATH, key_hint
from tcc_uploader.delivery.routing import Router
from tcc_uploader.files import try_lock
from tcc_uploader.ledger.sqlite import Ledger
from tcc_uploader.settings import Settings
from tcc_uploader.sources.given import Sources
from tcc_uploader.spool.watch import Watcher
from tcc_uploader.state import holder
from tcc_uploader.transport.answers import Answer, Verdict, classify
from tcc_uploader.transport.client import proxy_for

from .survey import survey

_LEAST_FREE: Final = 256 * 1024 * 1024
_MOST_SKEW: Final = 60.0
_EVENT_WITHIN: Final = 3.0
_INOTIFY: Final = Path("/proc/sys/fs/inotify")
_LEAST_INSTANCES: Final = 128
_TIMEOUT: Final = 10.0
_NOTHING: Final = b'{"type":"batch","items":[]}'
"""A body that no server stores: its answer tells whether the key is accepted."""


class Finding(NamedTuple):
    """One line of the report: ``level`` is ``ok``, ``warn`` or ``fail``; ``remedy`` says what to do."""

    level: str
    subject: str
    text: str
    remedy: str = ""


def examine(settings: Settings, ledger: Ledger) -> Iterator[Finding]:
    """Yield the findings, one after the other as they are made."""
    for spool in settings.spools:
        yield from _spool(spool, removes=settings.after == "delete")
    yield from _state(settings.state_dir)
    yield from _inotify_limits()
    yield from _keys(settings, ledger)
    yield from _server(settings)


def _spool(spool: Path, *, removes: bool) -> Iterator[Finding]:
    subject = f"spool {spool}"
    try:
        status = spool.stat()
        next(spool.iterdir(), None)
    except FileNotFoundError:
        remedy = "set TCC_SPOOL_DIR to the agent's spool: the default lies in each user's own home"
        yield Finding("warn", subject, "does not exist", remedy)
        return
    except OSError as error:
        yield Finding(
            "fail",
            subject,
            f"can't be read: {error.strerror}",
            "let this user into it: see 'Agent and daemon under different users' in the README",
        )
        return
    mode = stat.filemode(status.st_mode)
    if removes and not os.access(spool, os.W_OK | os.X_OK):
        remedy = "give this user write access, or use --after keep"
        yield Finding("fail", subject, f"{mode}: delivered segments can't be removed", remedy)
    else:
        yield Finding("ok", subject, f"{mode}, owner {status.st_uid}:{status.st_gid}")
    if status.st_mode & stat.S_IWOTH and not status.st_mode & (stat.S_ISVTX | stat.S_ISGID):
        remedy = "chmod 0700, or 2770 for a group: recorders refuse it as it is"
        yield Finding("fail", subject, "everybody may write to it", remedy)
    yield _free_space(spool)
    if os.access(spool, os.W_OK | os.X_OK):
        yield from _canary(spool)
    else:
        yield Finding("warn", subject, "locks and events were not tried: it can't be written here")


def _state(state: Path) -> Iterator[Finding]:
    subject = f"state {state}"
    pid = holder(state)
    if not state.exists():
        yield Finding("ok", subject, "does not exist yet")
        return
    if not os.access(state, os.R_OK | os.W_OK | os.X_OK):
        yield Finding("fail", subject, "can't be written", "give it to this user, or set TCC_STATE_DIR")
        return
    yield Finding("ok", subject, f"used by the uploader with pid {pid}" if pid else "no uploader runs on it")
    if state.stat().st_mode & 0o077:
        yield Finding("warn", subject, "others may look into it, and dead letters hold prompts", f"chmod 0700 {state}")
    yield _free_space(state)
    yield _lock_works(state)


def _free_space(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    text = f"{free // 1024**2:,} MiB free"
    if free < _LEAST_FREE:
        return Finding("fail", f"space on {folder}", text, "make room: recorders refuse records on a full disk")
    return Finding("ok", f"space on {folder}", text)


def _canary(spool: Path) -> Iterator[Finding]:
    yield _lock_works(spool)
    seen = threading.Event()
    watcher = Watcher([spool], lambda _: seen.set())
    file = spool / f".tcc-doctor-{secrets.token_hex(4)}"
    try:
        watcher.check()
        mode = watcher.mode
        file.write_bytes(b"canary")
        came = seen.wait(_EVENT_WITHIN)
    except OSError as error:
        yield Finding("fail", f"events in {spool}", f"can't be tried: {error.strerror}")
        return
    finally:
        watcher.close()
        file.unlink(missing_ok=True)
    if mode == "native" and came:
        yield Finding("ok", f"events in {spool}", "arrive: records are sent as they end")
    else:
        text = f"do not arrive (watcher: {mode}): records are found by polling and by a scan every 30 s"
        yield Finding("warn", f"events in {spool}", text, "use a local file system, or raise the inotify limits")


def _lock_works(folder: Path) -> Finding:
    subject = f"locks in {folder}"
    file = folder / f".tcc-doctor-{secrets.token_hex(4)}"
    try:
        first, second = (os.open(file, os.O_RDWR | os.O_CREAT, 0o600) for _ in range(2))
    except OSError as error:
        return Finding("fail", subject, f"can't be tried: {error.strerror}")
    try:
        taken, taken_twice = try_lock(first), try_lock(second)
    finally:
        os.close(first)
        os.close(second)
        with suppress(OSError):
            file.unlink()
    if taken and not taken_twice:
        return Finding("ok", subject, "work")
    text = "do not work: segments without a seal are delivered, and never removed"
    return Finding("warn", subject, text, "use a local file system")


def _inotify_limits() -> Iterator[Finding]:
    for name in ("max_user_instances", "max_user_watches"):
        try:
            limit = int((_INOTIFY / name).read_text())
        except (OSError, ValueError):
            continue
        if limit < _LEAST_INSTANCES:
            yield Finding("warn", f"inotify {name}", f"{limit}", f"sysctl fs.inotify.{name}={_LEAST_INSTANCES}")
        else:
            yield Finding("ok", f"inotify {name}", f"{limit:,}")


def _keys(settings: Settings, ledger: Ledger) -> Iterator[Finding]:
    held = {key_hint(key): key for key in settings.api_keys}
    if held:
        yield Finding("ok", "keys", f"held: {', '.join(held)} (the first is the default key)")
    else:
        yield Finding("fail", "keys", "none is held", "set TCC_API_KEY, TCC_API_KEYS or --api-key-file")
    found = survey(Sources(list(settings.spools)), ledger)
    for hint, number in found.unheld(settings).items() if held else ():
        text = f"{number:,} pending records were made under key {hint}, which is not held"
        yield Finding("fail", "keys", text, f"add that key to TCC_API_KEYS, or --adopt {hint}")
    if found.unreadable:
        path, why = next(iter(found.unreadable.items()))
        text = f"{len(found.unreadable):,} can't be read, {path} for one: {why}"
        remedy = "let this user read them: chmod 2770 on the spool, and one group for agent and daemon"
        yield Finding("fail", "segments", text, remedy)


def _server(settings: Settings) -> Iterator[Finding]:
    router = Router(settings)
    hints: list[str | None] = [key_hint(key) for key in settings.api_keys]
    for hint in hints or [None]:
        route = router.route(CUSTOM_PATH, None, hint)
        yield from _reach(route.destination.url, route.api_key)


def _reach(url: str, api_key: str | None) -> Iterator[Finding]:
    parts = urlsplit(url)
    host, proxy = parts.hostname or "", proxy_for(url)
    if proxy:
        yield Finding(
            "ok", f"proxy for {host}", f"{urlsplit(proxy).hostname or 'as configured'} (from the environment)"
        )
    else:
        try:
            socket.getaddrinfo(host, parts.port or parts.scheme)
        except OSError as error:
            remedy = "without a network this is as it should be: records wait; else check DNS, or set HTTPS_PROXY"
            yield Finding("warn", f"name {host}", f"does not resolve: {error}", remedy)
            return
        yield Finding("ok", f"name {host}", "resolves")
    try:
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        answer = httpx.post(
            url, content=_NOTHING, timeout=_TIMEOUT, headers={**headers, "Content-Type": "application/json"}
        )
    except (httpx.HTTPError, ValueError) as error:
        verdict, _, remedy = classify(Answer(error=error), datetime.now(UTC))
        level = "fail" if verdict is Verdict.PAUSE else "warn"
        yield Finding(
            level, f"server {url}", f"{type(error).__name__}: {error}", remedy or "records wait until it answers"
        )
        return
    yield _accepted(url, api_key, answer)
    yield from _clock(answer.headers.get("Date"))


def _accepted(url: str, api_key: str | None, answer: httpx.Response) -> Finding:
    said = Answer(answer.status_code, answer.headers.get("Retry-After"), answer.headers.get("Location"))
    verdict, _, remedy = classify(said, datetime.now(UTC))
    subject = f"server {url}"
    if verdict is Verdict.RETRY:
        return Finding("warn", subject, f"HTTP {answer.status_code}", "records wait until it does better")
    if verdict is Verdict.PAUSE and api_key is not None:
        return Finding("fail", subject, f"HTTP {answer.status_code}", remedy)
    # an empty batch is refused by a server that has accepted the key
    return Finding("ok", subject, "answers" + (f" and accepts key {key_hint(api_key)}" if api_key else ""))


def _clock(date: str | None) -> Iterator[Finding]:
    try:
        skew = time.time() - parsedate_to_datetime(date or "").timestamp()
    except ValueError:
        return
    if abs(skew) > _MOST_SKEW:
        text = f"{abs(skew):,.0f} s {'ahead of' if skew > 0 else 'behind'} the server's"
        yield Finding("warn", "clock", text, "set it (NTP): run times will look wrong")
    else:
        yield Finding("ok", "clock", "agrees with the server's")
