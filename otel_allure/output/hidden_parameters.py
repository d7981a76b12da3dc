"""What results say to whoever joins them, not to people: in parameters that no report shows."""

from __future__ import annotations

from collections.abc import Iterator

from allure_commons.model2 import ExecutableItem, Parameter
from allure_commons.types import ParameterMode

SPAN = "otel.span"
"""Of steps and results: the id of their span, or of each of several."""
BELOW = "otel.below"
"""Of a part: the id of the span that it belongs below."""
CALL = "otel.call"
"""Of steps and results: of which call they are which side, `client HTTP GET` for example."""
SERVED = "otel.served"
"""Of a call that is one step with its server's part: what both were, as JSON."""
OWN_MESSAGE = "otel.message"
"""Of a result whose message says more since a part of another program is in it: what it was."""
INSIDE = "otel.inside"
"""Of a step in such a part: the id of the part's span."""


def tell(item: ExecutableItem, name: str, value: str) -> None:
    """Say something of an item."""
    hidden = ParameterMode.HIDDEN.value
    item.parameters.append(Parameter(name=name, value=value, excluded=True, mode=hidden))


def all_told(item: ExecutableItem, name: str) -> Iterator[str]:
    """Yield what is said of an item by that name."""
    return (str(p.value) for p in item.parameters if p.name == name)


def told(item: ExecutableItem, name: str) -> str | None:
    """Return what is said of an item by that name, the first of several, None if nothing is."""
    return next(all_told(item, name), None)


def is_hidden(parameter: Parameter) -> bool:
    """Whether no report shows a parameter."""
    return bool(parameter.mode == ParameterMode.HIDDEN.value)
