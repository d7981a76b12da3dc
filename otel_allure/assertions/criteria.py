"""By what spans are selected: name, kind, service, scope, status and attributes. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import SequenceMatcher, get_close_matches
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

from otel_allure.assertions.arguments import check_mapping, check_text
from otel_allure.assertions.errors import TraceUsageError, hidden
from otel_allure.model import conventions as c
from otel_allure.model.outcome import BROKEN, FAILED
from otel_allure.model.spans import Span, service_of
from otel_allure.presentation.errors import HTTP_STATUS, rpc_status
from otel_allure.presentation.values import text_of

__tracebackhide__ = hidden

Text: TypeAlias = "str | re.Pattern[str]"
"""A text, with `*` and `?` as wildcards, or a compiled regular expression that is searched for."""
Status: TypeAlias = "str | int"
"""`ok`, `error` or `unset`; the answer of a call, as 404 or `NOT_FOUND`; or `2xx` to `5xx`."""

KINDS = ("internal", "server", "client", "producer", "consumer")
_STATUSES = ("ok", "error", "unset")
_CLASS = re.compile(r"[1-5]xx")
KEYWORDS = ("kind", "service", "scope", "status", "attributes")


def matches(expected: Text, text: str) -> bool:
    """Whether a text is the one that was expected."""
    if isinstance(expected, str):
        return expected == text or fnmatchcase(text, expected.replace("[", "[[]"))
    return expected.search(text) is not None


def shown(expected: object) -> str:
    """Return what was expected as it is written in code."""
    if isinstance(expected, re.Pattern):
        return f"re.compile({expected.pattern!r})"
    if callable(expected):
        return getattr(expected, "__name__", repr(expected))
    return repr(expected)


def answers_of(span: Span) -> list[str]:
    """Return the status codes that a call was answered with."""
    found = (text_of(span.attributes, *HTTP_STATUS), rpc_status(span.attributes))
    return [answer for answer in found if answer is not None]


def status_of(span: Span) -> str:
    """Return the span's status; a step that has failed is an error."""
    return "error" if span.attributes.get(c.STATUS) in (FAILED, BROKEN) else span.status


def has_status(span: Span, expected: Status) -> bool:
    """Whether a span has the status, or its call was answered so."""
    wanted = str(expected)
    if wanted in _STATUSES:
        return status_of(span) == wanted
    answers = answers_of(span)
    if _CLASS.fullmatch(wanted):
        return any(len(answer) == 3 and answer[0] == wanted[0] for answer in answers)
    return wanted in answers


def told_status(span: Span) -> str:
    """Return all that is known of how a span ended."""
    return " ".join([status_of(span), *answers_of(span)])


def holds(expected: Any, value: Any) -> bool:
    """Whether an attribute is as expected: equal, matched by an expression, or by a function.

    A function is given None of what is not there; one that cannot deal with it says no.
    """
    if isinstance(expected, re.Pattern):
        return value is not None and expected.search(str(value)) is not None
    if callable(expected) and not isinstance(expected, type):
        try:
            return bool(expected(value))
        except (AttributeError, TypeError):
            if value is not None:
                raise
            return False
    if isinstance(expected, list) and isinstance(value, tuple):  # as OpenTelemetry has lists
        return expected == list(value)
    return bool(value == expected)


@dataclass(frozen=True, slots=True)
class Criteria:
    """What a span must be to be selected; what is None is not asked for."""

    name: Text | None = None
    kind: str | None = None
    service: Text | None = None
    scope: Text | None = None
    status: Status | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def misses(
        self,
        span: Span,
        title: Callable[[Span], str],
        tell: Callable[[str, Any], str] = lambda name, value: repr(value),
    ) -> Iterator[str]:
        """Yield in which ways a span is another one.

        Args:
            span: the span.
            title: returns what the report calls it, beside its own name.
            tell: returns the value of an attribute as people may read it.
        """
        if self.name is not None and not (
            matches(self.name, span.name) or matches(self.name, title(span))
        ):
            yield "another name"
        if self.kind is not None and span.kind != self.kind:
            yield f"its kind is {span.kind!r}"
        if self.service is not None and not matches(self.service, service_of(span)):
            yield f"its service is {service_of(span)!r}"
        if self.scope is not None and not matches(self.scope, span.scope):
            yield f"its scope is {span.scope!r}"
        if self.status is not None and not has_status(span, self.status):
            yield f"its status is {told_status(span)}"
        for name, expected in self.attributes.items():
            if not holds(expected, span.attributes.get(name)):
                has = name in span.attributes
                its = tell(name, span.attributes[name]) if has else ""
                yield f"its {name} is {its}" if has else f"it has no {name}"

    def accept(self, span: Span, title: Callable[[Span], str]) -> bool:
        """Whether a span is selected."""
        return next(self.misses(span, title), None) is None

    def __str__(self) -> str:
        told = [] if self.name is None else [shown(self.name)]
        for name in ("kind", "service", "scope", "status"):
            value = getattr(self, name)
            told += [] if value is None else [f"{name}={shown(value)}"]
        if self.attributes:
            pairs = (f"{name!r}: {shown(value)}" for name, value in self.attributes.items())
            told.append(f"**{{{', '.join(pairs)}}}")
        return ", ".join(told)


def criteria(
    name: Text | None,
    kind: str | None,
    service: Text | None,
    scope: Text | None,
    status: Status | None,
    attributes: Mapping[str, Any] | None,
    more: Mapping[str, Any],
) -> Criteria:
    """Return what is asked for, once it is clear that it can be.

    Raises:
        TraceUsageError: for a keyword, a kind or a status that does not exist.
    """
    for keyword in more:
        if "." not in keyword:
            near = get_close_matches(keyword, ("name", *KEYWORDS), 1)
            meant = f"; did you mean {near[0]!r}?" if near else "."
            raise TraceUsageError(
                f"unknown keyword {keyword!r}{meant} Spans are selected by name,"
                f" {', '.join(KEYWORDS)}, and by names of attributes that have a dot:"
                ' **{"http.route": "/pay"}; others are in attributes={"name": "value"}'
            )
    for what, text in (("a name", name), ("a service", service), ("a scope", scope)):
        if text is not None:
            check_text(what, text)
    if attributes is not None:
        check_mapping("attributes", attributes)
    if kind is not None and kind not in KINDS:
        raise TraceUsageError(f"kind {kind!r} is none of {', '.join(KINDS)}")
    if status is not None:
        check_status(status)
    return Criteria(name, kind, service, scope, status, {**(attributes or {}), **more})


def check_status(status: Status) -> None:
    """Raise `TraceUsageError` for a status that no span can have."""
    text = str(status)
    is_one = isinstance(status, (str, int)) and not isinstance(status, bool)
    if not is_one or not re.fullmatch(r"ok|error|unset|[1-5]xx|-?\d+|[A-Za-z_]+", text):
        raise TraceUsageError(
            f"status {status!r} is none of ok, error, unset, 2xx to 5xx, a number, or a code"
            " of RPC, as NOT_FOUND"
        )


def likeness(expected: Text, text: str) -> float:
    """Return how much of a text is as expected, from 0 to 1."""
    wanted = expected if isinstance(expected, str) else expected.pattern
    return SequenceMatcher(None, wanted.casefold(), text.casefold(), autojunk=False).ratio()
