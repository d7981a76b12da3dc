"""The spans of one call -> one span, and so one step: its client, its server, their frameworks.

A call is seen by several: by the library that sends it and the one below that, by the server, by
its framework. Nobody wants to open four steps of one title to get to what the server did.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from otel_allure.model import conventions as c
from otel_allure.model.outcome import BROKEN, FAILED, PASSED, SKIPPED, UNKNOWN, Outcome
from otel_allure.model.spans import Span, is_test, service_of
from otel_allure.presentation.domains import http
from otel_allure.presentation.domains.table import domains_of
from otel_allure.presentation.durations import duration
from otel_allure.presentation.errors import HTTP_STATUS, RPC_STATUS
from otel_allure.presentation.presentation import Presentation

_BETWEEN_PROCESSES = ("HTTP", "RPC")
_SERVES = ("server", "internal")
_WORST_FIRST = (FAILED, BROKEN, UNKNOWN, SKIPPED, PASSED)
# What client and server say of one thing, each in its way.
_ADDRESS = (
    *("client.", "http.host", "http.route", "http.scheme", "http.server_name", "http.target"),
    *("http.url", "net.", "network.", "server.", "url.", "user_agent."),
)
_PEER = "service.peer.name"


def side_of(span: Span) -> str | None:
    """Return which side of which kind of call a span is, `client HTTP GET`; None if of none."""
    domain = _domain(span)
    if span.kind not in ("client", "server") or domain not in _BETWEEN_PROCESSES:
        return None
    method = f" {http.method(span.attributes)}" if domain == "HTTP" else ""
    return f"{span.kind} {domain}{method}"


def layers_of(
    span: Span, children: Mapping[int, Sequence[Span]], presentation: Presentation
) -> list[Span]:
    """Return the spans of one call, the outermost first; `span` alone if it is none, or the last.

    Args:
        span: the outermost.
        children: what is below each span.
        presentation: what calls are named.
    """
    layers = [span]
    while True:
        upper = layers[-1]
        if not _may_have_layers(upper):
            return layers
        below = children.get(upper.span_id, ())
        lower = [each for each in below if _is_layer(upper, each, presentation)]
        if len(lower) != 1:  # of a call that was repeated, each is one of its own
            return layers
        layers += lower


def _may_have_layers(span: Span) -> bool:
    return span.kind in ("client", *_SERVES) and _domain(span) in _BETWEEN_PROCESSES


def _domain(span: Span) -> str:
    if c.KIND in span.attributes or is_test(span):
        return ""
    return next((domain.name for domain in domains_of(span)), "")


def _is_layer(upper: Span, lower: Span, presentation: Presentation) -> bool:
    """Whether a span is of the same call as the one above it."""
    if _domain(lower) != _domain(upper):
        return False
    if _domain(upper) == "HTTP" and http.method(lower.attributes) != http.method(upper.attributes):
        return False
    if upper.kind == "client" and lower.kind in _SERVES:
        return True
    is_same_side = lower.kind == upper.kind or (upper.kind in _SERVES and lower.kind in _SERVES)
    return (
        is_same_side
        and service_of(lower) == service_of(upper)
        and presentation.call(lower) == presentation.call(upper)
    )


def served_by(layers: Sequence[Span]) -> Span | None:
    """Return the server's span, if the outermost is another's."""
    return next((span for span in layers[1:] if _is_served(layers[0], span)), None)


def _is_served(client: Span, span: Span) -> bool:
    return client.kind == "client" and span.kind in _SERVES


def as_one(layers: Sequence[Span]) -> Span:
    """Return a span that says what all of them do; of what they say differently, the outermost's.

    What another says of it is under a name of its own, `tenant (server)`.
    """
    first, *others = layers
    attributes: dict[str, Any] = dict(first.attributes)
    for span in others:
        for name, value in span.attributes.items():
            if name.startswith("allure."):
                continue
            if name not in attributes and not _is_its_own(name, first):
                attributes[name] = value
            elif attributes.get(name) != value:
                attributes.setdefault(f"{name} ({span.kind})", value)
    server = served_by(layers)
    if server is not None and service_of(server) not in ("", service_of(first)):
        attributes[_PEER] = service_of(server)
    failed = [span for span in layers if span.status == "error"]
    return first._replace(
        attributes=attributes,
        status="error" if failed else first.status,
        status_message=next((s.status_message for s in failed if s.status_message), ""),
        events=[event for span in reversed(layers) for event in span.events],
    )


def _is_its_own(name: str, first: Span) -> bool:
    """Whether what is said of the outermost span must not be taken from another."""
    if name in (*HTTP_STATUS, *RPC_STATUS):
        return first.status == "error"  # it has not got the answer
    return name.startswith(_ADDRESS) and http.url(first) is not None


def told_of(layers: Sequence[Span]) -> Iterator[tuple[str, str]]:
    """Yield what there is to say of both sides of a call: how long they took."""
    server = served_by(layers)
    for side, span in (("client", layers[0]), ("server", server)):
        if server is not None and span is not None and span.end_ns is not None:
            yield f"{side}'s time", duration(max(0, span.end_ns - span.start_ns))
    if server is not None:
        answers = [http.answer(span) for span in (layers[0], server)]
        if answers[1] and answers[0] != answers[1]:
            yield "server's answer", answers[1]


def joint_outcome(outcomes: Sequence[Outcome]) -> Outcome:
    """Return the worst of the outcomes, with what all of them say: exceptions before answers."""
    worst = min(outcomes, key=lambda outcome: _WORST_FIRST.index(outcome.status))
    told: list[str] = []
    for outcome in sorted(outcomes, key=lambda outcome: not outcome.trace):
        message = outcome.message or ""
        if message and not any(message in other for other in told):
            told = [other for other in told if other not in message] + [message]
    traces = dict.fromkeys(outcome.trace for outcome in outcomes if outcome.trace)
    return Outcome(worst.status, "\n".join(told) or None, "\n\n".join(traces) or None)
