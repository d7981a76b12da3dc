"""Pieces of work for pools carry the context of whoever asked for them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from opentelemetry.context import Context

from otel_allure.compat import Private, kept
from otel_allure.compat.standard_library import POOL_TASKS, PROCESS_WORK_ITEM
from otel_allure.processes.propagation import Carrier, context_of, pickled
from otel_allure.recording.active import active_recorder, context_to_hand_over
from otel_allure.recording.threads import take_up


class _Named(dict[str, Any]):
    """Named arguments of a piece of work, with the context of whoever has asked for it.

    Of all that goes to a worker, they are what users never see: they are unpacked anew for the
    function. So the function stays what it is, and no frame of ours is below it.
    """

    def __init__(self, named: dict[str, Any], context: Context) -> None:
        super().__init__(named)
        self._named = named
        self._context = context

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickled, (kept.process_id(), pickled(self._context), self._named)

    def keys(self) -> Any:
        """Return the names. They are asked for right before the work begins, in its thread."""
        take_up(self._context)
        return super().keys()

    def __iter__(self) -> Iterator[str]:  # without it, a dict is unpacked unasked
        return super().__iter__()


def _unpickled(parent: int, carrier: Carrier, named: dict[str, Any]) -> dict[str, Any]:
    """Return named arguments in the worker that does the work next, in their context."""
    if kept.process_id() != parent:  # where pools empty their queues at the end
        take_up(context_of(carrier))
    return named


def _carrying(named: Any, context: Context | None) -> Any:
    return _Named(named, context) if context is not None and isinstance(named, dict) else named


def _context_for(pool: Any) -> Context | None:
    """Return the context of the caller for work that a pool does, None if nobody asks for it."""
    if not isinstance(pool, sys.modules["multiprocessing.pool"].ThreadPool):
        return _context_for_process()
    return context_to_hand_over()


def _context_for_process() -> Context | None:
    recorder = active_recorder()
    if recorder is not None:
        with recorder.diagnostics.caught("handing a context over"):
            return None if recorder.home() is None else recorder.base_context()
    return None


def _submitted(init: Callable[..., None], item: Any, *args: Any) -> None:
    *others, kwargs = args
    init(item, *others, _carrying(kwargs, _context_for_process()))


def _applied(apply: Any, pool: Any, func: Any, args: Any, kwds: Any, *callbacks: Any) -> Any:
    return apply(pool, func, args, _carrying(kwds, _context_for(pool)), *callbacks)


def _mapped(tasks_of: Any, pool: Any, *args: Any) -> Iterable[Any]:
    context = _context_for(pool)

    def carrying(task: tuple[Any, ...]) -> tuple[Any, ...]:
        *others, kwds = task
        return *others, _carrying(kwds, context)

    return map(carrying, tasks_of(pool, *args))


WAYS_OF_WORK: tuple[tuple[str, str | Private, str | Private, Callable[..., Any]], ...] = (
    ("concurrent.futures.process", PROCESS_WORK_ITEM, "__init__", _submitted),
    ("multiprocessing.pool", "Pool", "apply_async", _applied),
    ("multiprocessing.pool", "Pool", POOL_TASKS, _mapped),
)
