"""What a domain of the semantic conventions says about its spans, and how values read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from otel_allure.model.spans import Attributes, Span
from otel_allure.redaction.redaction import AS_IS, Redaction

DEEPEST_VALUE = 10
_DEEPEST_JSON = 50


class Document(NamedTuple):
    """An attachment that is made of a span."""

    name: str
    type: str
    extension: str
    body: str


def nothing(span: Span) -> None:
    """Say nothing."""


def no_documents(span: Span, redaction: Redaction) -> Iterator[Document]:
    """Make no document."""
    return iter(())


Source = str | Callable[[Span], Any]
"""Where a value comes from: the name of an attribute, or a function of the span."""


class Domain(NamedTuple):
    """Rules for the spans of a domain (HTTP, databases, ...).

    Attributes:
        name: as docs/spans.md has it.
        marks: names of attributes; a span that has one of them is of this domain. `name=value` is
            a name that others use, too.
        title: the step's name; None where there is nothing better than the span's name.
        answer: what the title ends with, `200` in `GET / → 200`; None where it says nothing.
        parameters: what is shown of the span, in this order: the parameter's name, then where its
            value comes from, new names before old ones; the first that is there counts.
        captured: beginnings of the names of attributes that are there because somebody asked for
            them, so they are parameters too.
        documents: the attachments made of the span.
        switch: the setting that can switch the documents off.
        told: attributes that title or documents tell, beside those of the parameters.
        internal: names of attributes, of which a span of the kind `internal` must have one to be
            of this domain. Without it, it is work around a call, a framework's middleware for
            instance, that carries the call's attributes.
    """

    name: str
    marks: tuple[str, ...]
    title: Callable[[Span], str | None]
    answer: Callable[[Span], str | None] = nothing
    parameters: tuple[tuple[str, tuple[Source, ...]], ...] = ()
    captured: tuple[str, ...] = ()
    documents: Callable[[Span, Redaction], Iterator[Document]] = no_documents
    switch: str = ""
    told: tuple[str, ...] = ()
    internal: tuple[str, ...] = ()


_EMPTY: tuple[Any, ...] = (None, "", (), [])


def first(attributes: Attributes, *names: str) -> Any:
    """Return the value of the first of `names` that is there and not empty."""
    for name in names:
        value = attributes.get(name)
        if value not in _EMPTY:
            return value
    return None


def text_of(attributes: Attributes, *names: str) -> str | None:
    """Return the first of `names` that is there and not empty, as text."""
    value = first(attributes, *names)
    return None if value is None else as_text(value)


def number_of(value: Any) -> int | None:
    """Return `value` as a whole number, None if it is none."""
    try:
        return int(value) if isinstance(value, float) else int(str(value))
    except (ValueError, OverflowError):
        return None


def words(*parts: str | None) -> str | None:
    """Return what is there of `parts` as one text, None if nothing is."""
    return " ".join(part for part in parts if part) or None


def server(span: Span) -> str | None:
    """Return host and port of what was called; for a server that is itself."""
    a = span.attributes
    if span.kind == "server":
        host = text_of(a, "server.address", "net.host.name")
        port = text_of(a, "server.port", "net.host.port")
    else:
        host = text_of(a, "server.address", "net.peer.name", "net.peer.ip", "network.peer.address")
        port = text_of(a, "server.port", "net.peer.port", "network.peer.port")
    return f"{host}:{port}" if host and port else host


def destination(span: Span) -> str | None:
    """Return which service was called, or where it is."""
    named = text_of(span.attributes, "service.peer.name", "peer.service") or server(span)
    if named:
        return named
    from urllib.parse import urlsplit  # not wanted by most, and slow to import

    try:
        url = urlsplit(text_of(span.attributes, "url.full", "http.url") or "")
    except ValueError:  # a URL of any kind
        return None
    return url.netloc.rpartition("@")[2] or None


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


def masked(value: Any, redaction: Redaction, depth: int = 0) -> Any:
    """Return `value`, as JSON can have it, with secrets masked by their names and their form."""
    if isinstance(value, (str, bytes)):
        return redaction.text(as_text(value))
    if depth >= _DEEPEST_JSON and isinstance(value, (list, tuple, Mapping)):
        return "…"
    if isinstance(value, Mapping):
        return {
            str(name): redaction.value(str(name), as_text(entry))
            if redaction.is_sensitive(str(name))
            else masked(entry, redaction, depth + 1)
            for name, entry in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [masked(entry, redaction, depth + 1) for entry in value]
    return value


def shortened(text: str, longest: int) -> str:
    """Return `text`, or its beginning and a mark."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def cut(text: str, longest: int) -> str:
    """Return `text`, or its beginning and how much is missing."""
    if len(text) <= longest:
        return text
    return f"{text[:longest]}\n… cut here: {len(text):,} characters in all"
