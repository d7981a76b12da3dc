"""Semantic conventions -> what people read: title, parameters, documents and outcome of a span.

Tables of rules: a file for each domain, old and new attribute names alike. The names are those of
the OpenTelemetry semantic conventions 1.44; what 0.66b1 of the Python instrumentations still emits
by default are the older ones. docs/spans.md has the rules for users.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from otel_allure.model import conventions as c
from otel_allure.model.outcome import OK, Outcome
from otel_allure.model.settings import DEFAULTS, Settings
from otel_allure.model.spans import Log, Span, service_of
from otel_allure.presentation.values import (
    Document,
    Domain,
    Source,
    as_text,
    first,
    server,
    shortened,
    text_of,
)
from otel_allure.redaction.lazy import lazy
from otel_allure.redaction.places import MASK
from otel_allure.redaction.redaction import Redaction

if TYPE_CHECKING:
    from otel_allure.presentation.errors import Error

# What is about calls is imported when there is one: many tests have steps only.

__all__ = ["Document", "Presentation", "as_text"]

_MOST_OTHERS = 30
_UNNAMED = "unnamed span"

# Technical namespaces. Of a span that a domain knows, only what is outside of them is shown beside
# the domain's own parameters: somebody thought that it is worth it.
_TECHNICAL = lazy(
    r"(?:allure|asgi|aws|azure?|browser|celery|client|cloud|code|container|db|destination|dns|"
    r"elasticsearch|error|event|exception|express|faas|fastapi|flask|gcp|gen_ai|graphql|host|http|"
    r"jsonrpc|k8s|koa|log|logfire|messaging|nestjs|net|network|openai|otel|peer|process|rpc|server|"
    r"service|source|system|telemetry|thread|tls|url|user_agent)(?:\.|$)"
)
# Of others, everything is shown but what is said elsewhere or is about the process.
_UNTOLD = lazy(
    r"(?:allure|asgi|client|code|error|exception|http|logfire|net|network|otel|process|server|"
    r"telemetry|thread|url|user_agent)(?:\.|$)"
)

_UNPRINTABLE = lazy(r"[\s\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")
_URL_START = lazy(r"\b(?:[a-z][a-z0-9+.-]{0,30}://|mailto:)(?:www\.)?|\bwww\.", re.IGNORECASE)


_METHOD = lazy(r"_?(?:xunit|unittest)_(setup|setUp)(\w*?)_fixture_(.+)")
"""What pytest calls the fixtures that it makes of an author's `setup_class`, `setUpClass` ..."""
_TEAR_DOWN = {"setup": "teardown", "setUp": "tearDown"}


def _is_unnamed(finalizer: str) -> bool:
    """Whether pytest or nobody has named it."""
    return finalizer.isdigit() or finalizer in ("finalizer", "<lambda>")


class Presentation:
    """How spans are shown: by which settings, and with which secrets masked."""

    def __init__(self, settings: Settings = DEFAULTS, redaction: Redaction | None = None) -> None:
        self.settings = settings
        self.redaction = redaction or Redaction(settings)

    def knowing(self, spans: Iterable[Span], logs: Iterable[Log] = ()) -> Presentation:
        """Return one that masks the secrets of these spans and log records wherever they are."""
        texts = [log.text for log in sorted(logs, key=lambda log: log.time_ns)]
        secrets = self.redaction.secrets_of(spans) | self.redaction.secrets_of_logs(texts)
        redaction = self.redaction.knowing(secrets)
        return self if redaction is self.redaction else Presentation(self.settings, redaction)

    def title(self, span: Span, above: Span | None = None) -> str:
        """Return the step's name: a span's of ours is its own, others' are by their domain.

        Args:
            span: the span.
            above: what called it, if that is known. A server of another service is shown with the
                service's name.
        """
        if c.KIND in span.attributes:
            return self.redaction.text(span.name) or _UNNAMED
        text = self.call(span)
        answer = next(filter(None, (domain.answer(span) for domain in _domains(span))), None)
        end = f" → {self._line(answer)}" if answer else ""
        service = _called_service(span, above)
        if service:
            end += f" ({self._line(service)})"
        longest = self.settings.max_title
        return shortened(text, max(longest - len(end), longest // 2)) + end

    def call(self, span: Span) -> str:
        """Return what was called: the title, but for the answer and the service."""
        if c.KIND in span.attributes:
            return self.redaction.text(span.name) or _UNNAMED
        titles = (domain.title(span) for domain in _domains(span))
        return self._line(next(filter(None, titles), span.name)) or _UNNAMED

    def fixture(self, span: Span) -> str:
        """Return the name of a fixture; of a tear-down the fixture's, and what it calls, if any."""
        name = self.redaction.text(span.name)
        if self.settings.fixtures != "own":
            return name
        is_after = span.attributes.get(c.PHASE_NAME) == "after"
        of, separator, finalizer = name.rpartition("::")
        if is_after and separator and of:
            name = of if _is_unnamed(finalizer) else f"{of} ({finalizer})"
        method = _METHOD.fullmatch(name)
        if method is None:
            return name
        what, kind, where = method.groups()
        return f"{_TEAR_DOWN[what] if is_after else what}{kind} of {where}"

    def authors(self, span: Span) -> str:
        """Return what a step or fixture of the author's is, and how it is called."""
        if span.attributes[c.KIND] != c.FIXTURE:
            return f'step "{self.redaction.text(span.name)}"'
        is_after = span.attributes.get(c.PHASE_NAME) == "after"
        return f'{"tear-down of " if is_after else ""}fixture "{self.fixture(span)}"'

    def _line(self, text: str) -> str:
        """Return `text` as part of a title: one line, and nothing that is drawn as a link."""
        text = self.redaction.text(text[: 10 * self.settings.max_value])
        text = _URL_START.sub("", _UNPRINTABLE.sub(" ", text).strip())
        return shortened(text, self.settings.max_title)

    def parameters(self, span: Span) -> Iterator[tuple[str, str]]:
        """Yield name and value of what is worth knowing about a span that is not ours."""
        domains = _domains(span)
        told: set[str] = set()
        for name, sources in _rules(span, domains):
            if name in told:
                continue
            for source in sources:
                value = _value_of(span, source)
                if value is not None:
                    told.add(name)
                    label = source if isinstance(source, str) else name
                    yield name, self._value(label, value)
                    break
        yield from self._uncoloured(span)
        service = service_of(span)
        if service:
            yield "service", self._value("service.name", service)
        yield from self._others(span, domains)

    def _uncoloured(self, span: Span) -> Iterator[tuple[str, str]]:
        """Yield what went wrong, where the step's status does not say so."""
        from otel_allure.presentation.errors import error_of, exception_of

        error = error_of(span)
        if error is None:
            raised = exception_of(span)
            if raised is not None:
                yield "exception", self._value("exception", str(raised))
        elif error.message and not self._colours(span, error):
            yield "error", self._value("error", error.message)

    def _others(self, span: Span, domains: list[Domain]) -> Iterator[tuple[str, str]]:
        everything = self.settings.span_parameters == "all"
        captured = tuple(prefix for domain in domains for prefix in domain.captured)
        hidden = _TECHNICAL if domains else _UNTOLD
        told = {name for domain in domains for name in domain.told}
        told.update(
            s for _, sources in _rules(span, domains) for s in sources if isinstance(s, str)
        )
        names = [
            name
            for name in span.attributes
            if name.startswith(captured)
            or (
                not name.startswith("allure.")
                if everything
                else name not in told and hidden.match(name) is None
            )
        ]
        most = len(names) if everything else _MOST_OTHERS
        for name in names[:most]:
            yield name, self._value(name, span.attributes[name])
        if len(names) > most:
            yield "…", f"{len(names) - most} more attributes"

    def _value(self, name: str, value: object) -> str:
        from otel_allure.presentation import sql

        # Masking ten times what is shown: cheap enough, and no half of a secret is left.
        text = as_text(value, self.redaction)[: 10 * self.settings.max_value]
        if name in ("query", *sql.QUERY):
            text = self.redaction.sql(text)
        elif self.redaction.masks_sql and name.startswith((sql.PARAMETER, sql.PARAMETERS)):
            text = MASK
        return shortened(self.redaction.value(name, text), self.settings.max_value)

    def documents(self, span: Span) -> Iterator[Document]:
        """Yield the attachments that are made of a span that is not ours."""
        for domain in _domains(span):
            if not domain.switch or getattr(self.settings, domain.switch):
                yield from domain.documents(span, self.redaction)

    def log_lines(self, log: Log) -> str:
        """Return a log record as it is shown in a step: time, level, logger and message."""
        from otel_allure.presentation.log_lines import log_lines

        return log_lines(log, self.redaction)

    def _colours(self, span: Span, error: Error) -> bool:
        """Whether the error is shown as the span's status. That of a test always is."""
        return error.kind in self.settings.span_errors or _is_test(span)

    def outcome(self, span: Span) -> Outcome:
        """Return how a span from instrumentation ended.

        Which errors colour it is a setting; what does not is a parameter.
        """
        from otel_allure.presentation.errors import error_of

        error = error_of(span)
        if error is None or not self._colours(span, error):
            return OK
        text = self.redaction.text
        message = error.message or error.answer or "error"
        if error.answer and error.message and not error.trace:
            message = f"{error.answer}: {error.message}"
        if not error.trace:
            return Outcome(error.status, text(message), None)
        from otel_allure.presentation.stack_traces import folded

        return Outcome(error.status, text(message), folded(text(error.trace)) or None)


def _domains(span: Span) -> list[Domain]:
    from otel_allure.presentation.domains.table import domains_of

    return domains_of(span)


def _is_test(span: Span) -> bool:
    """Whether it is a test of another producer: its error is no call's, but the verdict."""
    a = span.attributes
    return c.TEST_CASE_NAME in a or a.get(c.PYTEST_SPAN_TYPE) == "test"


def _rules(span: Span, domains: list[Domain]) -> Iterator[tuple[str, tuple[Source, ...]]]:
    for domain in domains:
        yield from domain.parameters
    if not domains and span.kind != "internal":  # a call of something that no domain knows
        yield "server", (server,)
        yield "scope", (lambda span: span.scope or None,)


def _value_of(span: Span, source: Source) -> object:
    return first(span.attributes, source) if isinstance(source, str) else source(span)


def _called_service(span: Span, above: Span | None) -> str | None:
    """Return the service that was called, where that is not the caller's own."""
    if span.kind in ("client", "producer"):
        return text_of(span.attributes, "service.peer.name", "peer.service")
    if above is None or span.kind not in ("server", "consumer"):
        return None
    service = service_of(span)
    return None if service == service_of(above) else service
