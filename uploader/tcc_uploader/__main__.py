"""``python -m tcc_uploader`` is ``tcc-upload``."""

from tcc_uploader.cli.main import run

run()
