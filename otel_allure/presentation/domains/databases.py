"""Databases, SQL and others."""

from __future__ import annotations

import re
from collections.abc import Iterator

from otel_allure.model.spans import Attributes, Span
from otel_allure.presentation import sql
from otel_allure.presentation.values import Document, Domain, server, text_of, words
from otel_allure.redaction.redaction import Redaction

OPERATION = ("db.operation.name", "db.operation")
_TARGET = (
    "db.collection.name",
    "db.sql.table",
    "db.mongodb.collection",
    "db.cassandra.table",
    "db.cosmosdb.container",
    "aws.dynamodb.table_names",
    "elasticsearch.target",
    "db.stored_procedure.name",
)
# Their query is a command, a document or a language of its own.
_NOT_SQL = {
    "aws.dynamodb",
    "couchdb",
    "dynamodb",
    "elasticsearch",
    "geode",
    "hbase",
    "memcached",
    "mongodb",
    "neo4j",
    "opensearch",
    "redis",
    "valkey",
}
_OF_KEYS = {"dragonfly", "keydb", "memcached", "redis", "valkey"}
_NO_KEY = re.compile(r"[?{\['\"]|b['\"]")
"""What instrumentations write for a value that they do not tell; or it is no key."""
_WITHOUT_KEY = {"ACL", "AUTH", "CONFIG", "ECHO", "EVAL", "EVALSHA", "HELLO", "MIGRATE", "SCRIPT"}
"""Commands whose first argument is no key, but a password or a script, maybe."""
_MARKS = ("db.system.name", "db.system")
_LONGEST_QUERY_FOR_TITLE = 2000
_SHORT_QUERY = 72


def title(span: Span) -> str | None:
    """Return operation and target, as `db.query.summary` has them.

    Of a database that has keys it is command and key, after its name: `GET` alone says little.
    """
    a = span.attributes
    system = text_of(a, *_MARKS)
    if system in _OF_KEYS:
        return _command_and_key(system, span)
    summary = text_of(a, "db.query.summary")
    if summary is not None:
        return summary
    query = text_of(a, *sql.QUERY)
    if query is not None and is_sql(a, query):
        found = sql.summary(query[:_LONGEST_QUERY_FOR_TITLE])
        if found is not None:
            return found
    operation = text_of(a, *OPERATION)
    if operation is not None:
        return words(operation, text_of(a, *_TARGET, "db.namespace", "db.name"))
    command = _command(query)
    return words(command, text_of(a, *_TARGET)) if command else None


def has_keys(a: Attributes) -> bool:
    """Whether a database is one of keys and values."""
    return text_of(a, *_MARKS) in _OF_KEYS


def _command_and_key(system: str, span: Span) -> str | None:
    query = (text_of(span.attributes, *sql.QUERY) or "").strip()
    if "\n" in query:  # several commands
        return words(system, span.name)
    command, *arguments = query.split(maxsplit=2) or [text_of(span.attributes, *OPERATION) or ""]
    key = next((key for key in arguments[:1] if not _NO_KEY.match(key)), None)
    if command.upper() in _WITHOUT_KEY:
        key = None
    return words(system, command or span.name, key)


def _command(query: str | None) -> str | None:
    """Return the first word of a query that is one command, `GET` of `GET ?`."""
    if query is None or "\n" in query.strip():
        return None
    word = query.split(maxsplit=1)[:1]
    return word[0] if word and word[0].isalpha() else None


def is_sql(a: Attributes, query: str) -> bool:
    """Whether a query is SQL, going by the database and by how it begins."""
    system = text_of(a, "db.system.name", "db.system") or ""
    return system not in _NOT_SQL and not query.lstrip().startswith(("{", "["))


def _short_query(span: Span) -> str | None:
    """Return a query that needs no attachment, and says more than the title."""
    query = text_of(span.attributes, *sql.QUERY)
    if query is None or not _is_short(query) or sql.has_parameters(span.attributes):
        return None
    return None if _is_title(query, span) else query


def _is_short(query: str) -> bool:
    return len(query) <= _SHORT_QUERY and "\n" not in query


def _is_title(query: str, span: Span) -> bool:
    if not is_sql(span.attributes, query):
        return False
    return query.strip().rstrip(";").strip().upper() == (title(span) or "").upper()


def documents(span: Span, redaction: Redaction) -> Iterator[Document]:
    """Yield the query with its parameters, where it is too long to be a parameter of the step.

    It is named after what it does. Not just so, as the report tools draw a step with one
    attachment of its own name as that attachment.
    """
    a = span.attributes
    query = text_of(a, *sql.QUERY)
    if query is None:
        return
    name = redaction.text(title(span) or "query")
    if not is_sql(a, query):
        if not _is_short(query):
            body = sql.bounded(redaction.sql(query), redaction)
            yield Document(f"{name}.txt", "text/plain", "txt", body)
        return
    parameters = sql.parameters(query, a, redaction)
    if parameters or not (_is_short(query) or _is_title(query, span)):
        body = sql.document(query, parameters, redaction)
        yield Document(f"{name}.sql", "text/plain", "txt", body)


DOMAIN = Domain(
    name="Databases",
    marks=_MARKS,
    title=title,
    parameters=(
        ("query", (_short_query,)),
        ("system", _MARKS),
        ("server", (server,)),
        ("database", ("db.namespace", "db.name", "db.redis.database_index")),
        ("procedure", ("db.stored_procedure.name",)),
        ("batch size", ("db.operation.batch.size",)),
        ("rows", ("db.response.returned_rows",)),
        ("status code", ("db.response.status_code",)),
    ),
    documents=documents,
    switch="attach_sql",
    internal=_MARKS,  # as the conventions allow for databases that are embedded
)
