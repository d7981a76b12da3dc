"""What can be expected of spans, and what is told where it is not so. Pure.

Each function returns None where all is as expected.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from otel_allure.assertions import criteria as by
from otel_allure.assertions.view import View
from otel_allure.model import conventions as c
from otel_allure.model.spans import Span
from otel_allure.presentation.durations import duration
from otel_allure.presentation.errors import error_of
from otel_allure.presentation.presentation import Presentation
from otel_allure.translation.lookups import looked_up
from otel_allure.translation.repeats import n_plus_ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What is not as expected.

    Attributes:
        expected: what is.
        found: what there is instead.
        offenders: the spans that are not as expected.
        notes: what is told at spans, by their ids.
        hint: what may be meant, or be the matter; empty if nothing is known.
        is_inconclusive: whether nobody knows, since who should tell has not.
    """

    expected: str
    found: str
    offenders: Sequence[Span] = ()
    notes: Mapping[int, str] = field(default_factory=dict)
    hint: str = ""
    is_inconclusive: bool = False


def count(spans: Sequence[Span], least: int, most: int | None) -> Failure | None:
    """Expect a number of spans, from `least` to `most`; None is any."""
    found = len(spans)
    if found >= least and (most is None or found <= most):
        return None
    offenders = spans if found > least else ()
    return Failure(expected=_range(least, most), found=str(found), offenders=offenders)


def _range(least: int, most: int | None) -> str:
    if most is None:
        return f"at least {least}"
    if least == most:
        return f"exactly {least}" if least else "none"
    return f"from {least} to {most}" if least else f"at most {most}"


def each(
    spans: Sequence[Span],
    expected: str,
    is_right: Callable[[Span], bool],
    tell: Callable[[Span], str],
) -> Failure | None:
    """Expect something of each span.

    Args:
        spans: all of them.
        expected: what is expected, in words.
        is_right: whether it is so.
        tell: what is told at one of which it is not so.
    """
    wrong = [span for span in spans if not is_right(span)]
    if not wrong:
        return None
    notes = {span.span_id: tell(span) for span in wrong}
    told = list(dict.fromkeys(notes.values()))
    more = f" and {len(told) - _MOST_TOLD} more" if len(told) > _MOST_TOLD else ""
    found = f"{', '.join(told[:_MOST_TOLD])}{more}"
    return Failure(
        expected=expected,
        found=f"{found}, of {len(wrong)} of {len(spans)}" if len(spans) > 1 else found,
        offenders=wrong,
        notes=notes,
    )


_MOST_TOLD = 3


def attribute(
    spans: Sequence[Span], view: View, name: str, expected: str, is_right: Callable[[Any], bool]
) -> Failure | None:
    """Expect something of an attribute of each span."""

    def tell(span: Span) -> str:
        return view.value(name, span.attributes[name]) if name in span.attributes else f"no {name}"

    return each(
        spans,
        expected,
        lambda span: name in span.attributes and is_right(span.attributes[name]),
        tell,
    )


def total_time(spans: Sequence[Span], view: View, most_ns: float, of: str) -> Failure | None:
    """Expect that spans take no longer than so, one added to the other."""
    took = sum(map(view.took_ns, spans))
    if took <= most_ns:
        return None
    return Failure(
        expected=f"at most {duration(round(most_ns))} in all{of}",
        found=f"{duration(took)} in {len(spans)}",
        offenders=spans,
        notes={span.span_id: duration(view.took_ns(span)) for span in spans},
    )


# -- errors


def innermost_errors(spans: Iterable[Span], view: View) -> list[Span]:
    """Return the spans in which errors began: those of errors that have none below them."""
    wrong = [span for span in spans if _is_error(span)]
    above = view.above(wrong)
    return [span for span in wrong if span.span_id not in above]


def _is_error(span: Span) -> bool:
    return by.status_of(span) == "error"


def no_errors(spans: Sequence[Span], view: View, but: Sequence[by.Text | int]) -> Failure | None:
    """Expect no errors but those that are named, by what was called or by the answer."""
    wrong = [
        span
        for span in innermost_errors(spans, view)
        if not any(_is_named(span, name, view) for name in but)
    ]
    if not wrong:
        return None
    return Failure(
        expected="no errors" + (f" but {', '.join(map(by.shown, but))}" if but else ""),
        found=f"{len(wrong)}, the first is {view.title(wrong[0])}: {error_text(wrong[0], view)}",
        offenders=wrong,
        notes={span.span_id: error_text(span, view) for span in wrong},
    )


def _is_named(span: Span, name: by.Text | int, view: View) -> bool:
    if isinstance(name, int):
        return by.has_status(span, name)
    named = by.Criteria(name)
    return any(named.accept(each, view.title) for each in (span, *view.ancestors(span)))


def error_text(span: Span, view: View) -> str:
    """Return the first line of why a span is an error."""
    error = error_of(span)
    told = span.attributes.get(c.MESSAGE) or span.status_message
    if error is not None:
        told = ": ".join(filter(None, (error.answer, error.message))) or told
    return view.presentation.redaction.text(str(told or "error")).strip().partition("\n")[0]


# -- order and overlap


def in_order(groups: Mapping[str, Sequence[Span]], view: View) -> Failure | None:
    """Expect that all of a name have ended before the first of the next begins."""
    names = list(groups)
    for before, after in pairwise(names):
        last = max(groups[before], key=view.end_ns)
        first = groups[after][0]
        early_ns = view.end_ns(last) - first.start_ns
        if early_ns > 0:
            is_open = " and has not ended" if last.end_ns is None else ""
            return Failure(
                expected=" → ".join(names),
                found=f"{after} began {duration(early_ns)} before {before} had ended{is_open}",
                offenders=[last, first],
                notes={
                    last.span_id: _times(last, view),
                    first.span_id: _times(first, view),
                },
            )
    return None


def overlap(groups: Mapping[str, Sequence[Span]], view: View) -> Failure | None:
    """Expect a moment at which one of each name runs."""
    named = _named(groups)
    spans = [span for group in groups.values() for span in group]
    if any(len(names) == len(groups) for _, names in _moments(spans, named, view)):
        return None
    return Failure(
        expected=f"{' and '.join(groups)} at the same time",
        found="never",
        offenders=spans,
        notes={span.span_id: _times(span, view) for span in spans},
    )


def no_overlap(groups: Mapping[str, Sequence[Span]], view: View) -> Failure | None:
    """Expect that nothing runs at the same time as something of another name."""
    named = _named(groups)
    by_id = {span.span_id: span for group in groups.values() for span in group}
    for running, names in _moments(by_id.values(), named, view):
        if len(names) > 1:
            wrong = [by_id[span_id] for span_id in running]
            return Failure(
                expected=f"{' and '.join(groups)} never at the same time",
                found=f"{' and '.join(names)} at the same time",
                offenders=wrong,
                notes={span.span_id: _times(span, view) for span in wrong},
            )
    return None


def at_most_at_once(spans: Sequence[Span], view: View, most: int) -> Failure | None:
    """Expect that no more of the spans run at the same time."""
    worst: list[int] = []
    for running, _ in _moments(spans, {}, view):
        if len(running) > max(most, len(worst)):
            worst = list(running)
    if not worst:
        return None
    wrong = [span for span in spans if span.span_id in set(worst)]
    return Failure(
        expected=f"at most {most} at the same time",
        found=str(len(wrong)),
        offenders=wrong,
        notes={span.span_id: _times(span, view) for span in wrong},
    )


def _named(groups: Mapping[str, Sequence[Span]]) -> dict[int, str]:
    return {span.span_id: name for name, spans in groups.items() for span in spans}


def _moments(
    spans: Iterable[Span], named: Mapping[int, str], view: View
) -> Iterator[tuple[Collection[int], Collection[str]]]:
    """Yield which spans run, and their names, whenever one of them is about to end.

    What begins when another ends does not run at the same time; nor does what takes no time.
    """
    edges = sorted(
        edge
        for span in spans
        if view.end_ns(span) > span.start_ns
        for edge in ((span.start_ns, True, span.span_id), (view.end_ns(span), False, span.span_id))
    )
    running: dict[int, None] = {}
    names: Counter[str] = Counter()
    for number, (_, begins, span_id) in enumerate(edges):
        name = named.get(span_id, "")
        if begins:
            running[span_id] = None
            names[name] += 1
            if not edges[number + 1][1]:
                yield running, names
            continue
        del running[span_id]
        names[name] -= 1
        if not names[name]:
            del names[name]


def _times(span: Span, view: View) -> str:
    test = view.test
    since = span.start_ns if test is None else test.start_ns
    start, end = span.start_ns - since, view.end_ns(span) - since
    return f"{duration(max(0, start))} to {duration(max(0, end))}"


# -- one call for each of many things


def no_n_plus_one(
    spans: Sequence[Span], view: View, allow: Sequence[by.Text], presentation: Presentation
) -> Failure | None:
    """Expect no call that is made for each of many things, one after the other."""
    wrong: list[Span] = []
    told: list[str] = []
    groups: dict[int | None, list[Span]] = {}
    for span in spans:
        if c.KIND not in span.attributes:
            above = view.parents.get(span.span_id)
            groups.setdefault(None if above is None else above.span_id, []).append(span)
    for calls in groups.values():
        # A test that asks means its own requests, too: code under test runs in its process.
        for run in n_plus_ones(calls, view.tree, presentation, by_test=False):
            if not any(by.Criteria(name).accept(run[0], view.title) for name in allow):
                wrong += run
                told.append(f"{looked_up(run, view.tree, presentation)} ×{len(run):,}")
    if not wrong:
        return None
    return Failure(
        expected="no equal calls one after the other",
        found=", ".join(told),
        offenders=wrong,
        hint="one call for all could do the same; what is meant so is named in allow=[…]",
    )
