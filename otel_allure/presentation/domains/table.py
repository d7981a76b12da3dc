"""All domains, and which of them a span is of."""

from __future__ import annotations

from otel_allure.model.spans import Attributes, Span
from otel_allure.presentation.domains import (
    databases,
    functions,
    gen_ai,
    graphql,
    http,
    messaging,
    object_stores,
    rpc,
)
from otel_allure.presentation.values import Domain, first

DOMAINS: tuple[Domain, ...] = (
    gen_ai.DOMAIN,
    graphql.DOMAIN,
    object_stores.DOMAIN,
    messaging.DOMAIN,
    databases.DOMAIN,
    http.DOMAIN,
    rpc.DOMAIN,
    functions.DOMAIN,
)
"""A span can be of several: the first that has a title gives it, all give parameters and documents.
A database's, say, before that of the HTTP or RPC call which carries it."""

_OF_MARK = {mark: number for number, domain in enumerate(DOMAINS) for mark in domain.marks}
_OF_VALUE = [(mark, number) for mark, number in _OF_MARK.items() if "=" in mark]


def domains_of(span: Span) -> list[Domain]:
    """Return the domains of the span, the most telling one first."""
    a = span.attributes
    numbers = {_OF_MARK[mark] for mark in _OF_MARK.keys() & a.keys()}
    numbers.update(number for mark, number in _OF_VALUE if _holds(mark, a))
    found = [DOMAINS[number] for number in sorted(numbers)]
    if span.kind != "internal":
        return found
    return [domain for domain in found if any(_holds(mark, a) for mark in domain.internal)]


def _holds(mark: str, attributes: Attributes) -> bool:
    """Whether there is an attribute `name`, or one with the value, for `name=value`."""
    name, _, value = mark.partition("=")
    found = first(attributes, name)
    return found is not None and (not value or found == value)
