"""Measure one peer in this process: ``python -m benchmarks.peers MODULE REPETITIONS RUNS RESULT``."""

import os
import sys
from pathlib import Path

from benchmarks.peers import measure

if __name__ == "__main__":
    measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
    os._exit(0)  # a client whose server is down would go on trying
