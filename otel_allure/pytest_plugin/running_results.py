"""Tests that run -> results on disk, so that the report has them however the process ends.

The result is there, under its final name, before the test begins to run. What happens in the test
follows at once, as long as all of that takes no more than a small part of the time that passes:
what a write has cost is paid off before the next one, and some credit is saved meanwhile. So steps
that take their time are on disk when they begin; of a crowd of short ones the last may be missing.
No thread waits for the next time: others count threads, and beside one a fork is not safe.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from otel_allure.model import conventions as c
from otel_allure.model.clock import now_ns, worked_ns
from otel_allure.model.outcome import BROKEN, FAILED, PASSED
from otel_allure.model.rows import Parameter
from otel_allure.model.spans import Attributes, Span
from otel_allure.output.report import NEVER, Report
from otel_allure.output.running_file import ENDED
from otel_allure.presentation.presentation import Presentation
from otel_allure.presentation.values import cut
from otel_allure.pytest_plugin.test_attempt import SoFar, TestAttempt
from otel_allure.recording.running_item import RunningItem, parameter_arrays
from otel_allure.recording.tracer import RecordingSpan
from otel_allure.redaction.redaction import Redaction
from otel_allure.translation.attributes import parameters_of, rows_at, text_at
from otel_allure.translation.identity import item_uuid
from otel_allure.translation.plain_test import times_of_test

EARLIER = "… {:,} earlier steps are not shown"
MOST_STEPS = 500
"""So many that have ended are shown, the last ones; what is still open always is."""
_DEEPEST = 100
"""Levels of steps; deeper ones are shown flat."""
_SHARE = 50
"""One part in so many of the time is spent on it."""
_SAVED_NS = 4_000_000_000
"""Time whose share may be spent at once."""
_SLOW_NS = 50_000_000
_LEAST_NS = 500_000
_PATIENCE_S = 1.0
_TRANSPARENT = (c.TEST, c.PHASE, c.CONTAINER, c.SESSION)
_Json = dict[str, Any]


class RunningResults:
    """The results of the tests that run.

    Args:
        report: where they are written.
        spans: returns what is known of the spans that are shown in these traces.
    """

    def __init__(
        self, report: Report, spans: Callable[[set[int]], Iterable[RecordingSpan | Span]]
    ) -> None:
        self._report = report
        self._spans = spans
        self._results: dict[int, _RunningResult] = {}
        self._last_cost_ns = 0
        self._shared: _Shared | None = None
        self._writing = threading.Lock()

    def begin(self, attempt: TestAttempt) -> None:
        """Write the result of an attempt that begins."""
        report = self._report
        redaction = report.presentation.redaction
        if self._shared is None or self._shared.known is not redaction.known:
            self._shared = _Shared(redaction.known, {})
        result = _RunningResult(attempt, report.presentation, self._shared)
        # That it cannot be written is told when the last word about the test cannot be, too.
        with report.diagnostics.caught("noting what runs"), suppress(OSError):
            report.directory.write_running(result.so_far([], now_ns()))
            self._results[attempt.trace_id] = result
            if report.on_change is None:
                report.on_change, report.due_ns = self.note, 0

    def end(self, attempt: TestAttempt) -> None:
        """Note that the last word about an attempt is about to be written.

        The report is told how to have that without a translation, where nothing has happened in
        the test: it is what was there from the start, but for how it ended.
        """
        # What another thread is writing must be there before the last word, not after it.
        is_free = self._writing.acquire(timeout=_PATIENCE_S)
        try:
            result = self._results.pop(attempt.trace_id, None)
        finally:
            if is_free:
                self._writing.release()
        if result is not None:
            self._report.plain_results[attempt.trace_id] = result.last_word

    def forget(self) -> None:
        """Leave all of it to the process that this one was forked from."""
        self._results.clear()
        self._writing = threading.Lock()  # a thread that is not here may hold it
        self._report.on_change, self._report.due_ns = None, NEVER

    def note(self, trace_id: int, item: RunningItem | None = None) -> None:
        """Write what has happened, in the test with that trace or in a fixture that it waits for.

        Args:
            trace_id: where it has happened.
            item: the step or fixture that it has happened to, if it is one of ours.
        """
        if not self._results or not self._writing.acquire(blocking=False):
            return
        report, start_ns, worked_before_ns = self._report, now_ns(), worked_ns()
        try:
            result = self._results.get(trace_id) or self._waiting(item)
            if result is None:
                return
            with report.diagnostics.caught("noting what runs"), suppress(OSError, RecursionError):
                spans = [_Seen.of(span) for span in self._spans({result.trace_id, trace_id})]
                report.directory.write_running(result.so_far(spans, start_ns))
        finally:
            took_ns = now_ns() - start_ns
            # That others had the processor meanwhile is no cost; a slow disk is.
            cost_ns = took_ns if took_ns >= _SLOW_NS else worked_ns() - worked_before_ns
            # Nor is what is done once, patterns that are compiled for example.
            counted_ns = min(cost_ns, 4 * self._last_cost_ns + _LEAST_NS)
            self._last_cost_ns = cost_ns
            report.due_ns = max(report.due_ns, start_ns - _SAVED_NS) + _SHARE * counted_ns
            self._writing.release()

    def _waiting(self, item: RunningItem | None) -> _RunningResult | None:
        """Return the result of the test that waits for a fixture of a wider scope."""
        results = list(self._results.values())
        test = None if item is None else item.test
        its = (result for result in results if result.attempt.test is test)
        return next(its, results[0] if len(results) == 1 else None)


class _Seen(NamedTuple):
    """What is known of a span by now.

    Attributes:
        kind: what it is to Allure, None for one from instrumentation.
        attributes: of a step that runs, what it was told so far.
        span: itself.
    """

    span_id: int
    parent_id: int | None
    start_ns: int
    end_ns: int | None
    kind: str | None
    name: str
    attributes: Mapping[str, Any]
    span: RecordingSpan | Span

    @classmethod
    def of(cls, span: RecordingSpan | Span) -> _Seen:
        owner = None if isinstance(span, Span) else span.owner
        if owner is None or span.end_ns is not None:
            name, told, kind = span.name, span.attributes, span.attributes.get(c.KIND)
        else:
            name, told, kind = owner.title, owner.told(), owner.kind
        return cls(span.span_id, span.parent_id, span.start_ns, span.end_ns, kind, name, told, span)


class _RunningResult:
    """What the result of a test would be if the process ended now."""

    def __init__(self, attempt: TestAttempt, presentation: Presentation, shared: _Shared) -> None:
        self.attempt = attempt
        self.trace_id = attempt.trace_id
        self._base = self._presentation = presentation
        self._base_knows = presentation.redaction.known
        self._shared = shared
        self._searched: set[int] = set()
        self._ended: dict[int, _Json] = {}
        self._head: _Json = {}
        self._head_is_of: object = None
        self._seen_state: object = None
        self._is_masked = False

    def last_word(self, test: Span, phases: list[Span]) -> _Json | None:
        """Return the result of a test that was no more than its phases.

        None where something in it is masked: what that is, is counted by the translation.

        Args:
            test: the span of the test, which has ended.
            phases: those of its phases.
        """
        self._follow_variables()
        with self._without_counts():
            head = self._test()
            details = self._details_of(test.attributes)
        if self._is_masked:
            return None
        result = {**head, "status": test.attributes.get(c.STATUS, PASSED)}
        if details:
            result["statusDetails"] = details
        result["start"], result["stop"] = times_of_test(test, phases)
        return result

    @contextmanager
    def _without_counts(self) -> Iterator[None]:
        """Count nothing that is masked: it counts when it is written at last."""
        counts = self._presentation.redaction.counts
        before = dict(counts)
        try:
            yield
        finally:
            if counts != before:
                self._is_masked = True
                counts.clear()
                counts.update(before)

    def _details_of(self, attributes: Attributes) -> _Json:
        text, longest = self._presentation.redaction.text, self._presentation.settings.max_message
        told = {"message": attributes.get(c.MESSAGE), "trace": attributes.get(c.TRACE)}
        return {name: cut(text(its), longest) for name, its in told.items() if its}

    def _follow_variables(self) -> None:
        """Mask what was put into a variable since."""
        if self._base.redaction.known is not self._base_knows:
            self._presentation, self._base_knows = self._base, self._base.redaction.known
            self._searched.clear()
            self._ended.clear()
            self._head_is_of = None

    def so_far(self, spans: list[_Seen], at_ns: int) -> _Json:
        """Return it as its JSON has it, with what is known of its spans at that time."""
        self._follow_variables()
        redaction = self._presentation.redaction
        self._know(redaction.secrets_of(s for s in spans if s.span_id not in self._searched))
        self._searched.update(span.span_id for span in spans if span.end_ns is not None)
        now_ms = at_ns // 1_000_000
        with self._without_counts():
            details = {"status": BROKEN, "statusDetails": self._details()}
            steps = self._steps(spans, now_ms) if spans else []
            return {**self._test(), **details, "stop": now_ms, "steps": steps}

    def _know(self, secrets: set[str]) -> None:
        """Mask these from now on, also in what is there already."""
        redaction = self._presentation.redaction
        knowing = redaction.knowing(secrets)
        if knowing is not redaction:
            self._presentation = Presentation(self._presentation.settings, knowing)
            self._ended.clear()
            self._head_is_of = None

    # -- the test

    def _test(self) -> _Json:
        """Return all but its steps, and how it ends."""
        state = self._state()
        if self._head_is_of is None or state != self._seen_state:
            told = self.attempt.so_far()
            its = told._replace(
                labels=list(told.labels), links=list(told.links), parameters=list(told.parameters)
            )
            if (its, state[0]) != self._head_is_of:
                self._know(self._presentation.redaction.secrets_among(told.parameters))
                self._head, self._head_is_of = self._head_of(told), (its, state[0])
            self._seen_state = state
        return self._head

    def _state(self) -> tuple[object, ...]:
        """Return what tells whether the test was told something; first its attachments."""
        attempt, test = self.attempt, self.attempt.test
        lists = test._attachments or (), test.labels, test.links, test._parameters or ()
        texts = test.title, test.description, test.description_html
        return (*map(len, lists), *texts, len(attempt.told), attempt.identified)

    def _head_of(self, told: SoFar) -> _Json:
        test, redaction = self.attempt.test, self._presentation.redaction
        its, text = redaction.identity, redaction.text
        a: _Json = told.identity
        span: Any = test.span
        full_name, history_id = a[c.FULL_NAME], a[c.HISTORY_ID]
        head = {
            "uuid": item_uuid(span),
            "name": its(told.title) or its(full_name),
            "fullName": its(full_name),
            "titlePath": [its(part) for part in a[c.TITLE_PATH] if part],
            "testCaseId": a[c.TEST_CASE_ID],
            "historyId": history_id,
            "labels": self._labels_of(told),
            "start": span.start_ns // 1_000_000,
        }
        if told.description:
            head["description"] = text(told.description)
        if told.description_html:
            head["descriptionHtml"] = text(told.description_html)
        if told.links:
            names = ("url", "name", "type")
            head["links"] = [
                _filled(zip(names, (text(url), text(name), kind), strict=True))
                for url, name, kind in told.links
            ]
        if told.parameters or test._attachments:
            attributes = {**test.told(), **parameter_arrays(told.parameters)}
            head |= self._told(attributes, history_id)
        return head

    def _labels_of(self, told: SoFar) -> list[_Json]:
        """Return the labels as they are shown; tests side by side have the same."""
        redaction, key = self._presentation.redaction, tuple(told.labels)
        if redaction.known is not self._shared.known:
            return _shown(told.labels, redaction)
        if key not in self._shared.labels:
            self._shared.labels[key] = _shown(told.labels, redaction)
        return self._shared.labels[key]

    def _details(self) -> _Json:
        text, outcome = self._presentation.redaction.text, self.attempt.outcome
        details = {"message": ENDED.format("test")}
        if outcome is not None and outcome.status in (FAILED, BROKEN):
            details["message"] += f".\n\n{text(outcome.message or '')}".rstrip()
            if outcome.trace:
                details["trace"] = text(outcome.trace)
        return details

    def _told(self, attributes: Mapping[str, Any], identity: str | None = None) -> _Json:
        """Return parameters and attachments, of those that have some."""
        redaction, told = self._presentation.redaction, _Attributes(attributes)
        found: _Json = {}
        if c.PARAMETER_NAMES in attributes:
            found["parameters"] = list(map(_parameter, parameters_of(told, redaction, identity)))
        if c.ATTACHMENT_SOURCES in attributes:
            names = (c.ATTACHMENT_NAMES, c.ATTACHMENT_SOURCES, c.ATTACHMENT_TYPES)
            rows = rows_at(told, *names)
            found["attachments"] = [
                _filled([("name", redaction.text(name or source)), ("source", source), ("type", k)])
                for name, source, k in rows
                if source
            ]
        return found

    # -- steps

    def _steps(self, spans: list[_Seen], now_ms: int) -> list[_Json]:
        top: list[_Json] = []
        shown = {span.span_id: span for span in spans if span.end_ns is not None}
        if (excess := len(shown) - MOST_STEPS) > 0:
            shown = dict(list(shown.items())[excess:])
            top.append({"name": EARLIER.format(excess), "status": PASSED})
        shown = {span.span_id: span for span in spans if span.end_ns is None} | shown
        below: dict[int | None, tuple[list[_Json], int]] = {}
        for span in sorted(shown.values(), key=lambda span: span.start_ns):
            holder, depth = below.get(span.parent_id, (top, 0))
            if span.kind not in _TRANSPARENT:
                step = self._ended.get(span.span_id) or self._step(span, now_ms)
                holder.append(step)
                steps: list[_Json] = step["steps"]
                steps.clear()
                if depth < _DEEPEST:
                    holder, depth = steps, depth + 1
            below[span.span_id] = holder, depth
        return top

    def _step(self, span: _Seen, now_ms: int) -> _Json:
        text, a = self._presentation.redaction.text, span.attributes
        step: _Json = {"name": self._title(span), "steps": [], "start": span.start_ns // 1_000_000}
        message = None
        if span.end_ns is None:
            step |= {"status": BROKEN, "stop": now_ms}
            message = ENDED.format("step")
        else:
            step |= {"status": a.get(c.STATUS, PASSED), "stop": span.end_ns // 1_000_000}
            message = text_at(a, c.MESSAGE)
            self._ended[span.span_id] = step
        if message:
            step["statusDetails"] = {"message": text(message)}
        if span.kind is not None:
            step |= self._told(a)
        return step

    def _title(self, span: _Seen) -> str:
        if span.kind is not None:
            return self._presentation.redaction.text(span.name) or "…"
        record = span.span if isinstance(span.span, Span) else span.span.record()
        return self._presentation.title(record)


def _shown(labels: Iterable[tuple[str, str]], redaction: Redaction) -> list[_Json]:
    return [{"name": name, "value": redaction.label(name, value)} for name, value in labels]


def _parameter(parameter: Parameter) -> _Json:
    name, value, mode, excluded = parameter
    its: _Json = {"name": name, "value": value, "mode": mode, "excluded": excluded}
    return {field: told for field, told in its.items() if told or field in ("name", "value")}


def _filled(fields: Iterable[tuple[str, str | None]]) -> _Json:
    return {name: value for name, value in fields if value}


class _Shared(NamedTuple):
    """What tests have in common: labels as they are shown, with these secrets masked."""

    known: object
    labels: dict[tuple[tuple[str, str], ...], list[_Json]]


class _Attributes(NamedTuple):
    attributes: Mapping[str, Any]
