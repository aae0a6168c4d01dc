"""Reads switches from the environment: what is no switch is said, and taken as the safe side."""

from collections.abc import Mapping

from tcc_schemas.switches import switch

from .limited_log import log


def enabled(environment: Mapping[str, str], name: str, *, default: bool, safe: bool) -> bool:
    """Return whether a switch is on: ``default`` if it is not set, and ``safe``, with a warning, if it is no switch."""
    try:
        found = switch(environment.get(name))
    except ValueError as error:
        log.warning(f"{name} is taken as {'on' if safe else 'off'}: {error}")
        return safe
    return default if found is None else found
