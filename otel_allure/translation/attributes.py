"""Attributes of spans -> texts, rows and parameters; other producers' may be of any type."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any, Protocol

from otel_allure.model import conventions as c
from otel_allure.model.outcome import BROKEN, FAILED, PASSED, SKIPPED, UNKNOWN
from otel_allure.model.rows import Parameter
from otel_allure.model.spans import Attributes, Span
from otel_allure.presentation.values import as_text
from otel_allure.redaction.places import MASK
from otel_allure.redaction.redaction import Redaction

_MARK = 8  # hexadecimal digits: a thousand tests are told apart

BELONGS_TO = "belongs to"
"""Parameter of what is not below the span that it belongs to."""
NOT_COME = "Span {}, which has not come"
NOT_SHOWN = "not shown"
"""Parameter of what could not be shown as a whole: what is missing, and why."""
STATUSES = (PASSED, FAILED, BROKEN, SKIPPED, UNKNOWN)


class WithAttributes(Protocol):
    """A span, or what is known of one that runs."""

    @property
    def attributes(self) -> Attributes:
        """As a span has them."""


def parameters_of(
    span: WithAttributes, redaction: Redaction, identity: str | None
) -> Iterator[Parameter]:
    """Yield the parameters of a span of ours.

    Tests are told apart by their parameters, so of those of a test what is masked or cut is shown
    with a part of its `identity`, which says nothing that is not in the file already.
    """
    names = (c.PARAMETER_NAMES, c.PARAMETER_VALUES, c.PARAMETER_MODES, c.PARAMETER_EXCLUDED)
    for name, value, mode, excluded in rows_at(span, *names):
        name, value = name or "", value or ""
        shown = MASK if mode else _cut(name, value, redaction)
        if identity and shown != value:
            shown = f"{shown} ({identity[:_MARK]})"
        yield Parameter(name, shown, mode or "", excluded == "true")


def _cut(name: str, value: str, redaction: Redaction) -> str:
    """Return a parameter's value, masked; of a long one its beginning and how long it is."""
    longest = redaction.settings.max_value
    shown = redaction.value(name, value[: 10 * longest])
    if max(len(value), len(shown)) <= longest or shown == MASK:
        return shown
    return f"{shown[:longest]} … cut here: {len(value):,} characters in all"


def text_at(attributes: Attributes, name: str) -> str | None:
    """Return an attribute as text, None if there is none."""
    value = attributes.get(name)
    return value if value is None else as_text(value)


def texts_at(attributes: Attributes, name: str) -> list[str | None]:
    """Return an attribute as a list of texts."""
    value = attributes.get(name)
    if value is None:
        return []
    values = value if isinstance(value, (list, tuple)) else (value,)
    return [None if entry is None else as_text(entry) for entry in values]


def rows_at(span: WithAttributes, *names: str) -> Iterator[tuple[str | None, ...]]:
    """Return the parallel arrays `names` as rows, None where one is shorter or missing."""
    return zip_longest(*(texts_at(span.attributes, name) for name in names))


def service_of_resource(span: Span) -> str:
    """Return the name of the service that made a span."""
    return str(resource_of(span, "service.name", "unknown_service"))


def resource_of(span: Span, name: str, default: str) -> Any:
    """Return an attribute of the resource that made a span."""
    value = span.resource.get(name)
    return default if value is None else value
