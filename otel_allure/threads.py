"""Threads get the OpenTelemetry context of the code that started them.

Python gives a new thread an empty one. So that steps in threads nest below the step that started
the work, `Thread.start` and `ThreadPoolExecutor.submit` hand the current context over while a
report is written. opentelemetry-instrumentation-threading does the same, but not for subclasses
that have a `run` of their own. In isolation it is only ours that is handed over: users find in a
thread what they always would.

Nothing but that context is handed over: other context variables are the user's.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from opentelemetry.context import Context

from otel_allure import recorder as recorders
from otel_allure.contexts import attached
from otel_allure.redirect import Redirection


def _start(start: Callable[[threading.Thread], None], thread: threading.Thread) -> None:
    context = recorders.context_to_hand_over()
    if context is not None and not _is_worker(thread):
        _run_in(thread, context)
    start(thread)


def _is_worker(thread: threading.Thread) -> bool:
    """Whether it is one of a pool. That is not of this step: it will call back for others too."""
    target = getattr(thread, "_target", None)
    return getattr(target, "__module__", None) == "concurrent.futures.thread"


def _submit(
    submit: Callable[..., Future[Any]],
    executor: ThreadPoolExecutor,
    fn: Callable[..., Any],
    /,
    *args: Any,
    **kwargs: Any,
) -> Future[Any]:
    context = recorders.context_to_hand_over()
    # To interpreters, work goes as a pickle.
    if context is not None and type(executor).__name__ != "InterpreterPoolExecutor":
        fn = _in_context(context, fn)
    return submit(executor, fn, *args, **kwargs)


def _run_in(thread: threading.Thread, context: Context) -> None:
    """Make the thread's `run`, whichever class defines it, run in `context`."""
    run = thread.run

    def run_in_context() -> None:
        thread.__dict__.pop("run", None)  # a reference of the thread to itself
        with attached(context):
            run()

    thread.run = run_in_context  # type: ignore[method-assign]


def _in_context(context: Context, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function, assigned=(), updated=())
    def run_in_context(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        with attached(context):
            return function(*args, **kwargs)

    return run_in_context


_STARTED = Redirection(threading.Thread, "start", _start)
_SUBMITTED = Redirection(ThreadPoolExecutor, "submit", _submit)


def hand_over_contexts() -> Callable[[], None]:
    """Begin to hand contexts over; return what ends it."""
    ends = [_STARTED.begin(), _SUBMITTED.begin()]
    if not (_STARTED.is_possible and _SUBMITTED.is_possible):
        recorders.note("following threads", "somebody has replaced a part of threading")

    def undo() -> None:
        for end in ends:
            end()

    return undo
