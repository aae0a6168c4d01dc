"""Write the JSON Schema files of the models: ``python -m tcc_schemas.generate``."""

from pathlib import Path
from typing import Final

import orjson
from pydantic import TypeAdapter

from .items import Batch, Feedback, Item
from .records import SpoolLine

FOLDER: Final = Path(__file__).parent / "json_schema"
_SCHEMAS: Final[dict[str, TypeAdapter[object]]] = {
    "item": TypeAdapter(Item),
    "batch": TypeAdapter(Batch),
    "feedback": TypeAdapter(Feedback),
    "spool_line": TypeAdapter(SpoolLine),
}


def schemas() -> dict[str, bytes]:
    """Return the content of every schema file, by file name."""
    return {
        f"{name}.schema.json": orjson.dumps(
            {"$schema": "https://json-schema.org/draft/2020-12/schema", **adapter.json_schema()},
            option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE,
        )
        for name, adapter in _SCHEMAS.items()
    }


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for filename, content in schemas().items():
        (FOLDER / filename).write_bytes(content)
