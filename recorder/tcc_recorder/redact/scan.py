"""Finds the secrets in serialised JSON: one pass over all texts of a record, at any depth of JSON in JSON."""

from .blocks import block_spans
from .commands import command_spans
from .names import name_spans
from .runs import token_spans
from .spans import Span, merged
from .urls import url_spans


def secret_spans(data: bytes) -> list[Span]:
    """Return what must be replaced in serialised JSON, in order and without overlaps."""
    lowered = data.lower()
    found = [*token_spans(data), *name_spans(data, lowered), *url_spans(data)]
    return merged(data, [*found, *command_spans(data, lowered), *block_spans(data, lowered)])
