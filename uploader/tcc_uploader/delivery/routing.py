"""Finds the URL and the API key with which a record is sent.  Pure."""

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from tcc_schemas.endpoints import CUSTOM_PATH, FEEDBACK_PATH, OFFICIAL_ORIGINS, key_hint, origin_of
from tcc_schemas.lines import Line
from tcc_uploader.settings import Settings


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


class Wish(NamedTuple):
    """What a record says about where it goes: its ``path``, ``url`` and ``key`` members, and an unknown member."""

    path: str
    url: str | None = None
    hint: str | None = None
    unknown: str = ""


def wish_of(line: Line) -> Wish:
    """Return what a record says about where it goes."""
    return Wish(line.path or "", line.url, line.key, line.unknown)


class Router:
    """Finds the routes of records, from the settings.  Routes are cached."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._keys: Mapping[str | None, str] = {key_hint(key): key for key in settings.api_keys}
        self._routes: dict[Wish, Route] = {}

    def route(self, wish: Wish) -> Route:
        """Return the route for a record.  Raises nothing: see ``blocked``."""
        found = self._routes.get(wish)
        if found is None:
            found = self._routes[wish] = self._find(wish)
        return found

    def _find(self, wish: Wish) -> Route:
        path, url, hint, unknown = wish
        if unknown:
            remedy = f"their member {unknown[:64]!r} is of a newer version: upgrade tcc-upload"
            return Route(Destination("(records of a newer version)", None), None, "unknown member", remedy)
        key = self._key_for(hint)
        target = self._configured_url(path, key)
        if url is not None:
            trusted = self._trusted(url)
            if trusted is None:
                return Route(
                    Destination(url[:200], hint),
                    key,
                    "refused origin",
                    f"a record asks for {url[:200]!r}, which nobody allowed: add --allow-origin if you trust it",
                )
            target = trusted
        if path not in self._settings.allowed_paths:
            name = path.removeprefix("/v1/")
            remedy = (
                f"this version does not know {path}: upgrade tcc-upload, or use --allow-path {name} if you trust it"
            )
            return Route(Destination(target, hint), key, "unknown path", remedy)
        if key is None:
            remedy = (
                f"no key with the hint {hint} is held: set TCC_API_KEYS, or use --adopt {hint} "
                "to send its records with the default key"
                if hint
                else "no key is held: set TCC_API_KEY"
            )
            return Route(Destination(target, hint), None, "key not held", remedy)
        settings = self._settings
        if url is None and origin_of(settings.base_url_for(key)) != origin_of(
            settings.base_url_for(settings.default_key)
        ):
            remedy = "the key of another server: run once more with this key first"
            return Route(Destination(target, key_hint(key)), None, "key of another server", remedy)
        return Route(Destination(target, key_hint(key)), key)

    def _key_for(self, hint: str | None) -> str | None:
        if hint is None or hint in self._settings.adopt:
            return self._settings.default_key
        return self._keys.get(hint)

    def _configured_url(self, path: str, key: str | None) -> str:
        settings = self._settings
        if path == CUSTOM_PATH and settings.custom_url:
            return settings.custom_url
        if path == FEEDBACK_PATH and settings.feedback_url:
            return settings.feedback_url
        return settings.base_url_for(key) + path

    def _trusted(self, url: str) -> str | None:
        """Return a record's URL, rebuilt from its checked parts; None if its origin is not allowed."""
        try:
            origin = origin_of(url)
            parts = urlsplit(url)
        except ValueError:
            return None
        if origin not in OFFICIAL_ORIGINS and origin not in self._settings.allowed_origins:
            return None
        return origin + quote(parts.path, safe="/%:@!$&'()*+,;=~-._")
