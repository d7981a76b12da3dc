"""Secrets in tables whose first row names the columns: CSV, Markdown, what databases print."""

from __future__ import annotations

import re
from collections.abc import Iterator

from otel_allure.redaction.lazy import lazy
from otel_allure.redaction.names import Names
from otel_allure.redaction.no_secrets import CELL, is_no_value
from otel_allure.redaction.places import MASK, Place, rule_of

SEPARATORS = ("|", "│", "\t", ";", ",")
_FIELD = {
    separator: lazy(
        rf"[ ]*(?P<value>\"(?:[^\"]|\"\")*\"|[^{re.escape(separator)}\r\n]*?)[ ]*"
        rf"(?:{re.escape(separator)}|$)"
    )
    for separator in SEPARATORS
}
_COLUMN = lazy(r"[\w .-]{1,60}")
_COLUMN_OF_CSV = lazy(r"[\w.-]{1,60}")
_RULER = lazy(r"[\s|+:=-]+")


def find(text: str, names: Names) -> Iterator[Place]:
    """Yield the values in columns whose first row has the name of a secret."""
    separator = ""
    columns: dict[int, str] = {}
    count = 0
    start = 0
    for line in text.splitlines(keepends=True):
        end = start + len(line.rstrip("\r\n"))
        if columns and line.count(separator) == count:
            yield from _row(text, start, end, separator, columns)
        elif not (separator and (line.count(separator) == count or _RULER.fullmatch(line))):
            separator, columns = _head(text, start, end, names)
            count = line.count(separator) if separator else 0
        start += len(line)


def _head(text: str, start: int, end: int, names: Names) -> tuple[str, dict[int, str]]:
    """Return how a row is separated, and the columns that have the names of secrets."""
    line = text[start:end]
    for separator in SEPARATORS:
        if separator in line:
            bare = separator in ",;"
            cells = [
                (cell if bare else cell.strip()).strip("\"'")
                for cell in line.strip(" |│").split(separator)
            ]
            column = _COLUMN_OF_CSV if bare else _COLUMN
            if len(cells) > 1 and all(map(column.fullmatch, cells)):
                first = 1 if line.lstrip().startswith(separator) and separator in "|│" else 0
                columns = {
                    number + first: cell
                    for number, cell in enumerate(cells)
                    if names.is_sensitive(cell.replace(" ", "_"))
                }
                return separator, columns
            return separator, {}
    return "", {}


def _row(
    text: str, start: int, end: int, separator: str, columns: dict[int, str]
) -> Iterator[Place]:
    field = _FIELD[separator]
    at = start
    for number in range(max(columns) + 1):
        match = field.match(text, at, end)
        if match is None:
            return
        if number in columns:
            value = match["value"].strip()
            if value and MASK not in value and not is_no_value(columns[number], CELL, value):
                yield Place(*match.span("value"), rule_of(columns[number]))
        at = match.end()
