"""The metadata that every run begins with.

Of these sources a later one wins: CI, ``TCC_METADATA``, ``configure()``, ``scoped()``.
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from tcc_schemas.switches import switch

from .ci import ci_metadata
from .forks import check, on_fork
from .limited_log import log
from .locks import RLock
from .values import string_map


class Defaults:
    """The default metadata of a process.  Any thread may change it; reading it takes no lock."""

    def __init__(self) -> None:
        self._lock = RLock()  # re-entrant: a signal handler may begin a run
        self._configured: dict[str, str] = {}
        self._scopes: list[dict[str, str]] = []
        self._merged: dict[str, str] | None = None

    def current(self) -> dict[str, str]:
        """Return the metadata for a run that begins now.  Copy it before you change it."""
        merged = self._merged
        return self._merge() if merged is None else merged

    def configure(self, metadata: dict[str, str] | None) -> None:
        """Replace what was configured, unless it is None; and read the environment again."""
        check()
        with self._lock:
            if metadata is not None:
                self._configured = metadata
            self._merged = None

    @contextmanager
    def scoped(self, metadata: Mapping[str, str]) -> Iterator[None]:
        """See :func:`scoped`."""
        scope = string_map(metadata)
        if scope is None:
            log.warning(f"metadata is ignored: {type(metadata).__name__} is not a mapping")
            scope = {}
        check()
        with self._lock:
            self._scopes.append(scope)
            self._merged = None
        try:
            yield
        finally:
            check()
            with self._lock:  # by identity: another thread may have added an equal scope
                self._scopes = [other for other in self._scopes if other is not scope]
                self._merged = None

    def reset_after_fork(self) -> None:
        """Replace the lock in a child: a thread of the parent may hold it, and the child does not have that thread."""
        self._lock = RLock()

    def _merge(self) -> dict[str, str]:
        check()
        with self._lock:
            merged = _from_environment(os.environ)
            for layer in (self._configured, *self._scopes):
                merged.update(layer)
            self._merged = merged
            return merged


defaults = Defaults()
"""The only instance of the process."""

scoped = defaults.scoped
"""Add metadata to every run that begins in any thread, until the block ends; of nested blocks the inner one wins."""

on_fork(defaults.reset_after_fork)


def _from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    found = ci_metadata(environment) if _ci_wanted(environment) else {}
    found.update(_parsed(environment.get("TCC_METADATA", "")))
    return found


def _ci_wanted(environment: Mapping[str, str]) -> bool:
    wanted = environment.get("TCC_CI", "").strip().lower()
    try:
        found = switch(wanted.removeprefix("auto"))
    except ValueError:
        log.warning("TCC_CI is taken as auto: it must be auto, 1 or 0")
        found = None
    return _runs_in_ci(environment) if found is None else found


def _runs_in_ci(environment: Mapping[str, str]) -> bool:
    for name in ("CI", "TF_BUILD"):  # Azure Pipelines sets a variable of its own instead of CI
        with suppress(ValueError):  # these are not ours: what else they may hold is not on
            if switch(environment.get(name)):
                return True
    return False


def _parsed(value: str) -> dict[str, str]:
    r"""Return the pairs of ``name=value,name=value``; ``\`` takes the special meaning from the next character."""
    found = {}
    for part in re.findall(r"(?:\\.|[^,\\]|\\$)+", value, re.DOTALL):
        sides = re.fullmatch(r"((?:\\.|[^=\\])+)=(.*)", part, re.DOTALL)
        if sides is None:
            log.warning(r"a part of TCC_METADATA is ignored: it must be name=value, with \, \= and \\ in texts")
        else:
            name, text = (re.sub(r"\\(.)", r"\1", side.strip(), flags=re.DOTALL) for side in sides.groups())
            found[name] = text
    return found
