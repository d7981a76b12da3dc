"""JSON, wherever it is in a text: masked in its leaves, so that it stays JSON."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from otel_allure.redaction.lazy import lazy
from otel_allure.redaction.names import FAINT, SAYS_ABOUT, Names, strength
from otel_allure.redaction.no_secrets import (
    ASSIGNED,
    LEAF,
    PAIR,
    QUOTED,
    is_no_value,
    is_nothing,
    looks_random,
)
from otel_allure.redaction.places import MASK, Place, rule_of

_BEGIN = lazy(r'[{\[]\s*["{\[]')
_SUBSCRIPT = lazy(r"[\w)\]]\[")  # os.environ["PASSWORD"]
_ASSIGNED = lazy(r"[ \t]*=")
_TOKEN = lazy(
    r'(?P<string>"[^"\\]*(?:\\.[^"\\]*)*")(?P<colon>\s*:)?|(?P<open>[{\[])|(?P<close>[}\]])'
    r'|(?P<other>[^\s{}\[\],:"]+)',
    re.DOTALL,
)
_NAME_BEFORE = lazy(r"(?P<name>[\w.-]{1,100})\\?[\"']?\]?[ \t]*(?:=>|[:=])[ \t]*\Z")
_LONGEST_NAME = 120
_FLAT = lazy(r"(?:pin|sid|sig|signature)\Z", re.IGNORECASE)
"""Names of secrets that are one value: what is below is about something else."""
_NAMING = frozenset(
    {"name", "key", "field", "header", "param", "parameter", "property", "path", "parameterkey"}
)
_NAMED_BEFORE = lazy(
    rf"['\"](?:{'|'.join(sorted(_NAMING))})\\*['\"]\s{{0,10}}:\s{{0,10}}\\*['\"](?P<named>[\w./-]{{1,100}})"
    r"\\*['\"],\s{0,40}\\*['\"]\w{1,20}\\*['\"]\s{0,10}:\s{0,10}\Z",
    re.IGNORECASE,
)
"""`"key": "password", "value": `, of an object that was cut off."""
_KIND = frozenset({"type", "kind"})
_VALUES = frozenset(
    {"value", "content", "data", "stringvalue", "old", "new", "oldvalue", "newvalue", "old_value"}
    | {"new_value", "secretstring", "parametervalue"}
    | {"values", "arrayvalue", "bytesvalue", "intvalue"}  # of OTLP
)
_SCHEMA = frozenset({"type", "$ref", "format", "minLength", "maxLength", "oneOf", "anyOf", "allOf"})
_LITERALS = frozenset({"null", "true", "false"})
_BUDGET = 10_000
"""Characters of what looks like JSON and is none, beyond twice the text: more are not tried."""

Masked = Callable[[str], tuple[str, tuple[str, ...]]]
_decode = json.JSONDecoder().raw_decode


def spans(text: str) -> list[tuple[int, int]]:
    """Return where the objects and lists in JSON are in a text."""
    found: list[tuple[int, int]] = []
    budget = 2 * len(text) + _BUDGET
    begin = _BEGIN.search(text)
    while begin is not None and budget > 0:
        at = begin.start()
        if text[at] == "[" and (
            text[at - 1 : at].isalnum() or text[at - 1 : at] in ("_", ")", "]")
        ):
            begin = _BEGIN.search(text, at + 1)  # os.environ["PASSWORD"]
            continue
        try:
            end = _decode(text, at)[1]
        except json.JSONDecodeError as error:
            budget -= error.pos - at + 100
            end = at + 1
        except (ValueError, RecursionError):
            return found
        else:
            if text[at] == "[" and _ASSIGNED.match(text, end):
                end = at + 1  # { ["password"] = "abc" }
            else:
                found.append((at, end))
        begin = _BEGIN.search(text, end)
    return found


def without(text: str, found: list[tuple[int, int]]) -> str:
    """Return a text as long, with blanks for what is in JSON."""
    pieces: list[str] = []
    done = 0
    for start, end in found:
        pieces += (text[done : start + 1], " " * (end - start - 2), text[end - 1])
        done = end
    return "".join([*pieces, text[done:]])


@dataclass(slots=True)
class _Level:
    """An object or a list that is open.

    Attributes:
        is_object: whether it is an object.
        secret_of: the name of a secret that all this belongs to; empty if it is none.
        is_value: whether it is what a member like `value` holds, or a part of that.
        key: the key of which the value comes next.
        number: of entries in a list.
        option: one of a command, of which the next entry of a list is the value.
        named: the name of a secret that a member like `name` has, or the first entry of a list.
        is_schema: whether it describes values.
        likely: what is secret if this is no schema.
        values: what is secret if it has such a name.
    """

    is_object: bool
    secret_of: str
    is_value: bool = False
    key: str = ""
    number: int = 0
    option: str = ""
    named: str = ""
    is_schema: bool = False
    likely: list[tuple[Place, str]] = field(default_factory=list)
    values: list[tuple[re.Match[str], str]] = field(default_factory=list)


class _Walk:
    def __init__(self, text: str, names: Names, masked: Masked) -> None:
        self._text = text
        self._names = names
        self._masked = masked
        self._levels: list[_Level] = []
        self._found: list[Place] = []

    def places(self, start: int, end: int) -> list[Place]:
        """Return what is masked from `start` to `end`."""
        before = _NAME_BEFORE.search(self._text, max(0, start - _LONGEST_NAME), start)
        name = before["name"] if before is not None else ""
        self._found = []
        self._levels = [_Level(True, "", key=name, named=self._named_before(name, start))]
        for match in _TOKEN.finditer(self._text, start, end):
            level = self._levels[-1]
            kind = match.lastgroup
            if kind == "open":
                level.number += 1
                own = "" if _FLAT.search(level.key) else self._secret_name(level)
                secret_of = level.secret_of or own
                is_value = level.key.lower() in _VALUES if level.is_object else level.is_value
                self._levels.append(_Level(match["open"] == "{", secret_of, is_value=is_value))
            elif kind == "close":
                self._closed(self._levels.pop())
            elif kind == "colon":
                level.key = _decoded(match)
                level.is_schema |= level.key in _SCHEMA
                self._inner(match, level.key)
            else:
                self._leaf(match, level)
        self._closed(self._levels.pop())
        return self._found

    def _named_before(self, key: str, start: int) -> str:
        """Return the name of a secret of which JSON at `start` is the value, below such a key."""
        if key.lower() not in _VALUES:
            return ""
        before = _NAMED_BEFORE.search(self._text, max(0, start - 2 * _LONGEST_NAME), start)
        named = before["named"] if before is not None else ""
        return named if self._names.is_sensitive(named.rpartition("/")[2]) else ""

    def _secret_name(self, level: _Level) -> str:
        key = level.key
        is_name = level.is_object and "/" not in key and self._names.is_sensitive(key)
        return key if is_name else ""

    def _option(self, level: _Level, value: str) -> str:
        """Return the name of a secret if a string is an option for one: `["--token", "abc"]`."""
        name = value.lstrip("-")
        is_option = not level.is_object and value[:1] == "-" and self._names.is_sensitive(name)
        return name if is_option else ""

    def _leaf(self, match: re.Match[str], level: _Level) -> None:
        level.number += 1
        own = self._secret_name(level)
        if match["string"] is None:
            token = match["other"]
            if token in _LITERALS:
                return
            if own and not _is_no_number(own, token):
                self._found.append(_place(match, own))
            elif not own and level.is_object and level.key.lower() in _VALUES:
                level.values.append((match, token))
            return
        value = _decoded(match)
        option, level.option = level.option, self._option(level, value)
        own = own or ("" if value[:1] == "-" else option)
        if own:
            if not is_no_value(own, QUOTED, value):
                self._found.append(_place(match, own))
        elif level.secret_of:
            # {"secrets": {"manager": "vault"}}
            says_about = SAYS_ABOUT.search(level.key) and not looks_random(value)
            if not says_about and not is_no_value(level.secret_of, LEAF, value):
                level.likely.append((_place(match, level.secret_of), level.key))
        else:
            self._other(match, value, level)

    def _other(self, match: re.Match[str], value: str, level: _Level) -> None:
        """Add what is secret in a string whose name is none of a secret."""
        if level.is_object:
            last = value.rpartition("/")[2]
            is_kind = level.key in _KIND and value == "password"
            if is_kind or (level.key.lower() in _NAMING and self._names.is_sensitive(last)):
                level.named = value
            elif level.key.lower() in _VALUES:
                level.values.append((match, value))
        else:
            if level.number == 1 and self._names.is_sensitive(value):
                level.named = value
            if level.is_value or (level.named and level.number == 2):
                level.values.append((match, value))
        self._inner(match, value)

    def _inner(self, match: re.Match[str], value: str) -> None:
        """Add a string that has a secret in it."""
        shown, rules = self._masked(value)
        if shown != value:
            start, end = match.span("string")
            ascii_only = self._text[start:end].isascii()
            inner = json.dumps(shown, ensure_ascii=ascii_only)[1:-1]
            self._found.append(Place(start + 1, end - 1, rules[0] if rules else "", inner))

    def _closed(self, level: _Level) -> None:
        outer = self._levels[-1] if self._levels else None
        if not level.is_object and outer is not None:
            outer.likely += level.likely
            level.likely = []
        for place, key in level.likely:
            if not level.is_schema or key.lower() in _VALUES:
                self._found.append(place)
        is_named = bool(level.named) and (level.is_object or level.number == 2)
        if level.is_value and outer is not None and not (is_named and level.is_object):
            outer.values += level.values
        if is_named:
            where = QUOTED if level.is_object else PAIR
            for match, value in level.values:
                if value != level.named and not _is_none(match, level.named, where, value):
                    self._found.append(_place(match, level.named))


def _is_none(match: re.Match[str], name: str, where: str, value: str) -> bool:
    is_number = match["string"] is None
    return _is_no_number(name, value) if is_number else is_no_value(name, where, value)


def _is_no_number(name: str, token: str) -> bool:
    """Whether a number is no secret of this name: `{"tokens": 4096}`."""
    is_faint = strength(name) == FAINT
    return is_no_value(name, ASSIGNED, token) if is_faint else is_nothing(name, token)


def fitted(text: str, found: list[tuple[int, int]], places: list[Place]) -> Iterator[Place]:
    """Yield places that do not know of JSON so that what is JSON stays it."""
    starts = [start for start, _ in found]
    within: dict[int, list[Place]] = {}
    for place in places:
        number = bisect_right(starts, place.start) - 1
        if number >= 0 and place.start < found[number][1]:
            within.setdefault(number, []).append(place)
        else:
            yield place
    for number, its in within.items():
        yield from _fitted(text, found[number], its)


def _fitted(text: str, span: tuple[int, int], places: list[Place]) -> Iterator[Place]:
    """Yield what is masked for these places of the strings and numbers of one piece of JSON."""
    waiting = deque(sorted(places))
    current: list[Place] = []
    for token in _TOKEN.finditer(text, *span):
        if token.lastgroup not in ("string", "other"):
            continue  # a key, or a bracket
        begin, end = token.span(token.lastgroup)
        while waiting and waiting[0].start < end:
            current.append(waiting.popleft())
        current = [place for place in current if place.end > begin]
        for place in current:
            if token.lastgroup == "other":
                yield Place(begin, end, place.rule, f'"{MASK}"')
            else:
                start, stop = max(begin + 1, place.start), min(end - 1, place.end)
                yield Place(start, stop, place.rule)


def _place(match: re.Match[str], name: str) -> Place:
    rule = rule_of(name)
    if match["string"] is None:
        return Place(*match.span("other"), rule, f'"{MASK}"')
    return Place(match.start("string") + 1, match.end("string") - 1, rule)


def _decoded(match: re.Match[str]) -> str:
    token: str = match["string"]
    return str(json.loads(token, strict=False)) if "\\" in token else token[1:-1]


def find(text: str, found: list[tuple[int, int]], names: Names, masked: Masked) -> Iterator[Place]:
    """Yield the secrets in what is JSON.

    Args:
        text: the whole of it.
        found: where JSON is in it.
        names: which values are secrets.
        masked: returns what is in a string without its secrets, and the rules that say so.
    """
    walk = _Walk(text, names, masked)
    for start, end in found:
        yield from walk.places(start, end)
