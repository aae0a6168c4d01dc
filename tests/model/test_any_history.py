"""Whatever happens to recorders, spools, server and uploader, in any order."""

import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from model.machine import Machine

THOROUGH = bool(os.environ.get("TCC_TORTURE"))
LIMITS = settings(
    max_examples=2000 if THOROUGH else 20,
    stateful_step_count=60 if THOROUGH else 30,
    database=None,
    phases=[Phase.generate, Phase.shrink] if THOROUGH else [Phase.generate],  # to shrink takes many minutes
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.timeout(0 if THOROUGH else 600)
def test_no_history_loses_a_record_or_changes_a_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    """Conservation and byte equality hold after every step; in the end everything has arrived or is accounted for."""
    for name in list(os.environ):
        if name.startswith("TCC_") or name.upper().endswith("_PROXY"):
            monkeypatch.delenv(name)
    run_state_machine_as_test(Machine, settings=LIMITS)
