"""The lock of real threads, also where gevent or eventlet has replaced those of ``threading``.

Their locks are for green threads, and can hang when native threads share them.  A green thread never gives way while it
holds one of ours: nothing that is done under them is patched.
"""

from _thread import RLock

__all__ = ["RLock"]
