"""The trace of a test, to be asked: what is selected, and what is expected of it. Pure.

What is expected is told to the source of the spans, which knows the report; nothing else is known
of it here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

from otel_allure.assertions import budgets, expectations, texts
from otel_allure.assertions.arguments import check_mapping, check_text, compiled
from otel_allure.assertions.criteria import Criteria, Status, Text, criteria, shown
from otel_allure.assertions.errors import (
    InconclusiveError,
    TraceAssertionError,
    TraceUsageError,
    hidden,
)
from otel_allure.assertions.expectations import Failure
from otel_allure.assertions.kinds import CALLS
from otel_allure.assertions.selection import Selection, anchor_words
from otel_allure.assertions.snapshot import tree_text
from otel_allure.assertions.view import View
from otel_allure.model import conventions as c
from otel_allure.model.spans import Span, kind_of

if TYPE_CHECKING:
    from typing_extensions import Self

__tracebackhide__ = hidden


class Block(Protocol):
    """A block of the test that is a step in the report."""

    span_id: int

    def fail(self, text: str, offenders: Sequence[Span]) -> None:
        """Mark the step."""
        ...


class Source(Protocol):
    """Where the spans of a test come from, and where it is told what was expected."""

    def view(self, *, wider_fixtures: bool = False) -> View:
        """Return what is known by now.

        Args:
            wider_fixtures: with what the fixtures have done that the test shares with others.

        Raises:
            TraceUsageError: if the test cannot be asked.
        """
        ...

    def services(self) -> Collection[str]:
        """Return the services that have reported something in this run."""
        ...

    def note(self, asked: str, text: str, offenders: Sequence[Span], *, is_soft: bool) -> None:
        """Take note of an expectation; without a text it was met."""
        ...

    def block(self, title: str) -> AbstractContextManager[Block]:
        """Return what makes a step of a block."""
        ...


class _Scope:
    """What a trace is restricted to.

    Attributes:
        find: returns the spans below which it is; without a kind, itself.
        kind: what they are, `step` or `fixture`; empty for a time.
    """

    def __init__(self, find: Callable[[View], list[Span]], kind: str = "") -> None:
        self.find = find
        self.kind = kind


class BaseTrace:
    """The trace of a running test.

    Each question is answered from the spans that are known at that moment; those that have not
    ended are among them, and have no `end_ns`. The spans of fixtures are apart: see `fixture`.
    """

    def __init__(
        self,
        source: Source,
        how: str = "trace",
        scopes: tuple[_Scope, ...] = (),
        *,
        is_soft: bool = False,
    ) -> None:
        self._source = source
        self._how = how
        self._scopes = scopes
        self._is_soft = is_soft

    def __repr__(self) -> str:
        return f"<{self._how}>"

    def _spans(self) -> tuple[View, list[Span]]:
        """Return what is known, and what of it can be selected."""
        view = self._source.view(wider_fixtures=self._is_in_fixture)
        spans = self._in_scopes(view)
        if spans is not None:
            return view, spans
        if not self._scopes:
            raise TraceUsageError(_NOTHING_YET)
        missing = next(scope for scope in self._scopes if not scope.find(view))
        there = texts.names_of(_of_kind(view, missing.kind), view)
        hint = f"There is {there}.{_OF_FIXTURES if missing.kind == c.FIXTURE else ''}"
        failure = Failure(expected=f"a {missing.kind}", found="none", hint=hint)
        self.judge(self._how, failure, view)
        return view, []

    @property
    def _is_in_fixture(self) -> bool:
        return any(scope.kind == c.FIXTURE for scope in self._scopes)

    def _in_scopes(self, view: View) -> list[Span] | None:
        """Return what can be selected; None if nothing has happened there yet."""
        spans = view.content if self._is_in_fixture else view.spans
        if not spans:
            return None
        for scope in self._scopes:
            found = scope.find(view)
            if not found and scope.kind:
                return None
            ids = view.below(found) if scope.kind else {span.span_id for span in found}
            spans = [span for span in spans if span.span_id in ids]
        return spans

    def judge(self, asked: str, failure: Failure | None, view: View) -> None:
        """Take note of an expectation.

        Raises:
            TraceAssertionError: if it was not met.
            InconclusiveError: if nobody knows.
        """
        text = "" if failure is None else texts.failure_text(asked, failure, view)
        offenders = () if failure is None else failure.offenders
        self._source.note(asked, text, offenders, is_soft=self._is_soft)
        if failure is not None and not self._is_soft:
            error = InconclusiveError if failure.is_inconclusive else TraceAssertionError
            raise error(text)

    def services(self) -> Collection[str]:
        """Return the services that have reported something in this run."""
        return self._source.services()

    # -- selecting

    @property
    def spans(self) -> Selection:
        """All steps and calls of the test."""
        view, spans = self._spans()
        return Selection(self, view, spans, f"{self._how}.spans")

    @property
    def sql(self) -> Selection:
        """Queries of SQL."""
        return self._calls("sql")

    @property
    def http(self) -> Selection:
        """Requests of HTTP, sent or served; one that both sides tell of is one."""
        return self._calls("http")

    @property
    def rpc(self) -> Selection:
        """Remote procedure calls; one that both sides tell of is one."""
        return self._calls("rpc")

    @property
    def messages(self) -> Selection:
        """Messages that were sent, received or processed."""
        return self._calls("messages")

    @property
    def cache(self) -> Selection:
        """Commands to Redis, Valkey and Memcached."""
        return self._calls("cache")

    @property
    def calls(self) -> Selection:
        """Calls of all kinds."""
        return self._calls("calls")

    def _calls(self, kind: str) -> Selection:
        view, spans = self._spans()
        matched = list(filter(CALLS[kind], spans))
        how = f"{self._how}.{kind}"
        return Selection(self, view, matched, how, pool=spans, is_per_call=True)

    def find(
        self,
        name: Text | None = None,
        *,
        kind: str | None = None,
        service: Text | None = None,
        scope: Text | None = None,
        status: Status | None = None,
        attributes: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> Selection:
        """Select steps and calls.

        Args:
            name: the span's own, or what the report calls it; `*` and `?` are wildcards, and it
                may be a compiled regular expression.
            kind: `internal`, `server`, `client`, `producer` or `consumer`.
            service: the service whose span it is, as a name.
            scope: the instrumentation that made it, as a name.
            status: `ok`, `error`, `unset`, a status code or a class of them, as `5xx`.
            attributes: values by name; a value may be a regular expression, or a function.
            more: attributes whose names have a dot.

        Raises:
            TraceUsageError: if nothing can be selected so, or nothing has happened yet.
        """
        asked = criteria(name, kind, service, scope, status, attributes, more)
        return self._found("find", asked)

    def span(
        self,
        name: Text,
        *,
        kind: str | None = None,
        service: Text | None = None,
        scope: Text | None = None,
        status: Status | None = None,
        attributes: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> Selection:
        """Select steps and calls by name; the rest is as `find` has it."""
        check_text("a name", name)
        asked = criteria(name, kind, service, scope, status, attributes, more)
        return self._found("span", asked)

    def _found(self, method: str, asked: Criteria) -> Selection:
        view, spans = self._spans()
        matched = [span for span in spans if asked.accept(span, view.title)]
        how = f"{self._how}.{method}({asked})"
        return Selection(self, view, matched, how, asked_for=asked, pool=spans)

    def step(self, name: Text) -> Self:
        """Return the trace of what is below a step."""
        check_text("a step", name)
        scope = _Scope(lambda view: _named(view, c.STEP, name), c.STEP)
        return self._scoped(f".step({shown(name)})", scope)

    def fixture(self, name: Text) -> Self:
        """Return the trace of what a fixture has done, for this test or, if wider, for all."""
        check_text("a fixture", name)
        scope = _Scope(lambda view: _named(view, c.FIXTURE, name), c.FIXTURE)
        return self._scoped(f".fixture({shown(name)})", scope)

    def during(self, start_ns: int, end_ns: int) -> Self:
        """Return the trace of what has begun from `start_ns` on and before `end_ns`.

        Both are nanoseconds since the epoch, as spans have them.
        """
        for time_ns in (start_ns, end_ns):
            if type(time_ns) is not int:
                raise TraceUsageError(
                    f"during({start_ns!r}, {end_ns!r}): both are nanoseconds, as time.time_ns()"
                )
        if not start_ns < end_ns:
            raise TraceUsageError(f"during({start_ns}, {end_ns}): it ends before it has begun")

        def find(view: View) -> list[Span]:
            return [span for span in view.spans if start_ns <= span.start_ns < end_ns]

        return self._scoped(f".during({start_ns}, {end_ns})", _Scope(find))

    def _scoped(self, words: str, scope: _Scope) -> Self:
        scopes = (*self._scopes, scope)
        return type(self)(self._source, f"{self._how}{words}", scopes, is_soft=self._is_soft)

    @property
    def check(self) -> Self:
        """The same trace, whose expectations are soft: one that fails does not stop the test."""
        return type(self)(self._source, f"{self._how}.check", self._scopes, is_soft=True)

    # -- asserting

    def no_errors(self, but: Sequence[Text | int] = ()) -> Selection:
        """Expect no errors, but those that are named: by what was called, or by the answer."""
        return self._everything().no_errors(but)

    def no_n_plus_one(self, allow: Sequence[Text] = (), *, least: int | None = None) -> Selection:
        """Expect no equal calls, one after the other; see `Selection.no_n_plus_one`."""
        return self._everything().no_n_plus_one(allow, least=least)

    def _everything(self) -> Selection:
        view, spans = self._spans()
        return Selection(self, view, spans, self._how)

    def in_order(self, *what: Text | Span | Selection) -> None:
        """Expect that all of one have ended before the first of the next begins."""
        self._together("in_order", what, expectations.in_order)

    def overlap(self, *what: Text | Span | Selection) -> None:
        """Expect that there is a moment at which one of each runs."""
        self._together("overlap", what, expectations.overlap)

    def no_overlap(self, *what: Text | Span | Selection) -> None:
        """Expect that nothing of one runs at the same time as something of another."""
        self._together("no_overlap", what, expectations.no_overlap)

    def _together(
        self,
        method: str,
        what: tuple[Text | Span | Selection, ...],
        expect: Callable[[Mapping[str, Sequence[Span]], View], Failure | None],
    ) -> None:
        labels = _labels(what)
        if len(what) < 2 or len(set(labels)) < len(labels):
            raise TraceUsageError(
                f'{method} takes two names or more, each once: trace.{method}("stock", "price")'
            )
        asked = f"{self._how}.{method}({', '.join(labels)})"
        view, _ = self._spans()
        groups: dict[str, Sequence[Span]] = {}
        for label, each in zip(labels, what, strict=True):
            if isinstance(each, Span):
                groups[label] = [each]
                continue
            found = each if isinstance(each, Selection) else self.find(each)
            groups[label] = found.all()
            if not found:
                self.judge(asked, found.missing(label), view)
                return
        seen: set[int] = set()
        for label, group in groups.items():
            ids = {span.span_id for span in group}
            if ids & seen:
                raise TraceUsageError(f"{asked}: what {label} selects, another one selects, too")
            seen |= ids
        self.judge(asked, expect(groups, view), view)

    # -- a budget for a block

    def budget(self, **most: float) -> AbstractContextManager[None]:
        """Expect of a block that it makes no more calls, errors or seconds than so.

        Args:
            most: of `sql`, `http`, `rpc`, `messages`, `cache`, `calls`, `errors` or `seconds`.
        """
        if self._scopes:
            raise TraceUsageError(f"{self._how}.budget: a block is a part itself: trace.budget(…)")
        budget = budgets.checked(most, f"{self._how}.budget")
        return _BudgetedBlock(self, budget)

    # -- a snapshot

    def tree(self, replace: Mapping[str, str] | None = None) -> str:
        """Return names and nesting as text that is the same in each run.

        Siblings that overlap are sorted, repeated ones folded, and what differs between runs
        (ids, times, ports, long numbers) is replaced.

        Args:
            replace: regular expressions, and what stands in the place of what they match.
        """
        check_mapping("replace", {} if replace is None else replace)
        for expression in replace or {}:
            compiled("replace", expression)
        view, spans = self._spans()
        return tree_text(view, spans, replace or {})


_OF_FIXTURES = (
    " One of wider scope is known to the test that it is set up for, with --alluredir to all that"
    " use it."
)
_NOTHING_YET = (
    "nothing has happened in this test yet: no step has begun and no call was made. Ask after the"
    " code under test has run. If it has, no instrumentation tells of its calls: see"
    " --allure-otel-instrument (in isolation, only where a provider is set), or put"
    " `with allure.step(…)` around it; or wait, by trace.wait_for(…)"
)


def _labels(what: Sequence[Text | Span | Selection]) -> list[str]:
    """Return what stands for each; what is not named but given may be called the same."""
    labels: list[str] = []
    for each in what:
        label = anchor_words(each)
        same = sum(known.partition(" #")[0] == label for known in labels)
        is_named = isinstance(each, (str, re.Pattern))
        labels.append(f"{label} #{same + 1}" if same and not is_named else label)
    return labels


def _of_kind(view: View, kind: str) -> list[Span]:
    return [span for span in view.content if kind_of(span) == kind]


def _named(view: View, kind: str, name: Text) -> list[Span]:
    return [s for s in _of_kind(view, kind) if Criteria(name).accept(s, view.title)]


class _BudgetedBlock(AbstractContextManager[None]):
    """A block with a budget, which is a step in the report."""

    def __init__(self, trace: BaseTrace, budget: dict[str, float]) -> None:
        self._trace = trace
        self._budget = budget
        self._asked = f"{trace._how}.budget({budgets.words(budget)})"

    def __enter__(self) -> None:
        self._step: AbstractContextManager[Block]
        self._step = self._trace._source.block(self._asked)
        self._block = self._step.__enter__()

    def __exit__(self, *raised: Any) -> None:
        if raised[0] is not None:
            self._step.__exit__(*raised)
            return
        view = self._trace._source.view()
        of_block = [s for s in view.everything if s.span_id == self._block.span_id]
        ids = view.below(of_block)
        spans = [span for span in view.content if span.span_id in ids]
        took_ns = sum(map(view.took_ns, of_block))
        failure = budgets.exceeded(self._budget, spans, view, took_ns)
        text = "" if failure is None else texts.failure_text(self._asked, failure, view)
        if failure is not None:
            self._block.fail(text, failure.offenders)
        self._step.__exit__(None, None, None)
        if failure is not None and not self._trace._is_soft:
            raise TraceAssertionError(text)
