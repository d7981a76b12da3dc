"""Why a wider fixture failed, for the tests that fail by it: its trace is not theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from otel_allure.model import conventions as c
from otel_allure.model.outcome import Outcome
from otel_allure.model.spans import Span
from otel_allure.presentation.presentation import Presentation
from otel_allure.pytest_plugin.fixtures import FixtureLife
from otel_allure.recording.running_item import RunningItem

_PARTS = {"setup": "before", "teardown": "after"}
"""What of a fixture fails in which phase of a test."""


def cause_in_fixtures(
    lives: Iterable[FixtureLife],
    phase: str,
    outcome: Outcome,
    spans_of: Callable[[int], Iterable[Span]],
    presentation: Presentation,
) -> str | None:
    """Return where it broke first, where a wider fixture did; None where none is to blame.

    Args:
        lives: the wider fixtures of the test, and others that were torn down with it.
        phase: in which the test has failed.
        outcome: what it comes to.
        spans_of: returns what is known of a trace, by its id.
        presentation: which errors count, and how they read.
    """
    for life in (life for life in lives if life.container is not None):
        for part in life.parts:
            if _breaks(part, phase, outcome):
                if part not in life.causes:  # many tests may fail by it
                    life.causes[part] = _cause(part, spans_of, presentation)
                if life.causes[part]:
                    return life.causes[part]
    return None


def _breaks(part: RunningItem, phase: str, outcome: Outcome) -> bool:
    """Whether what a part of a fixture has raised is what a test has failed by."""
    if (part.attributes or {}).get(c.PHASE_NAME) != _PARTS.get(phase):
        return False
    raised = (part.outcome.message or "").strip()
    return bool(raised) and raised in (outcome.message or "")


def _cause(
    part: RunningItem, spans_of: Callable[[int], Iterable[Span]], presentation: Presentation
) -> str | None:
    from otel_allure.translation.cause import cause_of
    from otel_allure.translation.span_tree import SpanTree

    context = part.span.get_span_context()
    tree = SpanTree(spans_of(context.trace_id))
    root = tree.by_id.get(context.span_id)
    if root is None or not tree.has_calls:
        return None
    presentation = presentation.knowing(tree.complete.values())
    found = cause_of(root, part.outcome.message or "", tree, presentation)
    return None if found is None else found.line
