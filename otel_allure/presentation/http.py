"""HTTP clients and servers."""

from __future__ import annotations

from urllib.parse import urlsplit

from otel_allure.presentation.domain import Domain, as_text, first
from otel_allure.spans import Attributes, Span


def title(span: Span) -> str | None:
    """Return method, route or path, and status."""
    a = span.attributes
    method = first(a, "http.request.method", "http.method")
    if method is None:
        return None
    place = first(a, "http.route", "url.template") or _path(a)
    status = first(a, "http.response.status_code", "http.status_code")
    text = " ".join(as_text(part) for part in (method, place) if part is not None)
    return text if status is None else f"{text} → {as_text(status)}"


def _path(attributes: Attributes) -> str | None:
    path = first(attributes, "url.path", "http.target")
    if path is None:
        url = first(attributes, "url.full", "http.url")
        path = None if url is None else _path_of(as_text(url))
    return None if path is None else as_text(path).partition("?")[0]


def _path_of(url: str) -> str | None:
    try:
        return urlsplit(url).path or "/"
    except ValueError:  # a bracket that is never closed, for instance
        return None


DOMAIN = Domain(marks=("http.request.method", "http.method"), title=title)
