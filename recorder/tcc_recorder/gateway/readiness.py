"""Whether the spool would take a record now."""

import os

from tcc_recorder.config import WriterConfig
from tcc_recorder.spool.budget import Budget
from tcc_recorder.spool.segment import prepare_directory


def why_not_ready(config: WriterConfig) -> str | None:
    """Return why a record could not be written, and what to do; None if it could.  No file is made for that."""
    try:
        prepare_directory(config.spool_dir)
        Budget(config.spool_dir, config.max_bytes, config.min_free).take(1)
        if not os.access(config.spool_dir, os.W_OK | os.X_OK):
            raise PermissionError(f"this user may not write to {config.spool_dir}")
    except OSError as error:
        return f"spool {config.spool_dir} (TCC_SPOOL_DIR): {error.strerror or error}"
    return None
