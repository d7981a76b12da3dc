"""Databases, SQL and others."""

from __future__ import annotations

import re

from otel_allure.presentation.domain import Domain, as_text, first
from otel_allure.spans import Span

_LONGEST_QUERY = 2000  # for the title


def title(span: Span) -> str | None:
    """Return operation and target, as `db.query.summary` has them."""
    a = span.attributes
    if first(a, "db.system.name", "db.system") is None:
        return None
    summary = first(a, "db.query.summary")
    if summary is not None:
        return as_text(summary)
    text = first(a, "db.query.text", "db.statement")
    if text is not None:
        return _query_summary(as_text(text)[:_LONGEST_QUERY])
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


DOMAIN = Domain(marks=("db.system.name", "db.system"), title=title)
