"""The time of our own spans: nanoseconds since the epoch, right also while tests fake the clock.

freezegun replaces every module attribute that is a time function; a default argument is out of
its reach. time-machine replaces `time.time_ns` itself; `perf_counter_ns` it leaves alone. So: the
wall clock once, at import, and a performance counter from there on.

A counter stands still while the machine sleeps, and does not hear when the clock is set. Where no
step is open, `catch_up` moves it forward to the wall clock; never back, so that nothing ends
before it started. What other clocks say is brought to ours by `lead_ns`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import BuiltinFunctionType

TOLERANCE_NS = 50_000_000
"""By how much clocks may differ before anything is done about it. The wall clock of Windows moves
in steps of 16 ms."""

_epoch_ns = time.time_ns() - time.perf_counter_ns()


def now_ns(_counter: Callable[[], int] = time.perf_counter_ns) -> int:
    """Return the time in nanoseconds since the epoch."""
    return _epoch_ns + _counter()


def catch_up(_wall_clock: Callable[[], int] = time.time_ns) -> None:
    """Move forward to the wall clock, where it is ahead: the machine slept, or it was set."""
    global _epoch_ns
    behind = _wall_clock() - now_ns()
    if behind > TOLERANCE_NS and not _travelling():
        _epoch_ns += behind


def _travelling() -> bool:
    """Whether time-machine has replaced the wall clock, also for those who hold on to it."""
    machine = sys.modules.get("time_machine")
    return machine is not None and bool(machine.escape_hatch.is_travelling())


def lead_ns(clock: Callable[[], int], said_ns: int) -> int:
    """Return how far we are ahead of a clock, in ns; 0 if it agrees within the tolerance.

    Args:
        clock: what is asked, between two looks at ours: that this code was interrupted makes no
            difference. A fake one is not asked: with freezegun, asking may move it.
        said_ns: what it said a moment ago.
    """
    before = now_ns()
    theirs = clock() if isinstance(clock, BuiltinFunctionType) else said_ns
    after = now_ns()
    if before - TOLERANCE_NS <= theirs <= after + TOLERANCE_NS:
        return 0
    return after - theirs
