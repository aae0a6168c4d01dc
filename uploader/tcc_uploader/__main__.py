"""``python -m tcc_uploader`` is ``tcc-upload``."""

from .cli.main import run

if __name__ == "__main__":
    run()
