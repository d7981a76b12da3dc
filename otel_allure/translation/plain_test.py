"""Most tests are no more than their phases: then nothing has to be translated.

What such a test is called is known from its beginning, so its result is made there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from otel_allure.model import conventions as c
from otel_allure.model.outcome import PASSED, SKIPPED
from otel_allure.model.settings import Settings
from otel_allure.model.spans import Span, kind_of
from otel_allure.translation.identity import item_uuid

PlainResult = Callable[[Span, list[Span]], Mapping[str, Any] | None]
"""Returns the result of a test that is no more than its phases, as its JSON has it; None where
the translation knows more. It is given the span of the test and those of its phases."""
_TOLD = frozenset(
    {
        *(c.KIND, c.STATUS, c.MESSAGE, c.TRACE, c.TEST_CASE_NAME, c.TEST_CASE_RESULT_STATUS),
        *(c.FULL_NAME, c.TITLE_PATH, c.TEST_CASE_ID, c.HISTORY_ID),
        *(c.DESCRIPTION, c.DESCRIPTION_HTML, c.LABEL_NAMES, c.LABEL_VALUES),
        *(c.LINK_URLS, c.LINK_NAMES, c.LINK_TYPES),
        *(c.PARAMETER_NAMES, c.PARAMETER_VALUES, c.PARAMETER_MODES, c.PARAMETER_EXCLUDED),
        *(c.ATTACHMENT_NAMES, c.ATTACHMENT_SOURCES, c.ATTACHMENT_TYPES),
        *("code.file.path", "code.line.number"),
    }
)
"""What a test is told by the plugin and by `allure.dynamic`. More is for the translation."""
_SHOWN = (c.STATUS, c.MESSAGE, c.CONTAINER_ID, c.ATTACHMENT_SOURCES, c.PARAMETER_NAMES)
"""What a fixture is shown for."""
_OF_PHASES = frozenset({c.KIND, c.PHASE_NAME})


def is_plain(spans: Iterable[Span], settings: Settings) -> bool:
    """Whether spans are a test that has passed or was skipped, its phases, and no more.

    Fixtures of plugins do not count, where they are left out.
    """
    tests = 0
    above, left_out = set(), set()
    for span in spans:
        kind = kind_of(span)
        if span.end_ns is None or span.events:
            return False
        if kind == c.TEST:
            tests += 1
            is_good = span.attributes.get(c.STATUS, PASSED) in (PASSED, SKIPPED)
            if not (is_good and span.attributes.keys() <= _TOLD):
                return False
        elif span.links:
            return False
        elif kind == c.FIXTURE and is_left_out(span, settings):
            left_out.add(span.span_id)
        elif kind != c.PHASE or span.attributes.keys() != _OF_PHASES:
            return False
        above.add(span.parent_id)
    return tests == 1 and above.isdisjoint(left_out)


def is_left_out(fixture: Span, settings: Settings) -> bool:
    """Whether a fixture that a plugin has made is not shown, unless there is something below it."""
    a = fixture.attributes
    if c.OF_PLUGIN not in a or settings.fixtures != "own" or fixture.end_ns is None:
        return False
    is_slow = 0 < settings.slow_ms * 1_000_000 <= fixture.end_ns - fixture.start_ns
    return not is_slow and a.keys().isdisjoint(_SHOWN)


def _milliseconds(span: Span) -> tuple[int, int]:
    start = span.start_ns // 1_000_000
    return start, max(start, (span.end_ns or 0) // 1_000_000)


def times_of_test(
    test: Span,
    phases: list[Span],
    milliseconds: Callable[[Span], tuple[int, int]] = _milliseconds,
) -> tuple[int, int]:
    """Return start and stop of a test in ms: those of its call, without set-up and tear-down.

    A test that did not come to its call took no time: what its fixtures took is said of them.

    Args:
        test: its span.
        phases: those of its phases.
        milliseconds: returns start and stop of a span.
    """
    for phase in phases:
        if phase.attributes.get(c.PHASE_NAME) == "call":
            return milliseconds(phase)
    start, stop = milliseconds(test)
    return start, start if phases else stop


def uses_of(test: Span) -> Iterator[tuple[tuple[int, int], str]]:
    """Yield which containers' spans a test has used, and its uuid."""
    for link in test.links:
        if link.attributes.get(c.KIND) == c.CONTAINER:
            yield (link.trace_id, link.span_id), item_uuid(test)
