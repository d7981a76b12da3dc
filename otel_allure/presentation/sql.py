"""SQL for people: what a query is about, its text with line breaks, its parameters."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from functools import lru_cache

from otel_allure.model.spans import Attributes
from otel_allure.presentation.values import as_text, cut, shortened, text_of
from otel_allure.redaction.places import MASK
from otel_allure.redaction.redaction import Redaction

QUERY = ("db.query.text", "db.statement")
PARAMETER = "db.query.parameter."
PARAMETERS = "db.statement.parameters"
"""What Python's instrumentations write with `capture_parameters`: all of them, as `str` of them."""

_LONGEST_QUERY = 50_000
_LONGEST_TO_FORMAT = 10_000  # the time that it takes grows faster than the query
_ONE_LINE = 72
_MOST_PARAMETERS = 100
_LONGEST_PARAMETER = 500


# -- what a query is about

_COMMENT = re.compile(r"/\*.*?\*/|--[^\n]*", re.DOTALL)
_LITERAL = re.compile(r"'(?:[^']|'')*'")
_NAME = r"([\w.$\"`\[\]]*[\w\"`\]])"
_OBJECT = r"table|view|index|schema|database|sequence|type|function|procedure|trigger|role|user"
_DDL = re.compile(
    rf"(create|alter|drop|truncate)\b.*?\b({_OBJECT})\s+(?:concurrently\s+)?"
    rf"(?:if\s+(?:not\s+)?exists\s+)?{_NAME}",
    re.IGNORECASE | re.DOTALL,
)
_TARGET = re.compile(
    rf"\b(?:from|into|update|join|table|call|exec(?:ute)?|lock)\s+{_NAME}", re.IGNORECASE
)
_MAIN = re.compile(r"\b(select|insert|update|delete|merge)\b", re.IGNORECASE)


def summary(query: str) -> str | None:
    """Return operation and first table of a query, as `db.query.summary` would have them."""
    text = _LITERAL.sub("?", _COMMENT.sub(" ", query)).strip().partition(";")[0].strip()
    operation = re.match(r"\w+", text)
    if operation is None:
        return None
    ddl = _DDL.match(text)
    if ddl is not None:
        return f"{ddl[1].upper()} {ddl[2].upper()} {_unquoted(ddl[3])}"
    outside = _without_brackets(text)
    verb = operation[0].upper()
    if verb == "WITH":  # it is about what comes after the named queries
        main = _MAIN.search(outside)
        if main is not None:
            verb, outside = main[0].upper(), outside[main.start() :]
    # `EXTRACT(year FROM day)` has no table in it; a query of a query has its table inside.
    target = _TARGET.search(outside) or _TARGET.search(text)
    return verb if target is None else f"{verb} {_unquoted(target[1])}"


def without_comments(query: str) -> str:
    """Return a query without the comments in it. Literals should be out of it already."""
    return _COMMENT.sub(" ", query).strip()


def _unquoted(name: str) -> str:
    return re.sub(r"[\"`\[\]]", "", name)


def _without_brackets(text: str) -> str:
    """Return `text` with `()` for what is in brackets."""
    depth, kept = 0, []
    for piece in re.split(r"([()])", text):
        if piece == ")":
            depth = max(0, depth - 1)
        if depth == 0 or (piece == "(" and depth == 0):
            kept.append(piece)
        if piece == "(":
            depth += 1
    return "".join(kept)


# -- its text


def document(query: str, parameters: list[str], redaction: Redaction) -> str:
    """Return the query and its parameters, as SQL that can be run once they are filled in."""
    text = bounded(_formatted(redaction.sql(query)), redaction)
    if not parameters:
        return text
    return "\n".join([text, "", "-- parameters", *(f"-- {line}" for line in parameters)])


def bounded(query: str, redaction: Redaction) -> str:
    """Return a query as it may be long, with a note if it is cut."""
    return cut(query, redaction.settings.max_body)


@lru_cache(maxsize=256)
def _formatted(query: str) -> str:
    """Return the query with line breaks, or say that it has none for want of `sqlparse`."""
    text = query.strip()
    if len(text) <= _ONE_LINE or "\n" in text or len(text) > _LONGEST_TO_FORMAT:
        return text
    try:
        sqlparse = importlib.import_module("sqlparse")
    except ImportError:
        return f"{text}\n{_UNFORMATTED}"
    try:
        return str(sqlparse.format(text, reindent=True, wrap_after=_ONE_LINE)).strip() or text
    except Exception:  # it gave up on this query
        return text


_UNFORMATTED = "-- on one line, as sqlparse is not installed: pip install otel-allure[sql]"


# -- its parameters


def has_parameters(attributes: Attributes) -> bool:
    """Whether parameters of the query were captured."""
    return PARAMETERS in attributes or any(name.startswith(PARAMETER) for name in attributes)


def parameters(query: str, attributes: Attributes, redaction: Redaction) -> list[str]:
    """Return the captured parameters as lines of `name: value`, masked by name and column."""
    found = [
        (name[len(PARAMETER) :], as_text(value, redaction))
        for name, value in attributes.items()
        if name.startswith(PARAMETER)
    ]
    counts_from_zero = any(name == "0" for name, _ in found)  # as the conventions have it
    found = found or list(_parsed(text_of(attributes, PARAMETERS)))
    if not found:
        return []
    columns = _columns(query)
    lines = []
    for name, value in found[:_MOST_PARAMETERS]:
        key = str(int(name) + 1) if counts_from_zero and name.isdecimal() else name
        text = _masked(name, value, _column(key, value, columns, redaction), redaction)
        lines.append(f"{name}: {text}")
    more = len(found) - _MOST_PARAMETERS
    return lines + ([f"… {more:,} more"] if more > 0 else [])


def _masked(name: str, value: str, column: str, redaction: Redaction) -> str:
    """Return a parameter's value, one line."""
    if redaction.masks_sql:
        return MASK
    text = redaction.value(column if redaction.is_sensitive(column) else name, value)
    return shortened(" ".join(text.split()), _LONGEST_PARAMETER)


def _column(key: str, value: str, columns: dict[str, str], redaction: Redaction) -> str:
    """Return the parameter's column; of several values, one that is a secret if there is any."""
    if key == _ALL or value.startswith(("(", "[", "{")):
        return next((name for name in columns.values() if redaction.is_sensitive(name)), "")
    return columns.get(key, "")


_ALL = "all"


def _parsed(text: str | None) -> Iterator[tuple[str, str]]:
    """Yield number or name, and the text of each parameter, from the `str` of a tuple or dict."""
    if text is None:
        return
    try:
        node = ast.parse(text[:_LONGEST_QUERY].strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        yield _ALL, text  # the representation of some object in it is no expression
        return
    if isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            name = key.value if isinstance(key, ast.Constant) else key and ast.unparse(key)
            yield str(name), ast.unparse(value)
    elif isinstance(node, (ast.Tuple, ast.List)):
        for number, element in enumerate(node.elts, start=1):
            yield str(number), ast.unparse(element)
    else:
        yield _ALL, text


_PLACEHOLDER = r"\$\d+|\?\d*|%s|%\(\w+\)s|(?<!:)[:@]\w+"
_COMPARED = re.compile(
    r"(?<![\w\"`\]])([\w\"`\]]+)\s*(?:=|<>|!=|<=?|>=?|\bi?like\b)\s*(?:\w{1,50}\s*\(\s*)?"
    rf"({_PLACEHOLDER})",
    re.IGNORECASE,
)
_INSERT = re.compile(r"\binto\s+[\w.\"`\[\]]+\s*\(([^()]*)\)\s*values\b", re.IGNORECASE)
_IN_VALUES = re.compile(rf"[(),;]|{_PLACEHOLDER}")


def _columns(query: str) -> dict[str, str]:
    """Return which column a parameter is compared with or written to, by number and by name."""
    query = query[:_LONGEST_QUERY]
    placeholders = re.finditer(r"\?\d*|%s", query)
    numbers = {match.start(): str(n) for n, match in enumerate(placeholders, start=1)}
    return {
        numbers.get(position) or re.sub(r"^[$:@?]|^%\(|\)s$", "", placeholder): column
        for column, placeholder, position in (*_compared(query), *_inserted(query))
    }


def _compared(query: str) -> Iterator[tuple[str, str, int]]:
    for match in _COMPARED.finditer(query):
        yield _unquoted(match[1]), match[2], match.start(2)


def _inserted(query: str) -> Iterator[tuple[str, str, int]]:
    """Yield column, placeholder and its position, for each row of values."""
    insert = _INSERT.search(query)
    if insert is None:
        return
    columns = [_unquoted(name).strip() for name in insert[1].split(",")]
    depth = at = 0
    for match in _IN_VALUES.finditer(query, insert.end()):
        part = match[0]
        if part == "(":
            depth += 1
            at = 0 if depth == 1 else at
        elif part == ")":
            depth -= 1
        elif part == ",":
            at += depth == 1
        elif part == ";" or at >= len(columns):
            return
        elif depth > 0:
            yield columns[at], part, match.start()
