"""The recorder of the report that is being written, and what it says of the caller."""

from __future__ import annotations

from opentelemetry.context import Context
from opentelemetry.trace import SpanContext, get_current_span

from otel_allure.recording import contexts
from otel_allure.recording.adoption import Adopted
from otel_allure.recording.contexts import ITEM, LEFT, held
from otel_allure.recording.recorder import Recorder
from otel_allure.recording.running_item import item_in

stack: list[Recorder] = []
past_sessions: list[tuple[int, int]] = []
"""Start and end, in ns, of the test sessions of this process that are over."""


def active_recorder() -> Recorder | None:
    """Return the recorder of the report that is being written in this process."""
    return stack[-1] if stack else None


def note_problem(doing: str, detail: object) -> None:
    """Note a problem, if a report is being written."""
    recorder = active_recorder()
    if recorder is not None:
        recorder.diagnostics.add(doing, detail)


def is_isolated(*, by_default: bool) -> bool:
    """Whether what the caller does belongs to something that runs in isolation.

    Args:
        by_default: whether that is so where it belongs to nothing.
    """
    recorder = active_recorder()
    context = contexts.current() if recorder is None else recorder.base_context()
    return by_default if item_in(context) is None else contexts.ISOLATED in context


def context_to_hand_over() -> Context | None:
    """Return what whatever the caller starts is to have as its context, None for nothing.

    It is asked in users' code: nothing is raised.
    """
    recorder = active_recorder()
    if recorder is not None:
        with recorder.diagnostics.caught("handing a context over"):
            return recorder.context_to_hand_over()
    return None


def adopt(span: SpanContext, parent: SpanContext | None, context: Context | None) -> Adopted | None:
    """Note that a span of others has started here; return where the report shows it.

    Args:
        span: the span.
        parent: its parent, if it has one.
        context: the context that it was started in; default: the current one.
    """
    recorder = active_recorder()
    if recorder is None or not recorder.is_session:
        return None
    current = contexts.current()
    item = held(current, ITEM)
    is_over = item is not None and item.is_over
    above = get_current_span(context)
    anew = contexts.is_innermost(above) or above is held(current, LEFT)
    if parent is None or not parent.is_remote:  # else it is where its client is
        anew = anew or (is_over and not above.is_recording())
    return recorder.adoptions.started(span, parent, anew=anew)


def belongs_to_session(start_ns: int) -> bool:
    """Whether a test session reports the spans that started then: it needs no one to help."""
    recorder = active_recorder()
    if recorder is not None and recorder.is_session and start_ns >= recorder.since_ns:
        return True
    return any(since <= start_ns <= until for since, until in past_sessions)
