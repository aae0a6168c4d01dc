"""wandb: one offline experiment, and a row of its history per run; another process writes the file."""

from collections.abc import Callable

import wandb
from benchmarks.agent import Input
from benchmarks.standard_run import to_record


def recorder(folder: str) -> Callable[[Input], object]:
    """Return what records one run."""
    experiment = wandb.init(project="benchmark", mode="offline", dir=folder)
    return lambda x: experiment.log(to_record(x))
