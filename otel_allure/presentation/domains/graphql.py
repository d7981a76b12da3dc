"""GraphQL operations and what servers do for them.

Strawberry has names of its own: `component` and `query`, `graphql.path` and `graphql.param.*`.
"""

from __future__ import annotations

from collections.abc import Iterator

from otel_allure.model.spans import Span
from otel_allure.presentation.values import Document, Domain, as_text, cut, text_of, words
from otel_allure.redaction.redaction import Redaction

VARIABLES = "graphql.variables."
_DOCUMENT = ("graphql.document", "graphql.source")
_PATH = ("graphql.field.path", "graphql.path")


def title(span: Span) -> str | None:
    """Return type and name of the operation; of a resolver, the field's path."""
    a = span.attributes
    path = text_of(a, *_PATH)
    if path is not None:
        return f"resolve {path}"
    return words(text_of(a, "graphql.operation.type"), text_of(a, "graphql.operation.name"))


def documents(span: Span, redaction: Redaction) -> Iterator[Document]:
    """Yield the document with its variables. A resolver's is a part of the operation's."""
    a = span.attributes
    text = text_of(a, *_DOCUMENT)
    if text is None and a.get("component") == "graphql":
        text = text_of(a, "query")
    if text is None or text_of(a, *_PATH) is not None:
        return
    lines = [cut(redaction.text(text), redaction.settings.max_body)]
    for attribute, value in a.items():
        if attribute.startswith(VARIABLES):
            name = attribute[len(VARIABLES) :]
            lines.append(f"# ${name}: {redaction.value(name, as_text(value, redaction))}")
    yield Document("query.graphql", "text/plain", "txt", "\n".join(lines))


_MARKS = (
    "graphql.operation.type",
    "graphql.operation.name",
    "graphql.document",
    "graphql.source",
    *_PATH,
    "component=graphql",
)

DOMAIN = Domain(
    name="GraphQL",
    marks=_MARKS,
    title=title,
    parameters=(
        ("type", ("graphql.field.type",)),
        ("parent", ("graphql.parent.name", "graphql.parentType")),
    ),
    documents=documents,
    captured=("graphql.param.",),
    told=("component", "query"),
    internal=_MARKS,  # an operation is executed within the server's HTTP span
)
