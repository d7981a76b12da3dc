"""Greenlets get the context of the code that spawned them, as threads do.

A new greenlet has context variables of its own, and none is set. gevent tells when one is spawned;
eventlet's are all of one class; gevent's pools of threads are not those of Python. What nobody
tells of (greenlets made by hand, and those in which Playwright's synchronous API runs handlers) is
run by a greenlet that waits for it: what is current there is the place.
"""

from __future__ import annotations

import contextvars
import importlib
import sys
from collections.abc import Callable
from typing import Any

from opentelemetry.context import Context

from otel_allure.compat.others import EVENTLET_SPAWN, GEVENT_BEFORE, GEVENT_RESULT, GEVENT_WORKER
from otel_allure.compat.redirect import Redirection, begin_all
from otel_allure.model.diagnostics import Diagnostics
from otel_allure.recording import contexts
from otel_allure.recording.contexts import ITEM, SPAN, held


def context_around(knows: Callable[[Any], bool]) -> Context | None:
    """Return the context of the nearest greenlet that waits for this one and has one of ours.

    Args:
        knows: whether a span is in the report.
    """
    greenlet = sys.modules.get("greenlet")
    around = greenlet.getcurrent().parent if greenlet is not None else None
    while around is not None:
        for context in contexts.contexts_in(around.gr_context or contextvars.Context()):
            item = held(context, ITEM)
            if item is not None and not item.is_over and knows(held(context, SPAN)):
                return context
        around = around.parent
    return None


class Greenlets:
    """Hands contexts over to greenlets, until `stop`.

    Args:
        context: returns that of the caller, None for nothing.
        take_up: makes a context current in a worker thread, until it takes up the next.
        diagnostics: told about what cannot be followed.
    """

    def __init__(
        self,
        context: Callable[[], Context | None],
        take_up: Callable[[Context | None], None],
        diagnostics: Diagnostics,
    ) -> None:
        self._context = context
        self._take_up = take_up
        self._waiting: dict[int, Context | None] = {}
        """Of work for gevent's threads, by the `id` of what will have its result."""
        self._diagnostics = diagnostics
        self._undo: dict[str, Callable[[], None]] = {}

    def refresh(self) -> None:
        """Follow the libraries that have been imported by now."""
        for library, follow in (("gevent", self._gevent), ("eventlet.greenthread", self._eventlet)):
            module = sys.modules.get(library)
            if module is not None and library not in self._undo:
                self._undo[library] = lambda: None
                with self._diagnostics.caught(f"following the greenlets of {library}"):
                    self._undo[library] = follow(module)

    def stop(self) -> None:
        """Put everything back."""
        for undo in self._undo.values():
            with self._diagnostics.caught("leaving greenlets alone"):
                undo()
        self._undo.clear()

    def _gevent(self, gevent: Any) -> Callable[[], None]:
        # It is imported when somebody first asks for the hub's, and would not be seen.
        pools = importlib.import_module("gevent.threadpool")
        result, worker = GEVENT_RESULT.of(pools), GEVENT_WORKER.of(pools)
        redirections = [
            Redirection(result, "__init__", self._submitted, is_told=True),
            Redirection(worker, GEVENT_BEFORE, self._taken, is_told=True),
        ]
        if not all(redirection.is_possible for redirection in redirections):
            self._diagnostics.add("following gevent's threads", "its pools are not as known")
        end = begin_all(redirections)
        gevent.Greenlet.add_spawn_callback(self._spawned)

        def undo() -> None:
            end()
            gevent.Greenlet.remove_spawn_callback(self._spawned)

        return undo

    def _submitted(self, result: Any, *_: Any) -> None:
        self._waiting[id(result)] = self._context()

    def _taken(self, worker: Any, func: Any, args: Any, kwargs: Any, result: Any, *_: Any) -> None:
        with self._diagnostics.caught("handing a context over to a thread of gevent"):
            self._take_up(self._waiting.pop(id(result), None))

    def _eventlet(self, greenthread: Any) -> Callable[[], None]:
        def made(init: Any, thread: Any, parent: Any) -> None:
            init(thread, parent)
            self._spawned(thread)

        def spawned(spawn: Any, *args: Any) -> Any:
            timer, thread = spawn(*args)
            self._spawned(thread)
            return timer, thread

        return begin_all(
            [Redirection(greenthread.GreenThread, "__init__", made)],
            [Redirection(greenthread, EVENTLET_SPAWN, spawned)],
        )

    def _spawned(self, greenlet: Any) -> None:
        """Make the spawner's context current where a greenlet will run, and nothing else."""
        with self._diagnostics.caught("handing a context over to a greenlet"):
            context = self._context()
            if context is not None and greenlet.gr_context is None:
                variables = contextvars.Context()
                variables.run(contexts.attach, context)
                greenlet.gr_context = variables
