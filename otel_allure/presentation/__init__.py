"""Semantic conventions -> what people read: title, parameters, documents and outcome of a span.

Tables of rules: a file for each domain, tried in order, old and new attribute names alike. The
names are those of the OpenTelemetry semantic conventions 1.44; what 0.66b1 of the Python
instrumentations still emits by default are the older ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from otel_allure import conventions as c
from otel_allure.outcome import BROKEN, FAILED, OK, Outcome
from otel_allure.presentation import databases, http
from otel_allure.presentation.domain import Document, Domain, as_text, first
from otel_allure.redaction import Redaction
from otel_allure.settings import DEFAULTS, Settings
from otel_allure.spans import Span

__all__ = ["Document", "Presentation", "as_text"]

_LONGEST_TITLE = 120
_LONGEST_VALUE = 2000
_UNNAMED = "unnamed span"

_DOMAINS: tuple[Domain, ...] = (http.DOMAIN, databases.DOMAIN)

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


class Presentation:
    """How spans are shown: by which settings, and with which secrets masked."""

    def __init__(self, settings: Settings = DEFAULTS, redaction: Redaction | None = None) -> None:
        self.settings = settings
        self.redaction = redaction or Redaction(settings)

    def title(self, span: Span) -> str:
        """Return the step's name: a span's of ours is its own, others' are by their domain."""
        if c.KIND in span.attributes:
            return span.name or _UNNAMED
        domain = _domain(span)
        text = domain.title(span) if domain is not None else None
        if text is None:
            return self.redaction.text(span.name) or _UNNAMED
        return _shortened(self.redaction.text(text), _LONGEST_TITLE)

    def parameters(self, span: Span) -> Iterator[tuple[str, str]]:
        """Yield name and value of what is worth knowing about a span that is not ours."""
        service = span.resource.get("service.name")
        if service and not str(service).startswith("unknown_service"):
            yield "service", str(service)
        for name, value in span.attributes.items():
            if not name.startswith(_UNTOLD):
                # Masking ten times what is shown: cheap enough, and no half of a secret is left.
                text = as_text(value, self.redaction)[: 10 * _LONGEST_VALUE]
                yield name, _shortened(self.redaction.value(name, text), _LONGEST_VALUE)

    def documents(self, span: Span) -> Iterator[Document]:
        """Yield the attachments that are made of a span that is not ours."""
        domain = _domain(span)
        if domain is not None:
            yield from domain.documents(span, self.redaction)

    def outcome(self, span: Span) -> Outcome:
        """Return how a span from instrumentation ended.

        A client span is an error for every 4xx, also when a 404 is what the test wants to see. So
        an error colours the step where something was raised, or where the server itself failed.
        As with steps, a failed check makes it failed and anything else broken.
        """
        if span.status != "error":
            return OK
        exception = _exception(span)
        status_code = first(span.attributes, "http.response.status_code", "http.status_code")
        if exception is None and _is_expected(status_code):
            return OK
        text = self.redaction.text
        if exception is not None:
            status = FAILED if exception.type == "AssertionError" else BROKEN
            message = f"{exception.type}: {exception.message}".strip(": ") or span.status_message
            return Outcome(status, text(message), text(exception.stacktrace) or None)
        error_type = first(span.attributes, "error.type")
        message = span.status_message or as_text(error_type or status_code or "error")
        return Outcome(BROKEN, text(message))


def _domain(span: Span) -> Domain | None:
    """Return the domain of the span; work inside of a process has none, whatever it carries."""
    if span.kind == "internal":
        return None
    marks = span.attributes.keys()
    return next((d for d in _DOMAINS if not marks.isdisjoint(d.marks)), None)


def _shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


class _Exception(NamedTuple):
    type: str
    message: str
    stacktrace: str


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
