"""What a call is: SQL, HTTP and the others, by the tables of the presentation. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from otel_allure.assertions.view import View
from otel_allure.model import conventions as c
from otel_allure.model.spans import Attributes, Span
from otel_allure.presentation import sql
from otel_allure.presentation.domains import databases, http, messaging, rpc
from otel_allure.presentation.domains.table import domains_of
from otel_allure.presentation.values import text_of

_CACHES = ("memcached", "redis", "valkey")


def _system(attributes: Attributes) -> str | None:
    return text_of(attributes, "db.system.name", "db.system")


def _is_sql(span: Span) -> bool:
    """Whether a query of SQL was made; to connect is none."""
    if databases.DOMAIN not in domains_of(span):
        return False
    query = text_of(span.attributes, *sql.QUERY)
    asks = query or text_of(span.attributes, "db.query.summary", *databases.OPERATION)
    return bool(asks) and databases.is_sql(span.attributes, query or "")


def _is_cache(span: Span) -> bool:
    return databases.DOMAIN in domains_of(span) and _system(span.attributes) in _CACHES


def _is_call(span: Span) -> bool:
    return c.KIND not in span.attributes and (span.kind != "internal" or bool(domains_of(span)))


CALLS: dict[str, Callable[[Span], bool]] = {
    "sql": _is_sql,
    "http": lambda span: http.DOMAIN in domains_of(span),
    "rpc": lambda span: rpc.DOMAIN in domains_of(span),
    "messages": lambda span: messaging.DOMAIN in domains_of(span),
    "cache": _is_cache,
    "calls": _is_call,
}
"""The kinds of calls that can be asked for."""


def one_per_call(spans: Iterable[Span], view: View) -> list[Span]:
    """Return the spans without those by which a call among them is told again.

    Client and server tell of one call both, and so do two instrumentations, one below the other.
    """
    spans = list(spans)
    ids = {span.span_id for span in spans}
    return [span for span in spans if not _is_told_again(span, ids, view)]


def _is_told_again(span: Span, ids: set[int], view: View) -> bool:
    above = view.parent(span)
    if above is None or above.span_id not in ids or above.kind != "client":
        return False
    return span.kind in ("server", "internal") or (
        span.kind == "client" and view.title(span) == view.title(above)
    )
