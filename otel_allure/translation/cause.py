"""Where a failed test broke first: the root cause among the spans below it, in one line. Pure.

The cause is a call in error with no other one in error below it; of several the one that broke
first. An error that the test's own call got to see comes before one that was caught on the way or
made up for by a retry; of such a one the line says `perhaps`.

Where the error is a time-out, the cause is what used up the time, which may have no error at all:
its caller did not wait for the end.

Nothing is said where that is nothing new: an exception that has passed through the test's own
steps and spans is in the test's message.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from otel_allure.model import conventions as c
from otel_allure.model.outcome import BROKEN, FAILED
from otel_allure.model.spans import Span, is_test, kind_of, service_of
from otel_allure.presentation.domains.table import domains_of
from otel_allure.presentation.durations import duration
from otel_allure.presentation.errors import exception_of
from otel_allure.presentation.presentation import Presentation
from otel_allure.presentation.values import shortened
from otel_allure.translation.attributes import text_at
from otel_allure.translation.repeats import tries
from otel_allure.translation.span_tree import SpanTree

_LONGEST_ERROR = 300
_MOST_CALLERS = 8
_TELLING = 10  # characters
_TIME_OUT = re.compile(
    r"time[\s_-]?d?[\s_-]?out|deadline[\s_]?(?:was )?exceeded|HTTP (?:408|504)\b", re.IGNORECASE
)
_AUTHORS = (c.STEP, c.FIXTURE)


class Cause(NamedTuple):
    """Why a test failed.

    Attributes:
        line: what to say.
        above: ids of the spans above the cause, the test's own included.
    """

    line: str
    above: frozenset[int]


WithException = Callable[[Span], Span]
"""Gives a span the exception that it has logged, if it has no other."""


def cause_of(
    root: Span,
    message: str,
    tree: SpanTree,
    presentation: Presentation,
    with_exception: WithException = lambda span: span,
) -> Cause | None:
    """Return where it broke first below `root`, None where there is nothing new to say.

    Args:
        root: a test, or another result, that failed.
        message: what is said of it already.
        tree: the trace.
        presentation: which errors count, and how they read.
        with_exception: where else exceptions are.
    """
    known = text_at(root.attributes, c.CAUSE)
    if known:  # it is in another trace
        return Cause(presentation.redaction.text(known), frozenset())
    return _Search(root, message, tree, presentation, with_exception).cause()


class _Search:
    """The search for a cause below one root."""

    def __init__(
        self,
        root: Span,
        message: str,
        tree: SpanTree,
        presentation: Presentation,
        with_exception: WithException,
    ) -> None:
        self.root = root
        self.message = message
        self.tree = tree
        self.presentation = presentation
        self.with_exception = with_exception
        self.above: dict[int, Span] = {}
        self.last_ns = self._last_ns()
        self.walked = list(self._walk())
        self.outermost = self._outermost_calls()
        self.own_service = tree.own_service(root)

    def _walk(self) -> Iterator[Span]:
        """Yield the spans below the root, each after the one above it; tests are apart."""
        todo = [self.root]
        while todo:
            parent = todo.pop()
            for span in self.tree.children.get(parent.span_id, ()):
                if not is_test(span):
                    self.above[span.span_id] = parent
                    todo.append(span)
                    yield span

    def _last_ns(self) -> int:
        """Return when the phase was over that the test has failed in: what came later is no cause.

        Where no phase is known to have failed, that is the end of all.
        """
        failed_in = self.root.attributes.get(c.FAILED_IN)
        for span in self.tree.children.get(self.root.span_id, ()) if failed_in else ():
            if kind_of(span) == c.PHASE and span.attributes.get(c.PHASE_NAME) == failed_in:
                return self.tree.end_ns(span)
        return self.tree.last_ns

    def cause(self) -> Cause | None:
        if self.message.startswith(_PASSED_STRICTLY):
            return None
        broken = self._innermost_errors()
        for rank, span in broken:
            if not self._says_nothing_new(span):
                return self._told(span, "caused" if rank == _SEEN else "perhaps caused")
        return self._of_own_time_out()

    # -- which span it is

    def _innermost_errors(self) -> list[tuple[int, Span]]:
        """Return the calls in error with none in error below them, the likeliest cause first."""
        made_up = self._made_up_for()
        fixtures = self._fixtures()
        covered: set[int] = set()  # what has an error below it
        found = []
        for span in reversed(self.walked):
            is_error = _is_call(span) and span.start_ns <= self.last_ns and self._is_error(span)
            if is_error and span.span_id not in covered:
                rank = _SEEN if self._is_error(self.outermost[span.span_id]) else _CAUGHT
                rank = _RETRIED if span.span_id in made_up else rank
                fixture = fixtures.get(span.span_id)
                if fixture is None or _has_failed(fixture):
                    found.append((rank, span))
                elif rank != _RETRIED and fixture.attributes.get(c.PHASE_NAME) == "before":
                    found.append((_CAUGHT, span))
            if is_error or span.span_id in covered:
                covered.add(self.above[span.span_id].span_id)
        return sorted(found, key=lambda each: (each[0], self._broke_ns(each[1]), each[1].start_ns))

    def _outermost_calls(self) -> dict[int, Span]:
        """Return, for each call and what is below it, the one that the test's own code made."""
        found: dict[int, Span] = {}
        for span in self.walked:
            outer = found.get(self.above[span.span_id].span_id)
            if outer is not None or _is_call(span):
                found[span.span_id] = outer or span
        return found

    def _fixtures(self) -> dict[int, Span]:
        """Return, for each span in a fixture of the test's, that fixture.

        One that has passed has broken nothing, least of all by its tear-down, or by asking again
        and again until a server was ready.
        """
        found: dict[int, Span] = {}
        for span in self.walked:
            above = found.get(self.above[span.span_id].span_id)
            if above is not None or kind_of(span) == c.FIXTURE:
                found[span.span_id] = above or span
        return found

    def _made_up_for(self) -> set[int]:
        """Return the ids of all that is at or below a call that was repeated with success."""
        found: set[int] = set()
        for span_id in (self.root.span_id, *(span.span_id for span in self.walked)):
            calls = [span for span in self.tree.children.get(span_id, ()) if _is_call(span)]
            failed = {span.span_id for span in calls if span.status == "error"}
            for each in tries(calls, failed, self.tree) if failed else ():
                if each[-1].span_id not in failed:
                    found.update(span.span_id for span in each[:-1])
        for span in self.walked if found else ():
            if self.above[span.span_id].span_id in found:
                found.add(span.span_id)
        return found

    def _is_error(self, span: Span) -> bool:
        if span.status != "error":
            return False
        try:
            return self.presentation.outcome(span).status in (FAILED, BROKEN)
        except Exception:  # which is told where the span is shown
            return False

    def _broke_ns(self, span: Span) -> int:
        """Return when it broke: when the exception was recorded, or else its end."""
        times = [event.time_ns for event in span.events if event.name == "exception"]
        return times[-1] if times else self.tree.end_ns(span)

    def _says_nothing_new(self, span: Span) -> bool:
        """Whether it is a span of the test's own code that the test's exception passed through."""
        return (
            span.kind == "internal"
            and service_of(span) == self.own_service
            and not domains_of(span)
            and self._is_known(span)
        )

    def _is_known(self, span: Span) -> bool:
        """Whether the test's message has the span's exception."""
        raised = exception_of(self.with_exception(span))
        if raised is None:
            return False
        kind = raised.type.rpartition(".")[2]
        text = self.presentation.redaction.text(raised.message)
        if len(text) < _TELLING:  # could be anywhere
            return f"{kind}: {text}".strip(": ") in self.message
        return kind in self.message and text in self.message

    # -- time-outs

    def _of_own_time_out(self) -> Cause | None:
        """Return what used up the time, where the test's own code did not wait any longer."""
        if not _TIME_OUT.search(self.message):
            return None
        waiting = self.root
        for span in self.walked:
            if self.above[span.span_id] is waiting and _has_failed(span):
                waiting = span
        slow = self._used_up(waiting)
        return None if slow is None else self._slow(slow, "caused by a time-out")

    def _used_up(self, waiting: Span) -> Span | None:
        """Return the innermost call that took most of the time for which `waiting` ran."""
        start_ns, end_ns = waiting.start_ns, self.tree.end_ns(waiting)

        def share(span: Span) -> int:
            return min(self.tree.end_ns(span), end_ns) - max(span.start_ns, start_ns)

        found, at = None, waiting
        while True:
            below = [s for s in self.tree.children.get(at.span_id, ()) if not is_test(s)]
            at = max(below, key=share, default=at)
            if not below or 2 * share(at) <= end_ns - start_ns:
                return found
            found = at if _is_call(at) else found

    # -- the words

    def _told(self, span: Span, caused: str) -> Cause:
        error = self._error(span)
        if _TIME_OUT.search(error):
            slow = self._used_up(span)
            if slow is not None:
                return self._slow(slow, f"{caused} by a time-out ({error})")
        by = "" if self._is_known(span) else f" by {error},"
        return self._cause(f"{caused}{by} {self._place(span)}", span)

    def _slow(self, span: Span, caused: str) -> Cause:
        took = duration(max(0, self.tree.end_ns(span) - span.start_ns))
        took = f"more than {took}" if span.end_ns is None else took
        return self._cause(f"{caused}: {took} {self._place(span)}", span)

    def _error(self, span: Span) -> str:
        """Return what went wrong, one line: the exception, or else the answer."""
        span = self.with_exception(span)
        raised = exception_of(span)
        told = self.presentation.redaction.text(str(raised)) if raised else ""
        told = told or self.presentation.outcome(span).message or ""
        line = " ".join(told.strip().partition("\n")[0].split())
        return shortened(line, _LONGEST_ERROR) if line not in ("", "error") else "an error"

    def _place(self, span: Span) -> str:
        service = service_of(span)
        call = self.presentation.call(span)
        if not service or service == self.own_service:
            return f"in {call}"
        return f"in {self.presentation.redaction.text(service)} · {call}"

    def _cause(self, line: str, span: Span) -> Cause:
        above = list(self._all_above(span))
        callers = list(islice(self._callers(span, above), _MOST_CALLERS))
        if callers and callers != [_THE_TEST]:
            line += f", called by {' ← '.join(callers)}"
        return Cause(line, frozenset(each.span_id for each in above))

    def _all_above(self, span: Span) -> Iterator[Span]:
        above = self.above.get(span.span_id)
        while above is not None:
            yield above
            above = self.above.get(above.span_id)

    def _callers(self, span: Span, above: Sequence[Span]) -> Iterator[str]:
        """Yield the services on the way to the test, nearest first, and what the test did."""
        masked = self.presentation.redaction.text
        last = service_of(span)
        for number, each in enumerate(above):
            kind = kind_of(each)
            if kind in _AUTHORS:
                yield self.presentation.authors(each)
                fixtures = (outer for outer in above[number + 1 :] if kind_of(outer) == c.FIXTURE)
                yield from map(self.presentation.authors, islice(fixtures, 1))
                return
            if kind is None and not is_test(each):
                service = service_of(each)
                if service not in ("", last, self.own_service):
                    yield masked(service)
                last = service or last
        if is_test(self.root):
            yield _THE_TEST


_PASSED_STRICTLY = "[XPASS(strict)]"
"""What pytest says of a test that was to fail and has not: nothing broke."""
_SEEN, _CAUGHT, _RETRIED = range(3)
"""Which errors are the likeliest causes: those that the test's own call got to see, those that were
caught on the way, and those that a repetition has made up for."""
_THE_TEST = "the test"


def _is_call(span: Span) -> bool:
    return c.KIND not in span.attributes


def _has_failed(span: Span) -> bool:
    """Whether it is a step or fixture of the author's that failed, or the test's call."""
    a = span.attributes
    return a.get(c.STATUS) in (FAILED, BROKEN) or a.get(c.PHASE_NAME) == "call"
