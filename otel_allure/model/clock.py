"""The time of our own spans: nanoseconds since the epoch, right also while tests fake the clock.

freezegun replaces every module attribute that is a time function; a default argument is out of
its reach. time-machine replaces `time.time_ns` itself; `perf_counter_ns` it leaves alone. So: the
wall clock once, at import, and a performance counter from there on. A test that is the first to
import us may have faked both by then.

A counter stands still while the machine sleeps, and does not hear when the clock is set. Where no
step is open, `catch_up` moves it forward to the wall clock; never back, so that nothing ends
before it started. What other clocks say is brought to ours by `offset_ns`.
"""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Callable
from types import BuiltinFunctionType
from typing import Any

TOLERANCE_NS = 50_000_000
"""By how much clocks may differ before anything is done about it. The wall clock of Windows moves
in steps of 16 ms."""


def _real(name: str) -> Any:
    """Return a function of `time`, also while something stands in its place."""
    function = getattr(time, name)
    if isinstance(function, BuiltinFunctionType):
        return function
    spec = importlib.util.find_spec("time")
    assert spec is not None
    assert spec.loader is not None
    anew = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(anew)
    return getattr(anew, name)


def _travelling() -> Any:
    """Return time-machine if it has replaced the wall clock, also for those who hold on to it."""
    machine = sys.modules.get("time_machine")
    return machine if machine is not None and machine.escape_hatch.is_travelling() else None


def _wall_ns() -> int:
    machine = _travelling()
    now: int = _real("time_ns")() if machine is None else machine.escape_hatch.time.time_ns()
    return now


_epoch_ns: int = _wall_ns() - _real("perf_counter_ns")()
_time_ns: Callable[[], int] = _real("time_ns")
_perf_counter_ns: Callable[[], int] = _real("perf_counter_ns")


_is_fine = hasattr(time, "thread_time") and time.get_clock_info("thread_time").resolution < 1e-5
_thread_time_ns: Callable[[], int] = _real("thread_time_ns") if _is_fine else _perf_counter_ns


def worked_ns(_counter: Callable[[], int] = _thread_time_ns) -> int:
    """Return how long this thread has worked; where that is not known well enough, the time."""
    return _counter()


def now_ns(_counter: Callable[[], int] = _perf_counter_ns) -> int:
    """Return the time in nanoseconds since the epoch."""
    return _epoch_ns + _counter()


def catch_up(_wall_clock: Callable[[], int] = _time_ns) -> None:
    """Move forward to the wall clock, where it is ahead: the machine slept, or it was set."""
    global _epoch_ns
    behind = _wall_clock() - now_ns()
    if behind > TOLERANCE_NS and not _travelling():
        _epoch_ns += behind


def offset_ns(clock: Callable[[], int], reading_ns: int) -> int:
    """Return how far we are ahead of a clock, in ns; 0 if it agrees within the tolerance.

    Args:
        clock: what is asked, between two looks at ours: that this code was interrupted makes no
            difference. A fake one is not asked: with freezegun, asking may move it.
        reading_ns: what it read a moment ago.
    """
    before = now_ns()
    theirs = clock() if isinstance(clock, BuiltinFunctionType) else reading_ns
    after = now_ns()
    if before - TOLERANCE_NS <= theirs <= after + TOLERANCE_NS:
        return 0
    return after - theirs
