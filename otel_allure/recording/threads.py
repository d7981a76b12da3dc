"""Threads get the OpenTelemetry context of the code that started them.

Python gives a new thread an empty one. So that steps in threads nest below the step that started
the work, threads and the workers of `ThreadPoolExecutor` are handed the current one while a report
is written; `processes` does it for multiprocessing's `ThreadPool`, which works as its `Pool` does.
opentelemetry-instrumentation-threading does the same, but not for subclasses that have a `run` of
their own. In isolation it is only ours that is handed over: users find in a thread what they always
would.

Nothing but that context is handed over: other context variables are the user's.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import thread as pools
from contextlib import suppress
from typing import Any

from opentelemetry.context import Context

from otel_allure.compat.redirect import Redirection, begin_all
from otel_allure.compat.standard_library import THREAD_BEGINS, THREAD_TARGET, WORK_ITEM
from otel_allure.recording.active import context_to_hand_over, note_problem
from otel_allure.recording.contexts import Tokens, attach, detach

_waiting: dict[int, tuple[weakref.ref[threading.Thread], Context]] = {}
"""Contexts of threads that are being started, by `id`: users may look at the thread itself."""
on_start: list[Callable[[], None]] = []
"""Told before a thread is started: with it, a pool's module may have been imported."""


def _starting(thread: threading.Thread) -> None:
    for told in on_start:
        told()
    context = None if _is_worker(thread) else context_to_hand_over()
    if context is None:
        _waiting.pop(id(thread), None)
    else:
        _waiting[id(thread)] = weakref.ref(thread), context


def _begun(thread: threading.Thread) -> None:
    """Make the context current in a thread that has begun, until it ends."""
    waiting = _waiting.pop(id(thread), None)
    if waiting is not None and waiting[0]() is thread:  # else of one that could not be started
        attach(waiting[1])


def _is_worker(thread: threading.Thread) -> bool:
    """Whether it is one of a pool. That is not of this step: it will call back for others too."""
    target = THREAD_TARGET.of(thread)
    return getattr(target, "__module__", None) == pools.__name__


_CONTEXT = "_otel_allure_context"


class _Worker(threading.local):
    """What a worker has attached for the piece of work that it does, or did last."""

    tokens: Tokens | None = None


_worker = _Worker()


def take_up(context: Context | None) -> None:
    """Make the context of a piece of work current, until the worker takes up the next."""
    if _worker.tokens is not None:
        with suppress(ValueError, RuntimeError):
            detach(_worker.tokens)
        _worker.tokens = None
    if context is not None:
        _worker.tokens = attach(context)


def _submitted(item: Any, future: Any, *_: Any) -> None:
    future.__dict__[_CONTEXT] = context_to_hand_over()


def _taken(future: Any) -> None:
    if _CONTEXT in future.__dict__:  # else it is none of a pool of threads
        take_up(future.__dict__.pop(_CONTEXT))


# These are told only, by what is called, and has returned, before users' work begins: their stack
# is as it would be without us.
_work = WORK_ITEM.of(pools)
_REDIRECTIONS = (
    [
        Redirection(threading.Thread, "start", _starting, is_told=True),
        Redirection(threading.Thread, THREAD_BEGINS, _begun, is_told=True),
    ],
    [
        Redirection(_work, "__init__", _submitted, is_told=True),
        Redirection(Future, "set_running_or_notify_cancel", _taken, is_told=True),
    ],
)


def hand_over_contexts() -> Callable[[], None]:
    """Begin to hand contexts over; return what ends it."""
    if not all(redirection.is_possible for both in _REDIRECTIONS for redirection in both):
        note_problem("following threads", "a part of threading or of its pools is not as known")
    return begin_all(*_REDIRECTIONS)
