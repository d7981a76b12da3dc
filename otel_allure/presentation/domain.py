"""What a domain of the semantic conventions says about its spans, and how values read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from otel_allure.redaction import AS_IS, Redaction
from otel_allure.spans import Attributes, Span

DEEPEST_VALUE = 10


class Document(NamedTuple):
    """An attachment that is made of a span."""

    name: str
    type: str
    extension: str
    body: str


def nothing(span: Span, redaction: Redaction) -> Iterator[Document]:
    """Make no document."""
    return iter(())


class Domain(NamedTuple):
    """Rules for the spans of a domain (HTTP, databases, ...).

    Attributes:
        marks: names of attributes; a span that has one of them is of this domain.
        title: the step's name; None where there is nothing better than the span's name.
        parameters: what is shown of the span, in this order: the parameter's name, and the
            attributes that hold its value, the first that is there counts.
        documents: the attachments made of the span.
    """

    marks: tuple[str, ...]
    title: Callable[[Span], str | None]
    parameters: tuple[tuple[str, tuple[str, ...]], ...] = ()
    documents: Callable[[Span, Redaction], Iterator[Document]] = nothing


def first(attributes: Attributes, *names: str) -> Any:
    """Return the value of the first of `names` that is there and not empty."""
    for name in names:
        value = attributes.get(name)
        if value is not None and value != "":
            return value
    return None


def as_text(value: Any, redaction: Redaction = AS_IS, depth: int = 0) -> str:
    """Return an attribute's value for people; anything has one.

    Values inside of maps are masked by their names; the whole is left to the caller.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if depth >= DEEPEST_VALUE and isinstance(value, (list, tuple, Mapping)):
        return "…"
    if isinstance(value, (list, tuple)):
        return ", ".join(as_text(entry, redaction, depth + 1) for entry in value)
    if isinstance(value, Mapping):
        items = ((str(name), as_text(entry, redaction, depth + 1)) for name, entry in value.items())
        return "{" + ", ".join(f"{k}: {redaction.value(k, v)}" for k, v in items) + "}"
    return str(value)
