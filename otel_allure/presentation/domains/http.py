"""HTTP clients and servers."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from otel_allure.model.spans import Attributes, Span
from otel_allure.presentation import http_exchange
from otel_allure.presentation.errors import HTTP_STATUS
from otel_allure.presentation.values import Document, Domain, text_of, words
from otel_allure.redaction.redaction import Redaction

_DEFAULT_PORTS = {"http": "80", "https": "443"}


def title(span: Span) -> str | None:
    """Return method, and route or path."""
    a = span.attributes
    return words(method(a), route(span) or _path(a))


def route(span: Span) -> str | None:
    """Return the path with names for its variable parts, as a server, or a client, knows it."""
    return text_of(span.attributes, "http.route", "url.template")


def path(span: Span) -> str | None:
    """Return the path that was asked for."""
    return _path(span.attributes)


def answer(span: Span) -> str | None:
    """Return the status code."""
    return text_of(span.attributes, *HTTP_STATUS)


def method(attributes: Attributes) -> str:
    """Return the method as it was sent; instrumentations say `_OTHER` of those they do not know."""
    known = text_of(attributes, "http.request.method", "http.method")
    if known and known != "_OTHER":
        return known
    return text_of(attributes, "http.request.method_original") or "HTTP"


def url(span: Span) -> str | None:
    """Return the URL; of a server, what can be told of it."""
    a = span.attributes
    full = text_of(a, "url.full", "http.url")
    if full is not None:
        return full
    target = text_of(a, "http.target")
    if target is None:
        path, query = text_of(a, "url.path"), text_of(a, "url.query")
        target = None if path is None else path + (f"?{query.lstrip('?')}" if query else "")
    host = _host(a)
    if host is None or target is None:
        return target
    return f"{text_of(a, 'url.scheme', 'http.scheme') or 'http'}://{host}{target}"


def _host(a: Attributes) -> str | None:
    host = text_of(a, "server.address", "http.host", "net.host.name", "http.server_name")
    port = text_of(a, "server.port", "net.host.port")
    if host is None or port is None or ":" in host.rpartition("]")[2]:
        return host
    scheme = text_of(a, "url.scheme", "http.scheme") or ""
    return host if _DEFAULT_PORTS.get(scheme) == port else f"{host}:{port}"


def _path(attributes: Attributes) -> str | None:
    path = text_of(attributes, "url.path", "http.target")
    if path is None:
        full = text_of(attributes, "url.full", "http.url")
        path = None if full is None else _path_of(full)
    return None if path is None else path.partition("?")[0]


def _path_of(full: str) -> str | None:
    try:
        return urlsplit(full).path or "/"
    except ValueError:  # a bracket that is never closed, for instance
        return None


def documents(span: Span, redaction: Redaction) -> Iterator[Document]:
    """Return the HTTP exchange."""
    call = title(span) or span.name
    return http_exchange.documents(span, call, method(span.attributes), url(span), redaction)


DOMAIN = Domain(
    name="HTTP",
    marks=("http.request.method", "http.method"),
    title=title,
    answer=answer,
    parameters=(
        ("url", (url,)),
        ("resends", ("http.request.resend_count", "http.resend_count")),
    ),
    documents=documents,
    switch="attach_http",
    # Frameworks make their span of a request internal where there is a span already, as with a
    # test client in the same process. Those of their middleware have no answer.
    internal=HTTP_STATUS,
)
