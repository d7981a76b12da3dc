"""Spans that were selected, and what can be expected of them. Pure.

They are plain spans, as they were known when they were asked for. Whoever is told whether what is
expected is so knows more than that: the report.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Any, Protocol, overload

from otel_allure.assertions import expectations, texts
from otel_allure.assertions.arguments import (
    check_count,
    check_function,
    check_list,
    check_mapping,
    check_seconds,
    check_text,
    compiled,
)
from otel_allure.assertions.criteria import (
    Criteria,
    Status,
    Text,
    check_status,
    criteria,
    has_status,
    holds,
    likeness,
    matches,
    shown,
    told_status,
)
from otel_allure.assertions.errors import TraceAssertionError, TraceUsageError, hidden
from otel_allure.assertions.expectations import Failure
from otel_allure.assertions.kinds import one_per_call
from otel_allure.assertions.view import View
from otel_allure.model.settings import DEFAULTS
from otel_allure.model.spans import Span, service_of
from otel_allure.presentation.durations import duration
from otel_allure.presentation.presentation import Presentation

__tracebackhide__ = hidden


class Judge(Protocol):
    """Whoever is told whether what is expected is so."""

    def judge(self, asked: str, failure: Failure | None, view: View) -> None:
        """Take note of it; raise what is to be raised."""

    def services(self) -> Collection[str]:
        """Return the services that have reported something in this run."""


class Selection(Sequence[Span]):
    """Spans of a trace that were selected, by start; each has what `Span` has.

    Methods that expect something return the selection, so that more can be expected of it. After
    the first of them, `below` and the like are expectations too: they must hold for all.
    """

    __slots__ = (
        "__weakref__",
        "_asked_for",
        "_how",
        "_is_checked",
        "_is_per_call",
        "_is_void",
        "_judge_by",
        "_matched",
        "_pool",
        "_spans",
        "_view",
    )

    def __init__(
        self,
        judge: Judge,
        view: View,
        matched: Sequence[Span],
        how: str,
        *,
        asked_for: Criteria | None = None,
        pool: Sequence[Span] | None = None,
        is_per_call: bool = False,
    ) -> None:
        self._judge_by = judge
        self._view = view
        self._how = how
        self._asked_for = asked_for
        self._pool = matched if pool is None else pool
        self._is_checked = self._is_void = False
        self._matched = list(matched)
        self._is_per_call = is_per_call
        self._spans = one_per_call(matched, view) if is_per_call else self._matched

    # -- a sequence

    @overload
    def __getitem__(self, index: int) -> Span: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Span]: ...
    def __getitem__(self, index: int | slice) -> Span | Sequence[Span]:
        return self._spans[index]

    def __len__(self) -> int:
        return len(self._spans)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, (Selection, list, tuple)) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        names = texts.names_of(self._spans, self._view, 5)
        return f"<{self._how}: {len(self)} spans: {names}>"

    def first(self) -> Span:
        """Return the first span.

        Raises:
            TraceAssertionError: if there is none; also of `trace.check`, as there is none to give.
        """
        self.exists()
        return self._given("first", self._spans)

    def one(self) -> Span:
        """Return the one span.

        Raises:
            TraceAssertionError: if there is none, or more than one; also of `trace.check`.
        """
        self.once()
        return self._given("one", self._spans if len(self) == 1 else ())

    def _given(self, method: str, spans: Sequence[Span]) -> Span:
        """Return the span that is asked for, which a soft check cannot do without, either."""
        if not spans:
            raise TraceAssertionError(f"{self._how}.{method}(): there is no such span to return")
        return spans[0]

    def all(self) -> list[Span]:
        """Return all spans."""
        return list(self._spans)

    # -- selecting

    def __call__(
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
        """Select some of them, by what `Trace.find` knows."""
        asked = criteria(name, kind, service, scope, status, attributes, more)
        narrowed = self._narrowed(f"({asked})", lambda span: asked.accept(span, self._view.title))
        narrowed._asked_for = asked
        narrowed._pool = self._matched
        return narrowed

    def where(self, is_wanted: Callable[[Span], bool]) -> Selection:
        """Select those for which a function says so."""
        check_function(f"where({is_wanted!r})", is_wanted, "lambda span: span.end_ns is None")
        return self._narrowed(f".where({shown(is_wanted)})", is_wanted)

    def below(self, anchor: Text | Span | Selection) -> Selection:
        """Select those that are below another span, at any depth."""
        return self._below("below", anchor)

    def directly_below(self, anchor: Text | Span | Selection) -> Selection:
        """Select those of which another span is the parent."""
        return self._directly_below("directly_below", anchor)

    def above(self, anchor: Text | Span | Selection) -> Selection:
        """Select those that another span is below, at any depth."""
        ids = self._view.above(self._anchors(anchor))
        return self._placed("above", anchor, lambda span: span.span_id in ids)

    def _below(self, method: str, anchor: Text | Span | Selection) -> Selection:
        ids = self._view.below(self._anchors(anchor))
        return self._placed(method, anchor, lambda span: span.span_id in ids)

    def _directly_below(self, method: str, anchor: Text | Span | Selection) -> Selection:
        ids = {span.span_id for span in self._anchors(anchor)}

        def is_wanted(span: Span) -> bool:
            above = self._view.parent_or_test(span)
            return above is not None and above.span_id in ids

        return self._placed(method, anchor, is_wanted)

    def _anchors(self, anchor: Text | Span | Selection) -> Sequence[Span]:
        if isinstance(anchor, Span):
            return [anchor]
        if isinstance(anchor, Selection):
            return anchor._matched
        named = criteria(anchor, None, None, None, None, None, {})
        found = [s for s in self._view.everything if named.accept(s, self._view.title)]
        if not found and not self._is_void:
            there = texts.names_of(self._view.content, self._view)
            self._judge_by.judge(
                f"{self._how}, around it {shown(anchor)}",
                Failure(
                    expected="something of that name", found="nothing", hint=f"There is {there}."
                ),
                self._view,
            )
            self._is_void = True
        return found

    def _placed(
        self, method: str, anchor: Text | Span | Selection, is_wanted: Callable[[Span], bool]
    ) -> Selection:
        return self._narrowed(f".{method}({anchor_words(anchor)})", is_wanted)

    def _narrowed(self, words: str, is_wanted: Callable[[Span], bool]) -> Selection:
        made = self._copy(f"{self._how}{words}")
        made._matched = [span for span in self._matched if is_wanted(span)]
        made._spans = (
            one_per_call(made._matched, self._view) if self._is_per_call else made._matched
        )
        made._pool = self._spans
        if self._is_checked:
            kept = {span.span_id for span in made._matched}
            failure = expectations.each(
                self._spans,
                f"{words.lstrip('.')} of all",
                lambda span: span.span_id in kept,
                self._place,
            )
            made._judge("", failure)
        return made

    def _place(self, span: Span) -> str:
        above = self._view.parent_or_test(span)
        where = "below nothing" if above is None else f"below {self._view.title(above)!r}"
        return f"{self._view.title(span)!r} {where}"

    def _copy(self, how: str) -> Selection:
        made = Selection.__new__(Selection)
        for name in Selection.__slots__[1:]:
            setattr(made, name, getattr(self, name))
        made._how = how
        return made

    # -- how many

    def exists(self) -> Selection:
        """Expect at least one."""
        return self._count(".exists()", 1, None)

    def absent(self) -> Selection:
        """Expect none."""
        return self._count(".absent()", 0, 0)

    def once(self) -> Selection:
        """Expect exactly one."""
        return self._count(".once()", 1, 1)

    def exactly(self, count: int) -> Selection:
        """Expect so many."""
        return self._count(f".exactly({count})", count, count)

    def at_least(self, count: int) -> Selection:
        """Expect so many, or more."""
        if count == 0:
            raise TraceUsageError("at_least(0) is always so; at_least(1) and absent() are not")
        return self._count(f".at_least({count})", count, None)

    def at_most(self, count: int) -> Selection:
        """Expect so many, or fewer."""
        return self._count(f".at_most({count})", 0, count)

    def between(self, least: int, most: int) -> Selection:
        """Expect so many, both ends included."""
        return self._count(f".between({least}, {most})", least, most)

    def _count(self, words: str, least: int, most: int | None) -> Selection:
        check_count(words, least)
        if most is not None:
            check_count(words, most)
        if most is not None and least > most:
            raise TraceUsageError(f"{words}: nothing is at least {least} and at most {most}")
        failure = expectations.count(self._spans, least, most)
        if failure is None and not self._spans:
            failure = self._doubt()
        elif failure is not None and len(self) < least:
            hint = self._elsewhere() or self._nearest()
            failure = self._silent() or replace(failure, hint=hint)
        return self._judge(words, failure)

    @property
    def view(self) -> View:
        """What was known when it was asked."""
        return self._view

    @property
    def is_checked(self) -> bool:
        """Whether something was expected of it."""
        return self._is_checked

    def unended(self) -> list[Span]:
        """Return what is as asked for and has not ended."""
        asked, title = self._asked_for, self._view.title
        running = [span for span in self._pool if span.end_ns is None]
        return [span for span in running if asked is not None and asked.accept(span, title)]

    def missing(self, what: str) -> Failure:
        """Return that there is none, where there has to be one."""
        hint = self._elsewhere() or self._nearest()
        return self._silent() or Failure(expected=what, found="nothing", hint=hint)

    def _elsewhere(self) -> str:
        """Return that a service has reported spans, if it has, but none of this test."""
        asked = self._asked_for
        if asked is None or asked.service is None:
            return ""
        here = (service_of(span) for span in self._view.content)
        if any(matches(asked.service, service) for service in here):
            return ""
        return (
            f"{asked.service} has reported spans in this run, but none of this test: they may be"
            " late, or no traceparent gets there."
        )

    def _silent(self) -> Failure | None:
        """Return that a service has not reported anything, so that nobody knows."""
        asked = self._asked_for
        if asked is None or asked.service is None:
            return None
        known = {*self._judge_by.services(), *map(service_of, self._view.content)}
        if any(matches(asked.service, service) for service in known):
            return None
        return Failure(
            expected=f"spans of {shown(asked.service)}",
            found="none",
            hint=f"{asked.service} never reported a span in this run; is its exporter set?"
            f" Those that have: {', '.join(sorted(filter(None, known))) or 'none'}.",
            is_inconclusive=True,
        )

    def _doubt(self) -> Failure | None:
        """Return why nothing follows from there being none: it was written wrong, or not told."""
        asked = self._asked_for
        if asked is None:
            return None
        near = [
            name
            for name in dict.fromkeys(self._names())
            if isinstance(asked.name, str) and _is_slip(asked.name, name)
        ]
        names = {name for span in self._view.everything for name in span.attributes}
        for name in asked.attributes.keys() - names:
            near += get_close_matches(name, names, 1, 0.85)
        if near:
            return Failure(
                expected="a name that is not a slip of the pen",
                found=f"none, but {near[0]!r} is there",
                hint="What is not there under a wrong name says nothing: is that meant?",
            )
        return self._silent()

    def _names(self) -> Iterator[str]:
        """Yield what the spans are called: by the report, and by themselves if that is another."""
        for span in self._pool:
            title = self._view.title(span)
            yield title
            if span.name not in title:  # else it is less: all that asks is named GET
                yield span.name

    def _nearest(self) -> str:
        """Return what comes next to what was asked for, and how it differs."""
        asked = self._asked_for
        if asked is None or not self._pool:
            return f"There is {texts.names_of(self._view.content, self._view)}."
        title = self._view.title

        def rank(span: Span) -> tuple[int, float]:
            alike = 0.0 if asked.name is None else likeness(asked.name, title(span))
            return len(list(asked.misses(span, title))), -alike

        seen = {title(span): span for span in reversed(self._pool)}
        near = min(list(seen.values())[:_MOST_COMPARED], key=rank)
        differs = [
            miss for miss in asked.misses(near, title, self._view.value) if miss != "another name"
        ]
        how = f", but {' and '.join(differs)}" if differs else ""
        return f"The nearest is {title(near)!r}{how}."

    # -- of each

    def status(self, status: Status) -> Selection:
        """Expect of each that it ended so: `ok`, `error`, `unset`, or the answer of a call."""
        check_status(status)
        return self._each(
            f".status({status!r})",
            f"status {status}",
            lambda span: has_status(span, status),
            told_status,
        )

    def attribute(
        self,
        name: str,
        equals: Any = ...,
        *,
        contains: Any = ...,
        matches: str | re.Pattern[str] | None = None,
        where: Callable[[Any], bool] | None = None,
    ) -> Selection:
        """Expect an attribute of each, with any value where nothing more is said.

        Args:
            name: of the attribute.
            equals: its value.
            contains: a part of a text, or a member of a list.
            matches: a regular expression that is searched for in it.
            where: says of the value whether it is right.
        """
        if not isinstance(name, str):
            raise TraceUsageError(f"attribute({name!r}): its name is a text")
        told = [repr(name)]
        rules: list[Callable[[Any], object]] = []
        if equals is not ...:
            told.append(repr(equals))
            rules.append(lambda value: holds(equals, value))
        if contains is not ...:
            told.append(f"contains={contains!r}")
            rules.append(lambda value: _contains(value, contains))
        if matches is not None:
            pattern = compiled("matches", matches)
            told.append(f"matches={pattern.pattern!r}")
            rules.append(lambda value: pattern.search(str(value)) is not None)
        if where is not None:
            check_function(f"where={where!r}", where, "where=lambda value: value > 3")
            told.append(f"where={shown(where)}")
            rules.append(where)
        words = f".attribute({', '.join(told)})"
        if not self._is_asking(words):
            return self
        return self._judge(
            words,
            expectations.attribute(
                self._spans,
                self._view,
                name,
                f"{name} {' '.join(told[1:])}".strip(),
                lambda value: all(rule(value) for rule in rules),
            ),
        )

    def attributes(self, expected: Mapping[str, Any] | None = None, **more: Any) -> Selection:
        """Expect attributes of each: equal, matched by an expression, or right to a function."""
        check_mapping("attributes", {} if expected is None else expected)
        checked = self
        for name, value in {**(expected or {}), **more}.items():
            checked = checked.attribute(name, value)
        return checked

    def faster_than(self, seconds: float) -> Selection:
        """Expect of each that it has taken less time."""
        limit_ns = check_seconds(f"faster_than({seconds!r})", seconds) * 1e9
        return self._each(
            f".faster_than({seconds})",
            f"less than {duration(round(limit_ns))}",
            lambda span: self._view.took_ns(span) < limit_ns,
            lambda span: duration(self._view.took_ns(span)),
        )

    def parent(self, anchor: Text | Span | Selection) -> Selection:
        """Expect that another span is the parent of each."""
        return self._checked(".parent")._directly_below("parent", anchor)

    def ancestor(self, anchor: Text | Span | Selection) -> Selection:
        """Expect that each is below another span, at any depth."""
        return self._checked(".ancestor")._below("ancestor", anchor)

    def _checked(self, words: str) -> Selection:
        if not self._is_asking(words):
            return self
        made = self._copy(self._how)
        made._is_checked = True
        return made

    def _each(
        self,
        words: str,
        expected: str,
        is_right: Callable[[Span], bool],
        tell: Callable[[Span], str],
    ) -> Selection:
        if not self._is_asking(words):
            return self
        return self._judge(words, expectations.each(self._spans, expected, is_right, tell))

    def _is_asking(self, words: str) -> bool:
        """Whether there is something to ask: nothing is right of what is not there."""
        if not self._spans and not self._is_void:
            self._is_void = self._judge(words, self.missing("at least 1"))._is_void
        return not self._is_void

    # -- of all together

    def total_faster_than(self, seconds: float) -> Selection:
        """Expect that they take less time, one added to the other."""
        limit_ns = check_seconds(f"total_faster_than({seconds!r})", seconds) * 1e9
        failure = expectations.total_time(self._spans, self._view, limit_ns, "")
        return self._judge(f".total_faster_than({seconds})", failure)

    def share_at_most(self, share: float) -> Selection:
        """Expect that they take no more of the test's time: 0.5 is half of it."""
        if not isinstance(share, (int, float)) or not 0 < share <= 1:
            raise TraceUsageError(f"share_at_most({share!r}): a share is more than 0 and at most 1")
        test = self._view.test
        test_ns = 0 if test is None else self._view.took_ns(test)
        limit_ns = share * test_ns
        of = f", {share:.0%} of {duration(test_ns)}"
        failure = expectations.total_time(self._spans, self._view, limit_ns, of)
        return self._judge(f".share_at_most({share})", failure)

    def no_errors(self, but: Sequence[Text | int] = ()) -> Selection:
        """Expect no errors among them, but those that are named."""
        failure = expectations.no_errors(self._spans, self._view, check_list("but", but))
        return self._judge(f".no_errors({_but('but', but)})", failure)

    def no_n_plus_one(self, allow: Sequence[Text] = (), *, least: int | None = None) -> Selection:
        """Expect no equal calls among them that were made one after the other.

        Args:
            allow: names of calls that may.
            least: how many it takes; default: the setting `n_plus_one`, which is 5.
        """
        settings = self._view.presentation.settings
        if least is None:
            least = settings.n_plus_one or DEFAULTS.n_plus_one
        check_count(f"no_n_plus_one(least={least!r})", least, 2)
        view = self._view
        presentation = Presentation(
            replace(settings, n_plus_one=least), view.presentation.redaction
        )
        failure = expectations.no_n_plus_one(
            self._matched, view, check_list("allow", allow), presentation
        )
        return self._judge(f".no_n_plus_one({_but('allow', allow)})", failure)

    def at_most_at_once(self, count: int) -> Selection:
        """Expect that no more of them run at the same time."""
        check_count(f"at_most_at_once({count!r})", count, 1)
        failure = expectations.at_most_at_once(self._spans, self._view, count)
        return self._judge(f".at_most_at_once({count})", failure)

    def no_overlap(self) -> Selection:
        """Expect that they run one after the other."""
        failure = expectations.at_most_at_once(self._spans, self._view, 1)
        return self._judge(".no_overlap()", failure)

    def _judge(self, words: str, failure: Failure | None) -> Selection:
        if self._is_void:
            return self
        self._judge_by.judge(f"{self._how}{words}", failure, self._view)
        made = self._copy(self._how)
        made._is_checked, made._is_void = True, failure is not None
        return made


_MOST_COMPARED = 500


def _is_slip(written: str, there: str) -> bool:
    """Whether a name is another one but for case, spaces and signs, or two letters exchanged."""
    if written == there:
        return False
    a, b = written.casefold(), there.casefold()
    if _letters(a) == _letters(b):
        return True
    differ = [i for i, pair in enumerate(zip(a, b, strict=False)) if pair[0] != pair[1]]
    if len(a) != len(b) or len(differ) != 2 or differ[1] - differ[0] != 1:
        return False
    i = differ[0]
    return a[i : i + 2].isalpha() and a[i] == b[i + 1] and a[i + 1] == b[i]


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text))


def _contains(value: Any, part: Any) -> bool:
    if isinstance(value, str):
        return isinstance(part, str) and part in value
    return isinstance(value, (tuple, list)) and part in value


def _but(keyword: str, names: Sequence[Any]) -> str:
    return f"{keyword}=[{', '.join(map(shown, names))}]" if names else ""


def anchor_words(anchor: Text | Span | Selection) -> str:
    """Return what stands for spans as it is written in code.

    Raises:
        TraceUsageError: for what stands for none.
    """
    if not isinstance(anchor, (Selection, Span)):
        check_text("what is named here", anchor)
    if isinstance(anchor, Selection):
        return anchor._how
    return repr(anchor.name) if isinstance(anchor, Span) else shown(anchor)
