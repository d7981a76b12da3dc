"""The time of our own spans: nanoseconds since the epoch, right also while tests fake the clock.

freezegun replaces every module attribute that is a time function; a default argument is out of
its reach. time-machine replaces `time.time_ns` itself; `perf_counter_ns` it leaves alone. So: the
wall clock once, at import, and a performance counter from there on.
"""

from __future__ import annotations

import time
from collections.abc import Callable

_EPOCH_NS = time.time_ns() - time.perf_counter_ns()


def now_ns(_counter: Callable[[], int] = time.perf_counter_ns, _epoch_ns: int = _EPOCH_NS) -> int:
    """Return the time in nanoseconds since the epoch."""
    return _epoch_ns + _counter()
