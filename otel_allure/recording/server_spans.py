"""A request that carries `traceparent` belongs where its client is, whoever serves it.

Instrumentations of WSGI and ASGI servers look at the headers only where no span is current. In a
thread that a step has started, or in the test itself, one of ours is. So where that is all that
stands in the way, they are asked as if there were none.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from opentelemetry import context as context_api
from opentelemetry.context import Context
from opentelemetry.propagate import extract
from opentelemetry.trace import get_current_span

from otel_allure.compat.opentelemetry import START_SERVER_SPAN
from otel_allure.compat.redirect import Redirection
from otel_allure.recording import contexts
from otel_allure.recording.contexts import SPAN
from otel_allure.recording.tracer import RecordingSpan

_MODULE = "opentelemetry.instrumentation.utils"


class ServerSpans:
    """Sends requests to their clients, from the first `refresh` that finds any, until `stop`."""

    def __init__(self) -> None:
        self._end: Callable[[], None] | None = None

    def refresh(self) -> None:
        """Follow the instrumentations of servers, if any has been imported by now."""
        module = sys.modules.get(_MODULE)
        if self._end is None and module is not None:
            self._end = Redirection(module, START_SERVER_SPAN, _started).begin()

    def stop(self) -> None:
        """Put everything back."""
        if self._end is not None:
            self._end()
            self._end = None


def _started(
    start: Callable[..., tuple[Any, Any]],
    tracer: Any,
    span_name: str,
    start_time: Any,
    context_carrier: Any,
    context_getter: Any,
    *more: Any,
) -> tuple[Any, Any]:
    arguments = (tracer, span_name, start_time, context_carrier, context_getter, *more)
    if type(get_current_span()) is not RecordingSpan or not _is_sent(
        context_carrier, context_getter
    ):
        return start(*arguments)
    # What the caller is given takes back both: what is attached here, and what is in there.
    token = context_api.attach(_without_span(contexts.current()))
    return start(*arguments)[0], token


def _is_sent(carrier: Any, getter: Any) -> bool:
    """Whether the headers of a request name a span; what cannot be read names none."""
    try:
        sent = extract(carrier, Context(), getter)
        return get_current_span(sent).get_span_context().is_valid
    except Exception:  # of a propagator or carrier of users: without us, nobody would have asked
        return False


def _without_span(context: Context) -> Context:
    return Context({key: value for key, value in context.items() if key != SPAN})
