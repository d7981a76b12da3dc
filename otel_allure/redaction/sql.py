"""Secrets in SQL, and SQL without its literals."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator

from otel_allure.redaction.lazy import lazy
from otel_allure.redaction.names import Names
from otel_allure.redaction.no_secrets import is_placeholder
from otel_allure.redaction.places import MASK, Place, rule_of

_LITERAL = lazy(
    r"(?P<tag>\$\w*\$)|(?:\b[EeNnBbXxUu]&?)?'(?:[^'\\]|''|\\.)*(?:'|\\?\Z)"
    r"|(?<![\w$:@%.])-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\b",
    re.DOTALL,
)


def without_literals(query: str) -> str:
    """Return a query with `?` for its literals. One that was cut off is one until the end."""
    pieces: list[str] = []
    done = 0
    while match := _LITERAL.search(query, done):
        end = match.end()
        if match["tag"]:  # PostgreSQL: $$text$$, $tag$text$tag$
            closed = query.find(match["tag"], end)
            end = len(query) if closed < 0 else closed + len(match["tag"])
        pieces += (query[done : match.start()], "?")
        done = end
    return "".join([*pieces, query[done:]])


def _form(pattern: str) -> re.Pattern[str]:
    return lazy(pattern, re.IGNORECASE | re.ASCII | re.DOTALL)


_STRING = (
    r"(?:(?:\b[ENUX]&?)?\\*'(?:[^'\\]|''|\\[^']){0,4000}(?:\\*'|$)"
    r"|\\*\"(?:[^\"\\]|\"\"|\\[^\"]){0,4000}(?:\\*\"|$)"
    r"|\$\w{0,60}\$[^$]{0,4000}(?:\$\w{0,60}\$|$))"
)
_SECRET = rf"(?P<secret>(?!\\*['\"]\*{{4}}\\*['\"]){_STRING})"
_KEY_OF = (
    rf"(?<=_)(?:en|de)crypt(?:_bytea)?\s*\((?:[^()'\"]|{_STRING}){{1,20}}?,\s*{_SECRET}\s*[,)]"
)
STATEMENTS = (
    (
        "identified",
        _form(
            r"identified\s+(?:with\s+['\"]?\w+['\"]?\s+)?(?:by|as|using)\s+(?:(?:password|values)\s+)?"
            rf"(?:{_SECRET}|(?!password|values|random|\*{{4}})(?P<bare>[^\s;,()'\"\\]+)(?=[\s;'\"\\]|$))"
        ),
    ),
    ("password", _form(rf"(?<!\w)password(?:\s+|[ \t]*\(\s*){_SECRET}")),
    ("password for", _form(rf"password\s+for\s+[\w'@%.\"`-]+\s*=\s*(?:\w+\s*\(\s*)?{_SECRET}")),
    ("sp_addlogin", _form(rf"sp_addlogin\s+{_STRING}\s*,\s*{_SECRET}")),
    ("old_password", _form(rf"old_password\s*\(\s*{_SECRET}")),
    ("secret", _form(rf"(?:(?<=[,(] )secret|secret_access_key)\s+{_SECRET}")),
    (" key", _form(rf"(?<=pragma) (?:hex|re)?key\s*=\s*{_SECRET}")),
    (" rekey", _form(rf"(?<=pragma) rekey\s*=\s*{_SECRET}")),
    ("attach", _form(rf"attach\s+(?:database\s+)?'[^']*'\s+as\s+\w+\s+key\s+{_SECRET}")),
    ("crypt", _form(rf"(?<!\w)crypt\s*\(\s*{_SECRET}")),
    ("encrypt", _form(_KEY_OF)),
    ("decrypt", _form(_KEY_OF)),
)
"""Statements and functions that have a secret, by a word of them."""
NEEDLES = tuple(needle for needle, _ in STATEMENTS)
_COMPARED = _form(
    r"(?<![\w.])(?P<name>[\w.\"`\[\]]{1,200})\s+(?:not\s+)?(?P<sign>i?like|in|similar\s+to|between)\s*"
    r"(?=[('\"])"
)
_IN_CAPITALS = lazy(r"(?:I?LIKE|IN|SIMILAR\s+TO|BETWEEN)\s*[('\"]")
_INSERT = _form(
    r"(?:(?:insert|replace|merge)\b[^()]{0,60}?\binto\s+[\w.\"`\[\]]{1,200}\s*|\bthen\s+insert\s*|\bset\s*)"
    r"\((?P<columns>[^()]{1,4000})\)(?:[^()]{0,100}?\)?)?\s*(?:\bvalues?\s*|\b(?P<select>select)\s+|(?<=\))\s?=\s*(?=\())"
)
_LINE = lazy(r"(?P<line>[^\r\n]*)(?:\r?\n|\Z)")
_COPY = _form(
    r"copy\s+[\w.\"]{1,200}\s*\((?P<columns>[^()]{1,4000})\)\s*from\s+stdin[^;\r\n]{0,200};?\r?\n"
)
_COLUMN = _form(
    r"(?<![\w.\"`\[\]])(?P<name>[\w.\"`\[\]]{1,200})\s*(?:[=<>!]+|(?:i?like|in)\s*\(?)\s*(?P<value>%s|\?|\$\d+)"
)
_PLACEHOLDER = lazy(r"%s|\?|\$\d+")
_ARGUMENTS = _form(
    r"(?:\b(?:args|params|parameters|binds|values)\s*[=:]"
    r"|\[(?:generated in|cached since|no key|raw sql|caching disabled)[^\[\]]{0,80}\]"
    r"|\bwith (?:args|parameters|params):?)\s*\[?(?=[(\[])"
)
_BEFORE_ARGUMENTS = (
    *("args", "param", "binds", "values", "generated in", "cached since", "no key", "raw sql"),
    "caching disabled",
)
_ITEM = lazy(
    rf"(?P<string>{_STRING})|(?P<open>[(\[{{])|(?P<close>[)\]}}])|,|[^,()\[\]{{}}'\"$]+|\$"
)
_LONGEST = 4_000
_DEEPEST = 10
_MOST_ROWS = 100_000

Item = tuple[int, int]


def find(text: str, lowered: str, needles: frozenset[str]) -> Iterator[Place]:
    """Yield the secrets in statements that have words for them.

    Args:
        text: anything.
        lowered: the same in small letters.
        needles: those of `NEEDLES` that are in it; others do not matter.
    """
    for needle, form in STATEMENTS:
        if needle in needles:
            yield from _of_statements(needle, form, text, lowered)


def of_columns(text: str, lowered: str, names: Names) -> Iterator[Place]:
    """Yield the values of columns with names of secrets, also in arguments that are logged."""
    if "copy " in lowered:
        yield from _copied(text, names)
    if " into " in lowered or "set (" in lowered:
        for insert in _INSERT.finditer(text):
            columns, at = _names(insert["columns"]), insert.end()
            if insert["select"]:
                yield from _of_row(text, _row(text, at - 1, 1)[0], columns, names)
            else:
                yield from _of_rows(text, at, columns, names)
    is_sql = "where" in lowered or _IN_CAPITALS.search(text) is not None
    if is_sql and any(word in lowered for word in ("like", " in ", " in(", "similar to")):
        for compared in _COMPARED.finditer(text):
            is_sql = (
                compared["sign"].isupper()
                or "where" in lowered[max(0, compared.start() - _SOME) : compared.start()]
            )
            if is_sql and names.is_sensitive(_bare(compared["name"])):
                yield from _literals(text, _item(text, compared.end()), compared["name"])
    has_placeholder = "%s" in text or "?" in text or "$" in text
    if has_placeholder and any(map(lowered.__contains__, _BEFORE_ARGUMENTS)):
        for arguments in _ARGUMENTS.finditer(text):
            begin = max(0, arguments.start() - _LONGEST)
            columns = _placeholders(text[begin : arguments.start()])
            yield from _of_rows(text, arguments.end(), columns, names)


_SOME = 200
_OF_USER = _form(r"\b(?:user|role|to)\s+[\w@%.'\"`-]{1,100}\s+\Z")


def _of_statements(needle: str, form: re.Pattern[str], text: str, lowered: str) -> Iterator[Place]:
    at = lowered.find(needle)
    while at >= 0:
        match = form.match(text, at)
        if match is not None:
            group = "secret" if match["secret"] is not None else "bare"
            is_statement = group == "secret" or _OF_USER.search(text, max(0, at - _SOME), at)
            value = match[group].strip("\\'\"")
            is_none = value in ("", "?", "%s") or (group == "bare" and is_placeholder(value))
            if is_statement and not is_none:
                yield Place(*match.span(group), "sql")
        at = lowered.find(needle, at + len(needle) if match is None else match.end())


def _copied(text: str, names: Names) -> Iterator[Place]:
    """Yield the secrets in the rows of `COPY ... FROM stdin`."""
    at = 0
    for copy in _COPY.finditer(text):
        if copy.start() < at:
            continue
        columns = _names(copy["columns"])
        wanted = [number for number, name in enumerate(columns) if names.is_sensitive(name)]
        at = copy.end()
        for line in _LINE.finditer(text, at) if wanted else ():
            fields = line["line"].split("\t")
            if len(fields) != len(columns):
                break
            for number in wanted:
                start = at + sum(map(len, fields[:number])) + number
                if fields[number] not in ("", MASK, "\\N"):
                    yield Place(start, start + len(fields[number]), "sql")
            at = line.end()


def _names(columns: str) -> list[str]:
    return [_bare(name) for name in columns.split(",")]


def _bare(name: str) -> str:
    return name.strip().rpartition(".")[2].strip('"`[]\\ ')


def _placeholders(statement: str) -> list[str]:
    """Return the names of what the placeholders of the last statement stand for."""
    if _PLACEHOLDER.search(statement) is None:
        return []
    insert = next(iter(deque(_INSERT.finditer(statement), maxlen=1)), None)
    begin = insert.end() if insert is not None else 0
    columns = {match.start("value"): match["name"] for match in _COLUMN.finditer(statement, begin)}
    places = [match.start() for match in _PLACEHOLDER.finditer(statement, begin)]
    if insert is None:
        return [_bare(columns.get(place, "")) for place in places]
    names = _names(insert["columns"])
    return [
        names[number] if number < len(names) else _bare(columns.get(place, ""))
        for number, place in enumerate(places)
    ]


def _of_rows(text: str, at: int, columns: list[str], names: Names) -> Iterator[Place]:
    """Yield the literals in the columns with names of secrets, of all rows from `at` on."""
    wanted = [number for number, name in enumerate(columns) if names.is_sensitive(name)]
    for _ in range(_MOST_ROWS if wanted else 0):
        items, end = _row(text, at)
        is_cut = end == at
        yield from _of_row(text, items, columns[: len(items)] if is_cut else columns, names)
        following = _NEXT_ROW.match(text, end)
        if is_cut or following is None:
            return
        at = following.end()


def _of_row(text: str, items: list[Item], columns: list[str], names: Names) -> Iterator[Place]:
    if len(items) == len(columns):
        for name, item in zip(columns, items, strict=True):
            if names.is_sensitive(name):
                yield from _literals(text, item, name)


_BLANKS = lazy(r"\s*")
_NEXT_ROW = lazy(r"\s{0,10}(?:,|;|--|;\s{0,10}--)?\s{0,10}(?=[(\[])")


def _row(text: str, at: int, depth: int = 0) -> tuple[list[Item], int]:
    """Return the items within the brackets at a place, and where these end.

    Of brackets that were cut off, it is where they begin. With a depth of 1, those that begin
    behind it, up to where the statement goes on.
    """
    items: list[Item] = []
    begin, stop = at + 1, at + 1_000_000
    if depth and (end := _END_OF_SELECT.search(text, at, at + _LONGEST)):
        stop = end.start()
    for token in _ITEM.finditer(text, begin if depth else at, stop):
        if token["open"]:
            depth += 1
            if depth > _DEEPEST:
                break
        elif token["close"]:
            depth -= 1
            if depth == 0:
                return [*items, (begin, token.start())], token.end()
        elif token[0] == "," and depth == 1:
            items.append((begin, token.start()))
            begin = token.end()
        elif not depth:
            break
    else:
        if depth == 1 and stop >= len(text):
            first = _BLANKS.match(text, begin)
            line_end = text.find("\n", first.end() if first else begin) % (len(text) + 1)
            return [*items, (begin, line_end)], at
    if depth == 1 and stop != at + 1_000_000:
        return [*items, (begin, stop)], stop
    return items, at


_END_OF_SELECT = _form(r"\s(?:from|where|union|on|returning)\b|;|\r?\n(?![ \t'\",])|$")


def _item(text: str, at: int) -> Item:
    """Return the literal, or what is in brackets, at a place."""
    if text[at : at + 1] == "(":
        return at, max(_row(text, at)[1], at)
    literal = _SAID.match(text, at)
    return literal.span() if literal is not None else (at, at)


_SAID = lazy(_STRING)
_NUMBER = lazy(r"\s*-?\d[\d.]*\s*")


def _literals(text: str, item: Item, name: str) -> Iterator[Place]:
    rule = rule_of(_bare(name))
    if _NUMBER.fullmatch(text, *item):
        number = text[item[0] : item[1]]
        begin = item[0] + len(number) - len(number.lstrip())
        yield Place(begin, begin + len(number.strip()), rule)
    for literal in _SAID.finditer(text, *item):
        if literal[0].strip("\\'\"") not in ("", MASK, "?", "%s"):
            yield Place(*literal.span(), rule)
