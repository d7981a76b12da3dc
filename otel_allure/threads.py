"""Threads get the OpenTelemetry context of the code that started them.

Python gives a new thread an empty one. So that steps in threads nest below the step that started
the work, `Thread.start` and `ThreadPoolExecutor.submit` hand the current context over while a
report is written. opentelemetry-instrumentation-threading does the same, but not for subclasses
that have a `run` of their own.

Nothing but the OpenTelemetry context is handed over: other context variables are the user's.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from opentelemetry.context import Context, get_current

from otel_allure.scope import attached


def hand_over_contexts() -> Callable[[], None]:
    """Begin to hand contexts over; return what ends it."""
    start = threading.Thread.start
    submit: Any = ThreadPoolExecutor.submit

    @functools.wraps(start)
    def start_in_context(self: threading.Thread) -> None:
        context = get_current()
        if context:
            _run_in(self, context)
        start(self)

    @functools.wraps(submit)
    def submit_in_context(
        self: ThreadPoolExecutor, fn: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Future[Any]:
        if type(self).__name__ != "InterpreterPoolExecutor":  # to that, work goes as a pickle
            fn = _in_context(get_current(), fn)
        # A worker that is started here is not of this step: it will call back for others too.
        with attached(Context()):
            future: Future[Any] = submit(self, fn, *args, **kwargs)
        return future

    threading.Thread.start = start_in_context  # type: ignore[method-assign]
    ThreadPoolExecutor.submit = submit_in_context  # type: ignore[assignment, method-assign]

    def undo() -> None:
        threading.Thread.start = start  # type: ignore[method-assign]
        ThreadPoolExecutor.submit = submit  # type: ignore[method-assign]

    return undo


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
