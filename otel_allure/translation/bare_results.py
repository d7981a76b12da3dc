"""The last resort: who it is and how it ended, from as little as possible."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from allure_commons.model2 import (
    Label,
    Parameter,
    StatusDetails,
    TestBeforeResult,
    TestResult,
    TestResultContainer,
)

from otel_allure.model import conventions as c
from otel_allure.model.outcome import BROKEN, FAILED, PASSED, UNKNOWN
from otel_allure.model.spans import Span, is_container, is_test
from otel_allure.model.texts import encodable, text_of, type_name
from otel_allure.presentation.presentation import Presentation
from otel_allure.translation.attributes import (
    NOT_SHOWN,
    STATUSES,
    rows_at,
    service_of_resource,
    text_at,
)
from otel_allure.translation.identity import digest_of, item_uuid


def bare_result(span: Span, presentation: Presentation, error: Exception) -> TestResult:
    """Return the result of a test, or of another root, that could not be translated."""
    a, redaction = span.attributes, presentation.redaction
    name = span.name if c.KIND in a else _safely(text_at, a, c.TEST_CASE_NAME) or span.name
    own = _safely(text_at, a, c.FULL_NAME) or _safely(text_at, a, c.PYTEST_NODE_ID)
    full_name = own or f"{_safely(service_of_resource, span)}#{name}"
    known_by = full_name if is_test(span) else f"{full_name}#{span.trace_id}#{span.span_id}"
    start = span.start_ns // 1_000_000
    labels = _safely(lambda: list(rows_at(span, c.LABEL_NAMES, c.LABEL_VALUES))) or []
    result = TestResult(
        uuid=item_uuid(span),
        name=bare(name, redaction.identity) or bare(full_name, redaction.identity),
        fullName=bare(full_name, redaction.identity),
        testCaseId=_safely(text_at, a, c.TEST_CASE_ID) or digest_of(full_name),
        historyId=_safely(text_at, a, c.HISTORY_ID) or digest_of(known_by),
        status=bare_status(span),
        start=start,
        stop=max(start, (span.end_ns or 0) // 1_000_000),
        labels=[
            Label(name=label or "", value=bare(value or "", partial(redaction.label, label or "")))
            for label, value in labels or [("framework", "opentelemetry")]
        ],
        parameters=[loss_of("all but its outcome", error, presentation)],
    )
    told = _safely(text_at, a, c.MESSAGE) or span.status_message
    message = _safely(presentation.redaction.text, told) if told else None
    if message:
        result.statusDetails = StatusDetails(message=message)
    return result


def bare_roots(spans: list[Span]) -> list[Span]:
    """Return what becomes a result: the tests, else what has no parent here, else anything."""
    ids = {span.span_id for span in spans}
    return (
        [span for span in spans if span.attributes.get(c.KIND) != c.STEP and is_test(span)]
        or [span for span in spans if span.parent_id not in ids]
        or spans[:1]
    )


def bare_container(
    spans: list[Span], children: Sequence[str], presentation: Presentation, error: Exception
) -> TestResultContainer | None:
    """Return the container of a fixture that could not be translated."""
    root = next((span for span in spans if is_container(span)), None)
    if root is None:
        return None
    name, start = bare(root.name, presentation.redaction.text), root.start_ns // 1_000_000
    stop = max(start, (root.end_ns or 0) // 1_000_000)
    fixture = TestBeforeResult(name=name, start=start, stop=stop, status=bare_status(root))
    fixture.parameters = [loss_of("all but its outcome", error, presentation)]
    return TestResultContainer(
        uuid=item_uuid(root),
        name=name,
        children=list(children),
        start=start,
        stop=stop,
        befores=[fixture],
    )


def bare_status(span: Span) -> str:
    """Return how a span ended, from its plainest attributes."""
    a = span.attributes
    if span.end_ns is None:
        return UNKNOWN
    told = a.get(c.STATUS)
    if told is not None:
        return told if told in STATUSES else UNKNOWN
    if a.get(c.TEST_CASE_RESULT_STATUS) == "fail":
        return FAILED
    return BROKEN if c.KIND not in a and span.status == "error" else PASSED


def bare(text: str, mask: Callable[[str], str]) -> str:
    """Return a name without secrets. If those cannot be looked for, it is without its values."""
    masked = _safely(mask, text)
    return encodable(text).partition("[")[0] if masked is None else str(masked)


def loss_of(what: str, error: Exception, presentation: Presentation) -> Parameter:
    """Return a note of what is not shown, as a parameter."""
    told = _safely(presentation.redaction.text, text_of(error))
    value = ": ".join(filter(None, (what, type_name(error), told)))
    return Parameter(name=NOT_SHOWN, value=value, excluded=True)


def _safely(function: Callable[..., Any], *arguments: Any) -> Any:
    """Return what `function` does, None if it raises."""
    try:
        return function(*arguments)
    except Exception:
        return None
