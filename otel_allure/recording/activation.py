"""Makes a recorder the active one, and `allure.step` a span."""

from __future__ import annotations

from otel_allure.model.clock import now_ns
from otel_allure.recording.active import past_sessions, stack
from otel_allure.recording.allure_hooks import give_back, take_over
from otel_allure.recording.recorder import Recorder


def activate(recorder: Recorder) -> None:
    """Make `recorder` the active one, and `allure.step` a span, until `deactivate`.

    A test session goes on top; what an exporter brings along is there for when there is none.
    """
    stack.insert(len(stack) if recorder.is_session else 0, recorder)
    take_over()


def deactivate(recorder: Recorder) -> None:
    """Undo `activate`."""
    if recorder in stack:
        stack.remove(recorder)
        if recorder.is_session:
            past_sessions.append((recorder.since_ns, now_ns()))
        give_back()
