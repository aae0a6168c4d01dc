"""What runs the tests is not what they test: not its environment, not its signals, not its speed."""

import os
import signal
import threading
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from support.children import no_child_is_left
from support.postgres import postgres
from tcc_uploader.boundary import caught

__all__ = ["no_child_is_left", "postgres"]

for name in ("CI", "TF_BUILD"):  # what the default TCC_CI=auto looks at: recorded runs carry the metadata of no CI job
    os.environ.pop(name, None)

# A shell that starts us in the background lets us ignore SIGINT and SIGQUIT, and nohup SIGHUP; a process passes that on
# to all that it starts, and a test would wait for ever for what the signal does.
if threading.current_thread() is threading.main_thread():
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

settings.register_profile(
    "suite",
    parent=settings.get_profile("default"),  # on a CI machine hypothesis would take other settings than at home
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],  # it measures seconds, and so how busy the machine is
)
settings.load_profile("suite")


@pytest.fixture(autouse=True)
def only_what_was_foreseen(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test if a boundary caught something, so that none hides a fault of ours; with the marker, if none did."""
    caught.clear()
    yield
    found, expected = caught.all(), request.node.get_closest_marker("unexpected") is not None
    caught.clear()
    assert bool(found) is expected, f"caught at boundaries: {found}"
