"""Finds the URL and the API key with which a record is sent.  Pure."""

from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import quote, urlsplit

from tcc_schemas.endpoints import CUSTOM_PATH, FEEDBACK_PATH, OFFICIAL_ORIGINS, key_hint, origin_of
from tcc_schemas.lines import Line
from tcc_uploader.settings import Settings

MOST_BLOCKED: Final = 200
"""Destinations of records that can't be sent, each told with its reason; a record may name any URL and any key."""


class Destination(NamedTuple):
    """A complete URL, and the hint of the API key that is sent there (None: no key is configured)."""

    url: str
    hint: str | None


class Route(NamedTuple):
    """Destination and API key.  ``blocked``: why it can't be used; ``remedy``: what to do (both empty if it can)."""

    destination: Destination
    api_key: str | None
    blocked: str = ""
    remedy: str = ""


_MORE: Final = Route(
    Destination("(more destinations)", None), None, "too many destinations", "settle the others, and run it again"
)


class Wish(NamedTuple):
    """What a record says about where it goes: its ``path``, ``url`` and ``key`` members, and an unknown member."""

    path: str
    url: str | None = None
    hint: str | None = None
    unknown: str | None = None


def wish_of(line: Line) -> Wish:
    """Return what a record says about where it goes."""
    return Wish(line.path or "", line.url, line.key, line.unknown)


class Router:
    """Finds the routes of records, from the settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._keys: dict[str | None, str | None] = {
            **{key_hint(key): key for key in settings.api_keys},
            **dict.fromkeys((None, *settings.adopt), settings.default_key),
        }
        """The keys by hint.  Adopted hints, and records without a hint (None), have the default key."""
        self._blocked: set[Destination] = set()
        self.hints: set[str] = set()
        """The key hints of the records that were routed, ``""`` if one had none: the adopted ones, and some others."""
        self.route = lru_cache(maxsize=4096)(self._route)
        """Returns the route for a record's :class:`Wish`.  Raises nothing: see ``blocked``."""

    def holds(self, hint: str | None, default: str | None) -> bool:
        """Whether a record of any uploader gets its own key here.

        That is the key with its ``hint``, or an adopted one; without a hint, the one with the hint ``default``.
        """
        key = self._keys.get(hint or default) if hint or default else None
        return key is not None and (hint is not None or key == self._settings.default_key)

    def _route(self, wish: Wish) -> Route:
        if wish.hint in self._settings.adopt or len(self.hints) < MOST_BLOCKED:
            self.hints.add(wish.hint or "")
        route = self._own_route(wish)
        if not route.blocked or route.destination in self._blocked:
            return route
        if len(self._blocked) == MOST_BLOCKED:
            return _MORE
        self._blocked.add(route.destination)
        return route

    def _own_route(self, wish: Wish) -> Route:
        path, url, hint, unknown = wish
        settings = self._settings
        if unknown is not None:
            remedy = f"their member {unknown[:64]!r} is of a newer version: upgrade tcc-upload"
            return Route(Destination("(records of a newer version)", None), None, "unknown member", remedy)
        key = self._keys.get(hint)
        own_urls = {CUSTOM_PATH: settings.custom_url, FEEDBACK_PATH: settings.feedback_url}
        target = own_urls.get(path) or settings.base_url_for(key) + path
        if url is not None:
            trusted = self._trusted(url)
            start = url[:200]
            if trusted is None:
                remedy = f"a record asks for {start!r}, which nobody allowed: add --allow-origin if you trust it"
                return Route(Destination(start, hint), key, "refused origin", remedy)
            if not urlsplit(trusted).path.endswith(path):
                # else a record could aim our key at any path of this server
                remedy = f"a record for {path} asks for {start!r}: its URL must end with {path}"
                return Route(Destination(start, hint), key, "refused path", remedy)
            target = trusted
        if path not in settings.allowed_paths:
            name = path.removeprefix("/v1/")
            remedy = (
                f"this version does not know {path}: upgrade tcc-upload, or use --allow-path {name} if you trust it"
            )
            return Route(Destination(target, hint), key, "unknown path", remedy)
        if key is None:
            file = settings.api_key_file
            remedy = f"no key is held: {f'there is none in {file}' if file else 'set TCC_API_KEY'}"
            if hint:
                remedy = f"no key with the hint {hint} is held: add this key to TCC_API_KEYS"
                if settings.default_key:
                    remedy += f", or send its records with the default key: replay --adopt {hint}"
            return Route(Destination(target, hint), None, "key not held", remedy)
        if url is None and settings.base_url_for(key) != settings.base_url_for(settings.default_key):
            remedy = "the key of another server: run once more with this key first"
            return Route(Destination(target, key_hint(key)), None, "key of another server", remedy)
        return Route(Destination(target, key_hint(key)), key)

    def _trusted(self, url: str) -> str | None:
        """Return a record's URL, rebuilt from its checked parts; None if its origin is not allowed."""
        try:
            origin, path = origin_of(url), urlsplit(url).path
        except ValueError:
            return None
        if origin not in OFFICIAL_ORIGINS | self._settings.allowed_origins:
            return None
        return origin + quote(path, safe="/%:@!$&'()*+,;=~-._")
