"""Where this process's threads run."""

import os
from contextlib import suppress


def stay_on_one() -> None:
    """Let this thread, and those that it starts, run on one of the processors that they may use.

    Python lets one thread run at a time.  On several processors each hand-over of the interpreter lock wakes another
    one, which takes longer than the work that is handed over: many requests at once are sent faster from one, for half
    the processor time.  What else runs on that one can be moved away by the system; uploaders are spread by their
    process ids.
    """
    if not hasattr(os, "sched_setaffinity"):
        return  # macOS, Windows
    with suppress(OSError):  # not allowed: that costs speed alone
        processors = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {processors[os.getpid() % len(processors)]})
