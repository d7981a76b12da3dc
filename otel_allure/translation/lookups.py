"""What a call looks up, whichever thing it is: calls of one lookup may be the many of an N+1. Pure.

What in a call is a thing's own is found where that is certain: literals of queries, parts of paths
that have a digit, the route that a server tells, the word behind a collection (`/users/alice`).
Two words of a path are not taken for two things elsewhere: `/api/users` and `/api/orders` are not.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from itertools import zip_longest

from otel_allure.model.spans import Span, service_of
from otel_allure.presentation import sql
from otel_allure.presentation.domains import databases, http
from otel_allure.presentation.domains.table import domains_of
from otel_allure.presentation.presentation import Presentation
from otel_allure.presentation.values import text_of
from otel_allure.translation.span_tree import SpanTree

_READING = ("SELECT", "WITH")
_BEFORE_QUERY = "( \t\r\n"
_PING = re.compile(r"SELECT\s+(?:1|TRUE)\s*;?", re.IGNORECASE)
"""Whether the database is there, as pools ask. With other numbers it is a query of things."""
_SAFE_METHODS = ("GET", "HEAD", "QUERY")
_NO_LOOKUPS = ("Generative AI", "Messaging", "Functions")
_LITERAL = re.compile(r"'(?:[^']|'')*'|\b\d+(?:\.\d+)?\b")
# Pages of one list, each of which needs the one before, or is wanted only if that one is full.
_NEXT_ROWS = re.compile(r"\boffset\b", re.IGNORECASE)
_NEXT_PAGE = re.compile(
    r"[?&;](?:page\w*|offset|skip|start\w*|after|before|since|cursor|marker|next\w*|continuation\w*)=",
    re.IGNORECASE,
)


def lookup(span: Span, tree: SpanTree, presentation: Presentation) -> Hashable | None:
    """Return what a call looks up; None if it is no reading call."""
    domains = domains_of(span)
    is_query = databases.DOMAIN in domains
    if span.kind != "client" and not (span.kind == "internal" and is_query):
        return None
    if any(domain.name in _NO_LOOKUPS for domain in domains):
        return None
    text, where = presentation.call(span), None
    if is_query:
        text = query_pattern(span) or text
        if databases.has_keys(span.attributes):
            if _writes_or_waits(text if query_pattern(span) else span.name):
                return None
            text = _KEY.sub("*", text)
        elif databases.is_sql(span.attributes, text) and (
            not _is_first_page(text) or _is_ping(span)
        ):
            return None
    elif http.DOMAIN in domains:
        if http.method(span.attributes) not in _SAFE_METHODS:
            return None
        if _NEXT_PAGE.search(http.url(span) or ""):
            return None
        text, where = _request(span, tree), _host(span)
    return span.scope, service_of(span), span.kind, where, text


def _is_first_page(query: str) -> bool:
    """Whether a query without its values reads something, and no further page of it."""
    told = query.lstrip(_BEFORE_QUERY).upper()
    return told.startswith(_READING) and not _NEXT_ROWS.search(query)


def _is_ping(span: Span) -> bool:
    text = sql.without_comments(text_of(span.attributes, *sql.QUERY) or "")
    return _PING.fullmatch(text) is not None


def _writes_or_waits(command: str) -> bool:
    """Whether a command of a database with keys changes them, or waits until there is something."""
    return bool(_NO_READING.fullmatch(command.strip().partition(" ")[0]))


def looked_up(calls: Sequence[Span], tree: SpanTree, presentation: Presentation) -> str:
    """Return the name of calls of one lookup, with a `*` for what is each one's own."""
    names = {presentation.call(span) for span in calls}
    if len(names) == 1:
        return names.pop()
    if http.DOMAIN in domains_of(calls[0]):
        return presentation.redaction.text(_request(calls[0], tree))
    first, last = min(names), max(names)
    same = next(i for i, (one, other) in enumerate(zip_longest(first, last)) if one != other)
    return re.sub(r"\w+$", "", first[:same]) + "*"  # not within a word


def query_pattern(span: Span) -> str:
    """Return the text of a query without its values and comments, empty if there is none."""
    text = _LITERAL.sub("?", text_of(span.attributes, *sql.QUERY) or "").strip()
    return sql.without_comments(text) if databases.is_sql(span.attributes, text) else text


_KEY = re.compile(r"(?<=:)[^\s:]+")
_NO_READING = re.compile(
    r"append|bitop|b?[lr]pop\w*|b?lmove|b?lmpop|bzm?pop\w*|copy|decr\w*|del|flush\w*"
    r"|geo(?:add|\w+store)|getdel|getex|getset|h?p?expire\w*|h(?:del|incr\w+|m?set\w*)|incr\w*"
    r"|[lr]push\w*|linsert|l(?:rem|set|trim)|m?set(?:nx|ex|bit|range)?|persist|pf(?:add|merge)"
    r"|psetex|publish|rename\w*|replace|restore|s(?:add|move|pop|publish|rem|\w+store)|subscribe"
    r"|touch|unlink|wait\w*|x(?:ack|add|autoclaim|claim|del|group|read\w*|trim)|add|cas|prepend"
    r"|z(?:add|incrby|m?pop\w*|rem\w*|\w+store)",
    re.IGNORECASE,
)


# -- requests

_OWN = re.compile(r"(?!v\d+$)[^/]*[\d@%][^/]*")
_COLLECTION = re.compile(r"[A-Za-z][\w-]*s", re.ASCII)
_NO_COLLECTION = re.compile(  # has parts of a program in it, or none
    r"(?:access|actions|address|analytics|apis|apps|assets|checks|classes|commands|css|docs"
    r"|endpoints|forms|functions|images|internals|js|methods|modules|news|operations|pages|plugins"
    r"|process|resources|rpcs|scripts|(?:micro)?services|settings|static\w*|stat(?:u)?s|styles"
    r"|systems|tests|tools|utils|views|webhooks|ws)",
    re.IGNORECASE,
)
_NO_THING = re.compile(  # is none of a collection's, but what can be asked of it
    r"(?:_\w+|active|all|archived?|available|bulk|config|count|current|default|details|export"
    r"|featured|filter|health|history|import|info|latest|list|log(?:in|out)|me|metadata|metrics"
    r"|mine|new|options|ping|popular|query|random|ready|recent|schema|search|self|settings|sort"
    r"|stat(?:istic)?s|status|suggest(?:ions)?|summary|top|totals?|trending|upload|validate"
    r"|verify|version)",
    re.IGNORECASE,
)
_PARAMETER_OF_ROUTE = re.compile(r"[{<:*(\[]")


def _host(span: Span) -> str:
    return (http.url(span) or "").partition("//")[2].partition("/")[0]


def _request(span: Span, tree: SpanTree) -> str:
    """Return method and path of a request, with a `*` for the parts that are a thing's own."""
    its = _route(span, tree) or _pattern(_path(span))
    return f"{http.method(span.attributes)} {its}".strip()


def _path(span: Span) -> str:
    return (http.path(span) or "").partition("?")[0]


def _route(span: Span, tree: SpanTree) -> str | None:
    """Return the route of a request, as its client or its server knows it.

    One for any path says nothing, as gateways have them.
    """
    if http.route(span):
        return http.route(span)
    length = len(_path(span).strip("/").split("/"))
    for below in tree.children.get(span.span_id, ()):
        route = http.route(below) if below.kind == "server" else None
        parts = (route or "").strip("/").split("/")
        has_words = any(part and not _PARAMETER_OF_ROUTE.search(part) for part in parts)
        if has_words and len(parts) == length:
            return route
    return None


def _pattern(path: str) -> str:
    """Return a path with a `*` for each part that is a thing's, by its form or its place."""
    parts: list[str] = []
    for part in path.split("/"):
        is_own = _OWN.fullmatch(part) or (parts and _is_in_collection(part, parts[-1]))
        parts.append("*" if part and is_own else part)
    return "/".join(parts)


def _is_in_collection(part: str, above: str) -> bool:
    is_collection = _COLLECTION.fullmatch(above) and not _NO_COLLECTION.fullmatch(above)
    return bool(is_collection) and not _NO_THING.fullmatch(part)


def are_things(calls: Sequence[Span], tree: SpanTree) -> bool:
    """Whether requests of one lookup are for things; words of the plural are collections, too."""
    if _route(calls[0], tree):
        return True
    paths = [_path(span).split("/") for span in calls]
    for parts in map(set, zip(*paths, strict=False)):
        words = [part for part in parts if _COLLECTION.fullmatch(part)]
        if len(parts) > 1 and 2 * len(words) > len(parts):
            return False
    return True
