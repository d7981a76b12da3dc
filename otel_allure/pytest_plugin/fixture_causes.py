"""Why a wider fixture failed, for the tests that fail by it: its trace is not theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from otel_allure.model import conventions as c
from otel_allure.model.outcome import Outcome
from otel_allure.model.spans import Span
from otel_allure.presentation.presentation import Presentation
from otel_allure.pytest_plugin.fixtures import FixtureLife
from otel_allure.recording.running_item import RunningItem

_PARTS = {"setup": "before", "teardown": "after"}
"""What of a fixture fails in which phase of a test."""
_MOST_BEHIND = 20
SpansOf = Callable[[int], Iterable[Span]]
"""Returns what is known of a trace, by its id."""


def cause_in_fixtures(
    lives: Iterable[FixtureLife],
    others: Iterable[FixtureLife],
    phase: str,
    outcome: Outcome,
    spans_of: SpansOf,
    presentation: Presentation,
) -> str | None:
    """Return where it broke first, where a wider fixture did; None where none is to blame.

    Args:
        lives: the wider fixtures of the test, and others that were torn down with it.
        others: those whose set-up has failed; what one fixture raises another may have raised.
        phase: in which the test has failed.
        outcome: what it comes to.
        spans_of: returns what is known of a trace.
        presentation: which errors count, and how they read.
    """
    for life, part in _breaking(lives, phase, outcome):
        if part not in life.causes:  # many tests may fail by it
            errors = list(_chain(life.error)) if phase == "setup" else []
            inner = [o for o in others if o is not life and any(o.error is e for e in errors)]
            parts = (part, *(other.parts[0] for other in inner if other.container is not None))
            causes = (_cause(each, spans_of, presentation) for each in parts)
            life.causes[part] = next(filter(None, causes), None)
        if life.causes[part]:
            return life.causes[part]
    return None


def _breaking(
    lives: Iterable[FixtureLife], phase: str, outcome: Outcome
) -> Iterator[tuple[FixtureLife, RunningItem]]:
    """Yield the parts of wider fixtures that have raised what a test has failed by."""
    for life in lives:
        for part in life.parts if life.container is not None else ():
            its_phase = (part.attributes or {}).get(c.PHASE_NAME)
            raised = (part.outcome.message or "").strip()
            if its_phase == _PARTS.get(phase) and raised and raised in (outcome.message or ""):
                yield life, part


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and those behind it."""
    for _ in range(_MOST_BEHIND):
        if error is not None:
            yield error
            error = error.__cause__ or error.__context__


def _cause(part: RunningItem, spans_of: SpansOf, presentation: Presentation) -> str | None:
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
