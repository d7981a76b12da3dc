"""Functions as a service."""

from __future__ import annotations

from otel_allure.model.spans import Span
from otel_allure.presentation.values import Domain, text_of, words


def title(span: Span) -> str | None:
    """Return which function was invoked; a function's own span has its name."""
    invoked = text_of(span.attributes, "faas.invoked_name")
    return words("invoke", invoked) if invoked else None


DOMAIN = Domain(
    name="Functions",
    marks=("faas.trigger", "faas.invoked_name"),
    title=title,
    parameters=(
        ("trigger", ("faas.trigger",)),
        ("schedule", ("faas.cron",)),
        ("invocation id", ("faas.invocation_id",)),
        ("cold start", ("faas.coldstart",)),
        ("region", ("faas.invoked_region",)),
    ),
)
