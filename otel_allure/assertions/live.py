"""The trace of a test that runs, and what the report is told of what is expected of it."""

from __future__ import annotations

import weakref
from collections.abc import (
    Awaitable,
    Callable,
    Collection,
    Coroutine,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from otel_allure.assertions.arguments import check_count, check_function, check_seconds
from otel_allure.assertions.criteria import Criteria, Status, Text, criteria, shown
from otel_allure.assertions.errors import InconclusiveError, TraceUsageError, hidden
from otel_allure.assertions.expectations import Failure
from otel_allure.assertions.selection import Selection
from otel_allure.assertions.texts import failure_text
from otel_allure.assertions.trace import BaseTrace
from otel_allure.assertions.view import View
from otel_allure.assertions.waiting import Eventual, Wait, Waited, not_awaited
from otel_allure.model import conventions as c
from otel_allure.model.clock import now_ns
from otel_allure.model.outcome import BROKEN, FAILED
from otel_allure.model.spans import Span, is_test
from otel_allure.recording.active import active_recorder
from otel_allure.recording.recorder import Recorder
from otel_allure.recording.running_item import RunningTest
from otel_allure.recording.running_step import RunningStep
from otel_allure.recording.steps import Step

__tracebackhide__ = hidden

Running = tuple[Recorder, RunningTest]

_is_looking: ContextVar[bool] = ContextVar("otel_allure_is_looking", default=False)
"""Whether an expectation is only tried, see `Trace.eventually`: then nobody is told of it."""


class Asked:
    """What has become of the questions about a test's trace.

    Attributes:
        failed: texts of soft expectations that were not met.
        forgotten: what was never awaited.
    """

    def __init__(self) -> None:
        self.failed: list[str] = []
        self.forgotten: list[str] = []
        self._waits: weakref.WeakSet[Wait] = weakref.WeakSet()

    def wait(self, words: str, look: Callable[[bool], Any], timeout: float) -> Wait:
        """Return something to wait for, and remember it."""
        wait = Wait(words, look, timeout, self.forgotten)
        self._waits.add(wait)
        return wait

    def check_awaited(self) -> None:
        """Raise `TraceUsageError` if something is gone that had to be awaited."""
        if self.forgotten:
            asked = self.forgotten.pop(0)
            raise TraceUsageError(not_awaited(asked))

    def not_awaited(self) -> list[str]:
        """Return what had to be awaited, at the end of the test."""
        return self.forgotten + [wait.asked for wait in list(self._waits) if wait.is_waiting]


def asked_of(test: RunningTest) -> Asked:
    """Return what has become of the questions about the trace of a test."""
    if test.asked is None:
        test.asked = Asked()
    found: Asked = test.asked
    return found


class _MarkedBlock:
    """A block with a budget, as a step."""

    def __init__(self, step: RunningStep) -> None:
        self._step = step
        self.span_id = step.span.get_span_context().span_id

    def fail(self, text: str, offenders: Sequence[Span]) -> None:
        _mark(self._step, text, offenders, FAILED)


def _mark(step: RunningStep, text: str, offenders: Sequence[Span], status: Any) -> None:
    ids = [f"{span.span_id:016x}" for span in offenders]
    step.attributes = {**(step.attributes or {}), c.OFFENDERS: ids}
    step.set_status(status, text)
    if step.test is not None:
        step.test.span.set_attribute(c.HAS_FAILED_CHECKS, True)


class RecordedTest:
    """The spans of a test while it runs.

    Args:
        find: returns the recorder and the test; raises `TraceUsageError` where there is none.
    """

    def __init__(self, find: Callable[[], Running]) -> None:
        self._find = find

    def view(self, *, wider_fixtures: bool = False) -> View:
        """Return what is known by now."""
        self.asked().check_awaited()
        return self.look(wider_fixtures=wider_fixtures)

    def look(self, *, wider_fixtures: bool = False) -> View:
        """Return what is known by now, also while something is waited for."""
        recorder, test = self._find()
        trace_id = test.span.get_span_context().trace_id
        if test.ended or recorder.running.get(trace_id) is not test:
            raise TraceUsageError(_OVER)
        assert recorder.spans_so_far is not None
        spans = recorder.spans_so_far(trace_id)
        for other in _wider_fixtures(spans) if wider_fixtures else ():
            spans += recorder.spans_so_far(other)
        return View(spans, recorder.report.presentation, now_ns())

    def asked(self) -> Asked:
        """Return what has become of the questions."""
        return asked_of(self._find()[1])

    def services(self) -> Collection[str]:
        """Return the services that have reported something in this run."""
        return set(self._find()[0].report.services)

    def note(self, asked: str, text: str, offenders: Sequence[Span], *, is_soft: bool) -> None:
        """Show an expectation as a step, where the caller runs."""
        if _is_looking.get():
            return
        with Step(asked) as step:
            step.attributes = {c.CHECK: asked}
            if text:
                _mark(step, text, offenders, BROKEN if _is_inconclusive(text) else FAILED)
        if text and is_soft:
            self.asked().failed.append(text)

    @contextmanager
    def block(self, title: str) -> Iterator[_MarkedBlock]:
        """Make a step of a block."""
        with Step(title) as step:
            step.attributes = {c.CHECK: title}
            yield _MarkedBlock(step)


def _wider_fixtures(spans: Iterable[Span]) -> set[int]:
    """Return the ids of the traces of fixtures that a test shares with others: it links to them."""
    links = (link for span in spans if is_test(span) for link in span.links)
    return {link.trace_id for link in links if link.attributes.get(c.KIND) == c.CONTAINER}


def _is_inconclusive(text: str) -> bool:
    return ": inconclusive, " in text.partition("\n")[0]


_OVER = (
    "the test is over: its trace can be asked while it runs, in the test itself, in what it calls"
    " and in its fixtures. Afterwards it is in the report, or in otel_allure.testing.Results"
)


class Trace(BaseTrace):
    """The trace of a test that runs: what `BaseTrace` has, and waiting."""

    _source: RecordedTest

    def wait_for(
        self,
        name: Text | None = None,
        *,
        timeout: float = 5.0,
        count: int = 1,
        kind: str | None = None,
        service: Text | None = None,
        scope: Text | None = None,
        status: Status | None = None,
        attributes: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> Waited:
        """Wait until spans have ended: of this process, of children, or of other services.

        In a coroutine it has to be awaited: `await trace.wait_for("process order")`.

        Args:
            name: as `find` has it, as what follows `count`.
            timeout: for so many seconds.
            count: until there are so many.
            kind: as `find` has it.
            service: as `find` has it.
            scope: as `find` has it.
            status: as `find` has it.
            attributes: as `find` has it.
            more: as `find` has it.

        Returns:
            The spans, as a `Selection`.

        Raises:
            TraceAssertionError: if they have not ended in time.
            InconclusiveError: if the service that was asked for has reported nothing in this run.
            TraceUsageError: if nothing can be selected so, and if it was not awaited.
        """
        asked = criteria(name, kind, service, scope, status, attributes, more)
        if asked == Criteria():
            raise TraceUsageError(f'wait for what? {self._how}.wait_for("process order")')
        check_seconds(f"timeout={timeout!r}", timeout)
        check_count(f"count={count!r}", count, 1)
        words = ", ".join(filter(None, (str(asked), f"timeout={timeout:g}")))
        words = f"{self._how}.wait_for({words}{f', count={count}' if count > 1 else ''})"

        def look(is_last: bool) -> Selection | None:
            found = self._ended(asked, words)
            if len(found) >= count or is_last:
                return self._waited(found, words, count, timeout)
            return None

        return Waited.started(self._source.asked().wait(words, look, timeout))

    def _ended(self, asked: Criteria, words: str) -> Selection:
        view = self._source.look(wider_fixtures=self._is_in_fixture)
        spans = self._in_scopes(view) or []
        its = [span for span in spans if asked.accept(span, view.title)]
        return Selection(
            self,
            view,
            [span for span in its if span.end_ns is not None],
            words,
            asked_for=asked,
            pool=spans,
        )

    def _waited(self, found: Selection, words: str, count: int, timeout: float) -> Selection:
        failure = None
        if len(found) < count:
            failure = found.missing(f"{count} that ended within {timeout:g} s")
            running = found.unended()
            if running:
                failure = Failure(
                    expected=failure.expected,
                    found=f"{len(found)}, and {len(running)} that has not ended",
                    offenders=running,
                )
        self.judge(words, failure, found.view)
        return found

    def eventually(self, check: Callable[[], object], *, timeout: float = 5.0) -> Eventual:
        """Try a function until it raises no AssertionError, and returns nothing that is not so.

        What is not so is False, 0, and an empty selection of which nothing is expected.
        In a coroutine it has to be awaited.

        Args:
            check: asks the trace, as `lambda: trace.sql.exactly(3)`; no coroutine function.
            timeout: for so many seconds; then what it raised last is raised.
        """
        check_seconds(f"timeout={timeout!r}", timeout)
        check_function(f"eventually({check!r})", check, _EXAMPLE)
        if isinstance(check, Selection):
            raise TraceUsageError(f"eventually({check!r}): it takes a function, as {_EXAMPLE}")
        asked = self._source.asked()
        words = f"{self._how}.eventually({shown(check)}, timeout={timeout:g})"

        def look(is_last: bool) -> bool | None:
            token, failed_before = _is_looking.set(not is_last), len(asked.failed)
            try:
                answer = check()
                if not _is_met(answer):
                    failure = Failure(expected="that it is so", found=shown(answer))
                    self.judge(words, failure, self._source.look())
            except (AssertionError, InconclusiveError) as error:
                if is_last and not self._is_soft:
                    raise
                if is_last:
                    self._source.note(words, str(error), (), is_soft=True)
                return None
            except TraceUsageError as error:  # nothing may have happened yet
                if is_last or isinstance(error, _NoFunctionError):
                    raise
                return None
            finally:
                _is_looking.reset(token)
            if len(asked.failed) == failed_before:
                self.judge(words, None, self._source.look())
            return True

        return Eventual(asked.wait(words, look, timeout))

    def judge(self, asked: str, failure: Failure | None, view: View) -> None:
        """Take note of an expectation; while one is only tried, soft ones are raised, too."""
        if failure is not None and _is_looking.get():
            raise AssertionError(failure_text(asked, failure, view))
        super().judge(asked, failure, view)


_EXAMPLE = "lambda: trace.sql.exactly(3)"


class _NoFunctionError(TraceUsageError):
    """What was to be tried is no function that can be."""


def _is_met(answer: object) -> bool:
    """Whether what a function returns, that asks, is as it should be."""
    if isinstance(answer, Awaitable) and not isinstance(answer, Selection):
        if isinstance(answer, Coroutine):
            answer.close()
        raise _NoFunctionError(f"eventually: it takes no coroutine function, but {_EXAMPLE}")
    is_checked = isinstance(answer, Selection) and answer.is_checked
    return answer is None or is_checked or bool(answer)


def _running_here() -> Running:
    recorder = active_recorder()
    if recorder is None or recorder.spans_so_far is None:
        raise TraceUsageError(
            "no test is recorded here: run pytest with --alluredir, or request the fixture `trace`,"
            ' by @pytest.mark.usefixtures("trace") where tests have no arguments'
        )
    test = recorder.test()
    if test is None:
        raise TraceUsageError(
            "no test runs here, or several do and nothing tells which of them is asked for: request"
            " the fixture `trace`"
        )
    return recorder, test


trace = Trace(RecordedTest(_running_here))
"""The trace of the running test, for code that has no fixtures."""
