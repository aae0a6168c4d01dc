"""What this process asks of the system and of Python: one processor, and few searches for garbage."""

import gc
import os
from contextlib import suppress


def stay_on_one_processor() -> None:
    """Let this thread, and those that it starts, run on one of the processors that they may use.

    Python runs one thread at a time.  On several processors, handing the interpreter lock to another thread wakes
    another processor, which takes longer than the work that is handed over: from one processor many requests at once
    are sent faster, for half the processor time.  The system can move other processes away from that processor;
    uploaders are spread over the processors by their process ids.
    """
    if not hasattr(os, "sched_setaffinity"):
        return  # macOS, Windows
    with suppress(OSError):  # not permitted: delivery works, and is slower
        processors = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {processors[os.getpid() % len(processors)]})


def collect_garbage_seldom() -> None:
    """Let the garbage collector search less often.

    It searches for objects that refer to each other in a circle, after every 700 new objects; a request makes about a
    thousand, and none of them are in a circle when it ends.
    """
    gc.set_threshold(10_000, 20, 50)
