"""Secrets in tables whose first row names the columns: CSV, Markdown, what databases print."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from otel_allure.redaction.lazy import lazy
from otel_allure.redaction.names import Names
from otel_allure.redaction.no_secrets import CELL, is_no_value, looks_random
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
_BEFORE_TABLE = lazy(r"^[^,;\t|]*[\s>\[](?=[\w.-]+[,;])|^.*[,;]\"(?=[^\"]*$)")
"""What a log has before a table, or a row of CSV if the table is in its last field."""
_AFTER_TABLE = lazy(r"\"?\]?(?:</\w{1,20}>){0,5}(?::[\w.]{1,100}\.py:\d[^,;]*)?\Z")
_RULER = lazy(r"[\s|+:=-]+")


class _Table(NamedTuple):
    """A table by its first row.

    Attributes:
        separator: between its fields; empty if there is no table.
        columns: those that have the name of a secret.
        signs: how many separators a row has.
        is_inside: whether something is before it on its line, which may be a mere sentence.
    """

    separator: str = ""
    columns: Mapping[int, str] = MappingProxyType({})
    signs: int = 0
    is_inside: bool = False


def find(text: str, lines: Iterable[tuple[int, int]], names: Names) -> Iterator[Place]:
    """Yield the values in columns whose first row has the name of a secret.

    Args:
        text: anything.
        lines: where the lines are that may have such names.
        names: which are those of secrets.
    """
    done = 0
    for start, _ in lines:
        if start >= done:
            begin, done = _around(text, start, done)
            yield from _of_tables(text, begin, done, names)


_SEPARATOR = lazy(rf"[{''.join(SEPARATORS)}]")


def _may_be_row(line: str) -> bool:
    return _SEPARATOR.search(line) is not None or not line or _RULER.fullmatch(line) is not None


def _around(text: str, start: int, done: int) -> tuple[int, int]:
    """Return where the lines around the one at `start`, down from `done`, are those of tables."""
    begin = start
    while begin > done:
        before = text.rfind("\n", done, begin - 1) + 1 or done
        if not _may_be_row(text[before : begin - 1]):
            break
        begin = before
    end = start
    while end < len(text):
        stop = text.find("\n", end) % (len(text) + 1)
        is_row = _may_be_row(text[end:stop])
        end = min(stop + 1, len(text))
        if not is_row:
            break
    return begin, end


def _of_tables(text: str, start: int, end: int, names: Names) -> Iterator[Place]:
    """Yield the values in tables of which none begins before or ends behind these lines."""
    table = _Table()
    for line in text[start:end].splitlines(keepends=True):
        end = start + len(line.rstrip("\r\n"))
        if table.columns and line.count(table.separator) == table.signs:
            yield from _row(text, start, end, table)
        elif not _is_row(line, table):
            table = _table(text[start:end], names)
        start += len(line)


def _is_row(line: str, table: _Table) -> bool:
    if not table.separator or (table.separator in ",;" and "|" in line):
        return False  # of a table in a field of CSV, it may be the first one
    return line.count(table.separator) == table.signs or _RULER.fullmatch(line) is not None


def _table(line: str, names: Names) -> _Table:
    """Return the table of which a line is the first row, if it may be one."""
    for separator in SEPARATORS:
        if separator in line:
            whole, bare = line, separator in ",;"
            if separator in "|│" and line.rstrip().endswith(separator):
                line = line[line.index(separator) :]  # without what a log has before it
            elif bare:
                line = _BEFORE_TABLE.sub("", line)
            cells = [
                (cell if bare else cell.strip()).strip("\"'")
                for cell in line.strip(" |│").split(separator)
            ]
            columns: dict[int, str] = {}
            if len(cells) > 1 and all(map((_COLUMN_OF_CSV if bare else _COLUMN).fullmatch, cells)):
                first = 1 if line.lstrip().startswith(separator) and separator in "|│" else 0
                columns = {
                    number + first: cell
                    for number, cell in enumerate(cells)
                    if names.is_sensitive(cell.replace(" ", "_"))
                }
            return _Table(separator, columns, line.count(separator), bare and line != whole)
    return _Table()


def _row(text: str, start: int, end: int, table: _Table) -> Iterator[Place]:
    field = _FIELD[table.separator]
    at = start
    for number in range(max(table.columns) + 1):
        match = field.match(text, at, end)
        if match is None:
            return
        if number in table.columns:
            name, (begin, stop) = table.columns[number], match.span("value")
            if table.is_inside and (behind := _AFTER_TABLE.search(text, begin, stop)):
                stop = behind.start()
            value = text[begin:stop].strip()
            is_value = looks_random(value) if table.is_inside else value and MASK not in value
            if is_value and not is_no_value(name, CELL, value):
                yield Place(begin, stop, rule_of(name))
        at = match.end()
