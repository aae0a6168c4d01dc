"""Finds the URL and the API key with which a record is sent.  Pure."""

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from tcc_schemas.endpoints import CUSTOM_PATH, FEEDBACK_PATH, OFFICIAL_ORIGINS, base_url, key_hint, origin_of
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


class Router:
    """Finds the routes of records, from the settings.  Routes are cached."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._keys: Mapping[str, str] = {key_hint(key): key for key in settings.api_keys}
        self._routes: dict[tuple[str, str | None, str | None], Route] = {}

    def route(self, path: str, url: str | None, hint: str | None) -> Route:
        """Return the route for a record's ``path``, ``url`` and ``key`` members.  Raises nothing: see ``blocked``."""
        wanted = (path, url, hint)
        found = self._routes.get(wanted)
        if found is None:
            found = self._routes[wanted] = self._find(path, url, hint)
        return found

    def _find(self, path: str, url: str | None, hint: str | None) -> Route:
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
        if key is None:
            remedy = (
                f"no key with the hint {hint} is held: set TCC_API_KEYS, or use --adopt {hint} "
                "to send its records with the default key"
                if hint
                else "no key is held: set TCC_API_KEY"
            )
            return Route(Destination(target, hint), None, "key not held", remedy)
        return Route(Destination(target, key_hint(key)), key)

    def _key_for(self, hint: str | None) -> str | None:
        default = next(iter(self._settings.api_keys), None)
        if hint is None or hint in self._settings.adopt:
            return default
        return self._keys.get(hint)

    def _configured_url(self, path: str, key: str | None) -> str:
        settings = self._settings
        if path == CUSTOM_PATH and settings.custom_url:
            return settings.custom_url
        if path == FEEDBACK_PATH and settings.feedback_url:
            return settings.feedback_url
        return (settings.base_url or base_url(key, {})) + path

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
