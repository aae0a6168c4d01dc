"""The items of a request's body, and of a dead letter's."""

from typing import Any

import orjson

Key = tuple[str, str]
"""Kind and id."""
Item = tuple[Key, dict[str, Any]]


def items_in(body: bytes) -> list[Item]:
    """Return the items of a body with their keys."""
    value = orjson.loads(body)
    if "type" not in value:
        return [(("feedback", value["runId"]), value)]
    items = value["items"] if value["type"] == "batch" else [value]
    return [((item["type"], item[f"{item['type']}_id"]), item) for item in items]
