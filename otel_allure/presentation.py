"""Semantic conventions -> what people read: the title, parameters and outcome of a span.

Tables of rules: a row for each domain, tried in order, old and new attribute names alike. The
names are those of the OpenTelemetry semantic conventions 1.44; what 0.66b1 of the Python
instrumentations still emits by default are the older ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from otel_allure import conventions as c
from otel_allure.outcome import BROKEN, FAILED, OK, Outcome
from otel_allure.redaction import redacted, redacted_text
from otel_allure.spans import Attributes, Span

_LONGEST_TITLE = 120
_LONGEST_VALUE = 2000
_DEEPEST_VALUE = 10
_UNNAMED = "unnamed span"


def first(attributes: Attributes, *names: str) -> Any:
    """Return the value of the first of `names` that is there and not empty."""
    for name in names:
        value = attributes.get(name)
        if value is not None and value != "":
            return value
    return None


# -- titles


def _http(span: Span) -> str | None:
    a = span.attributes
    method = first(a, "http.request.method", "http.method")
    if method is None:
        return None
    place = first(a, "http.route", "url.template") or _path(a)
    status = first(a, "http.response.status_code", "http.status_code")
    title = " ".join(as_text(part) for part in (method, place) if part is not None)
    return title if status is None else f"{title} → {as_text(status)}"


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


def _database(span: Span) -> str | None:
    a = span.attributes
    if first(a, "db.system.name", "db.system") is None:
        return None
    summary = first(a, "db.query.summary")
    if summary is not None:
        return as_text(summary)
    text = first(a, "db.query.text", "db.statement")
    if text is not None:
        return _query_summary(as_text(text)[:_LONGEST_VALUE])
    operation = first(a, "db.operation.name", "db.operation")
    target = first(a, "db.collection.name", "db.sql.table", "db.namespace", "db.name")
    return " ".join(as_text(part) for part in (operation, target) if part is not None) or None


_SQL_COMMENT = re.compile(r"/\*.*?\*/|--[^\n]*", re.DOTALL)
_SQL_TARGET = re.compile(
    r"\b(?:from|into|update|join|table(?:\s+if(?:\s+not)?\s+exists)?)\s+([\w.\"`]+)", re.IGNORECASE
)


def _query_summary(text: str) -> str | None:
    """Return operation and first table of a query, as `db.query.summary` would have them."""
    statement = _SQL_COMMENT.sub(" ", text).strip().partition(";")[0]
    operation = statement.split(maxsplit=1)[:1]
    if not operation:
        return None
    target = _SQL_TARGET.search(statement)
    words = [operation[0].upper(), *([target[1].strip('"`')] if target else [])]
    return " ".join(words)


_TITLES: tuple[Callable[[Span], str | None], ...] = (_http, _database)


def title(span: Span) -> str:
    """Return the step's name; for a span of ours it is the span's, for others see the table."""
    if c.KIND in span.attributes:
        return span.name or _UNNAMED
    text = None
    if span.kind != "internal":
        text = next(filter(None, (rule(span) for rule in _TITLES)), None)
    if text is None:
        return redacted_text(span.name) or _UNNAMED
    return _shortened(redacted_text(text), _LONGEST_TITLE)


def _shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


# -- parameters

# Said elsewhere (title, status, place in the tree), or about the process and not the call.
_UNTOLD = (
    "allure.",
    "otel.",
    "telemetry.",
    "thread.",
    "exception.",
    "http.flavor",
    "http.host",
    "http.method",
    "http.request.method",
    "http.response.status_code",
    "http.route",
    "http.scheme",
    "http.server_name",
    "http.status_code",
    "http.target",
    "net.host.",
    "net.peer.",
    "net.transport",
    "network.protocol.",
    "server.",
    "url.path",
    "url.scheme",
)


def parameters(span: Span) -> Iterator[tuple[str, str]]:
    """Yield name and value of what is worth knowing about a span that is not ours."""
    service = span.resource.get("service.name")
    if service and not str(service).startswith("unknown_service"):
        yield "service", str(service)
    for name, value in span.attributes.items():
        if not name.startswith(_UNTOLD):
            # Masking ten times what is shown: cheap enough, and no half of a secret is left over.
            text = as_text(value)[: 10 * _LONGEST_VALUE]
            yield name, _shortened(redacted(name, text), _LONGEST_VALUE)


def as_text(value: Any, depth: int = 0) -> str:
    """Return an attribute's value for people; anything has one."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if depth >= _DEEPEST_VALUE and isinstance(value, (list, tuple, Mapping)):
        return "…"
    if isinstance(value, (list, tuple)):
        return ", ".join(as_text(entry, depth + 1) for entry in value)
    if isinstance(value, Mapping):
        items = ((str(name), as_text(entry, depth + 1)) for name, entry in value.items())
        return "{" + ", ".join(f"{name}: {redacted(name, entry)}" for name, entry in items) + "}"
    return str(value)


# -- outcome


class _Exception(NamedTuple):
    type: str
    message: str
    stacktrace: str


def outcome(span: Span) -> Outcome:
    """Return how a span from instrumentation ended.

    A client span is an error for every 4xx, also when a 404 is what the test wants to see. So an
    error colours the step where something was raised, or where the server itself failed. As with
    steps, a failed check makes it failed and anything else broken.
    """
    if span.status != "error":
        return OK
    exception = _exception(span)
    status_code = first(span.attributes, "http.response.status_code", "http.status_code")
    if exception is None and _is_expected(status_code):
        return OK
    if exception is not None:
        status = FAILED if exception.type == "AssertionError" else BROKEN
        message = f"{exception.type}: {exception.message}".strip(": ") or span.status_message
        return Outcome(status, redacted_text(message), redacted_text(exception.stacktrace) or None)
    error_type = first(span.attributes, "error.type")
    message = span.status_message or as_text(error_type or status_code or "error")
    return Outcome(BROKEN, redacted_text(message))


def _is_expected(status_code: object) -> bool:
    try:
        return status_code is not None and 400 <= int(str(status_code)) < 500
    except ValueError:
        return False


def _exception(span: Span) -> _Exception | None:
    for event in reversed(span.events):
        if event.name == "exception":
            names = ("exception.type", "exception.message", "exception.stacktrace")
            return _Exception(*(as_text(event.attributes.get(name) or "") for name in names))
    return None
