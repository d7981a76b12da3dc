"""One large JSON document -> documents with a part of its spans each, so that it is never whole.

A list of OTLP or Jaeger is cut between its entries. What comes after the cut is a document of its
own, which begins as the one before it does: with the resource and the scope that its spans have.
Where these are not known yet, as they come last, that list is not cut.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

from otel_allure.formats.otlp_schema import OTHER_NAMES
from otel_allure.inputs.json_documents import SPACE, decoded

PIECE = 1 << 20
"""Characters after which a list is cut."""
_LARGE = 2 * PIECE
_LONGEST_BEGINNING = 1 << 16
_LONGEST_ENTRY = 16 * PIECE
_DEEPEST = 64
"""Levels down to which a list to cut is looked for."""
_TOKEN = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)("?)(\s*:)?|[][{},]', re.DOTALL)
_REST_OF_STRING = re.compile(r'[^"\\]*(?:\\.[^"\\]*)*', re.DOTALL)
_TO_BRACKET = re.compile(
    r'[^"\[\]{}]*(?:"[^"\\]*(?:\\.[^"\\]*)*"[^"\[\]{}]*)*([\[\]{}])', re.DOTALL
)
_CLOSING = {"{": "}", "[": "]"}


def _names(*names: str) -> frozenset[str]:
    return frozenset(each for name in names for each in (name, *OTHER_NAMES[name]))


class _Rule(NamedTuple):
    """Where a list is cut.

    Attributes:
        names: what it is called.
        below: names of the list that it must be in an entry of; empty: any.
        known: members of that entry of which one must have come.
    """

    names: frozenset[str]
    below: frozenset[str] = frozenset()
    known: frozenset[str] = frozenset()


_RESOURCES = _names("resourceSpans", "resourceLogs")
_SCOPES = _names("scopeSpans", "scopeLogs")
_RULES = (
    _Rule(_RESOURCES),
    _Rule(frozenset({"data"})),  # of Jaeger
    _Rule(_SCOPES, _RESOURCES, frozenset({"resource"})),
    _Rule(
        frozenset({"spans"}) | _names("logRecords"),
        _SCOPES,
        frozenset({"scope", "instrumentationLibrary", "instrumentation_library"}),
    ),
)
_INNERMOST = _RULES[1].names | _RULES[3].names
_LISTS = frozenset().union(*(rule.names for rule in _RULES))
_MAY_BE_CUT = re.compile("|".join(f'"{name}"' for name in sorted(_LISTS)))


class Piece(NamedTuple):
    """A part of a text.

    Attributes:
        line: the number of lines before it.
        texts: what it says.
    """

    line: int
    texts: Iterable[str]


def in_pieces(texts: Iterable[str]) -> Iterator[Piece]:
    """Yield a text in documents, if it begins with one that is large, and has what may be cut."""
    beginning, rest = _taken(iter(texts), _LARGE)
    if _is_large(beginning):
        yield from _Cutter(beginning).pieces(rest)
    else:
        yield Piece(0, chain([beginning], rest))


def _is_large(beginning: str) -> bool:
    is_long = len(beginning) >= _LARGE and _MAY_BE_CUT.search(beginning) is not None
    return is_long and _is_open(beginning)


def _is_open(text: str) -> bool:
    """Whether a text begins with a document that goes on after its first line."""
    text = text.lstrip(SPACE)
    line = text.partition("\n")[0]
    return text[:1] in ("{", "[") and decoded(line)[2] is not None


def _taken(texts: Iterator[str], least: int) -> tuple[str, Iterator[str]]:
    """Return the beginning of a text, and the rest; what `texts` raises, the rest will."""
    parts: list[str] = []
    size = 0
    try:
        while size < least and (text := next(texts, None)) is not None:
            parts.append(text)
            size += len(text)
    except ValueError as error:
        return "".join(parts), _raising(error)
    return "".join(parts), texts


def _raising(error: ValueError) -> Iterator[str]:
    yield from ()
    raise error


class _Open:
    """A list or an object that has begun and not ended.

    Attributes:
        bracket: by which it began.
        name: what it is called in what is around it.
        members: names of those that have come, of an entry of a list that may be cut.
        beginning: of a list that may be cut: what a document of its other entries begins with.
        entry: of such a list: where in the piece its last entry begins.
    """

    __slots__ = ("beginning", "bracket", "entry", "members", "name")

    def __init__(self, bracket: str, name: str) -> None:
        self.bracket, self.name = bracket, name
        self.members: set[str] = set()
        self.beginning: str | None = None
        self.entry = 0

    @property
    def is_innermost(self) -> bool:
        """Whether no list in one of its entries is cut."""
        return self.beginning is not None and self.name in _INNERMOST

    def __str__(self) -> str:
        return f'"{self.name}":{self.bracket}' if self.name else self.bracket


def _may_be_cut(name: str, around: str, members: set[str]) -> bool:
    return any(
        name in rule.names and around in rule.below and not rule.known.isdisjoint(members)
        for rule in _RULES
    )


class _Cutter:
    """Cuts the document that a text begins with; what follows it is one piece."""

    def __init__(self, beginning: str) -> None:
        self._open: list[_Open] = []
        self._text = beginning
        self._at = 0
        self._again = 0
        """So many characters at the beginning of the piece were in others before."""
        self._line = 0
        """Number of lines before what is new in the piece."""
        self._name = ""
        self._in_string = False
        self._depth = 0
        """Of an entry of an innermost list: so many brackets are open in it."""

    def pieces(self, texts: Iterator[str]) -> Iterator[Piece]:
        """Yield the documents, and what follows."""
        yield from self._cut()
        while 0 < len(self._open) <= _DEEPEST and len(self._text) <= _LONGEST_ENTRY:
            # The longer what has no cut so far, the more: each time, it may be looked at again.
            text, texts = _taken(texts, max(_LONGEST_BEGINNING, len(self._text) - PIECE))
            if not text:
                break
            self._text += text  # a short part, to all that is in the piece
            yield from self._cut()
        yield self._piece(chain([self._text], texts))

    def _piece(self, texts: Iterable[str]) -> Piece:
        return Piece(self._line - self._text.count("\n", 0, self._again), texts)

    def _cut(self) -> Iterator[Piece]:
        while self._is_at_end_of_entry() and (token := self._next_token()) is not None:
            sign = token[0]
            if sign[0] == '"':
                self._note_name(token)
            elif sign in _CLOSING:
                self._enter(sign)
                if len(self._open) > _DEEPEST:
                    return
            elif sign == ",":
                its, self._name = self._open[-1], ""
                if its.beginning is None:
                    continue
                if self._at - self._again >= PIECE:
                    closing = "".join(_CLOSING[each.bracket] for each in reversed(self._open))
                    yield self._piece([self._text[: self._at - 1] + closing])
                    self._go_on_with(its.beginning)
                its.entry = self._at
            else:
                self._open.pop()
                if not self._open:
                    return

    def _is_at_end_of_entry(self) -> bool:
        """Go to the end of an entry in which nothing is cut; return whether it has come."""
        while self._depth:
            found = _TO_BRACKET.match(self._text, self._at)
            if found is None:
                return False
            self._at = found.end()
            self._depth += 1 if found[1] in _CLOSING else -1
        return True

    def _next_token(self) -> re.Match[str] | None:
        """Return the next string, bracket or comma; None if more of the text must come first."""
        if self._in_string:
            rest = _REST_OF_STRING.match(self._text, self._at)
            self._at = rest.end() if rest else self._at
            if not self._text.startswith('"', self._at):
                return None
            self._at += 1
            self._in_string = False
        token = _TOKEN.search(self._text, self._at)
        self._at = len(self._text) if token is None else token.end()
        self._in_string = token is not None and token[0][0] == '"' and not token[2]
        return None if self._in_string else token

    def _note_name(self, token: re.Match[str]) -> None:
        if not token[3]:
            return
        self._name = token[1]
        if len(self._open) > 1 and self._open[-2].beginning is not None:
            self._open[-1].members.add(self._name)

    def _enter(self, bracket: str) -> None:
        if self._open and self._open[-1].is_innermost:
            self._depth = 1
            return
        its = _Open(bracket, self._name)
        if bracket == "[":
            its.beginning, its.entry = self._beginning_of(self._name), self._at
        self._open.append(its)
        self._name = ""

    def _beginning_of(self, name: str) -> str | None:
        """Return what a document of more entries of a list begins with, None if it stays whole."""
        around = next((each for each in reversed(self._open) if each.beginning is not None), None)
        if around is None or around.beginning is None:
            if any(name in rule.names and not rule.below for rule in _RULES):
                return "".join(map(str, self._open)) + f'"{name}":['
            return None
        its = self._open[-1].members
        others_came = not _LISTS.isdisjoint(its - {name})
        if self._open[-2] is not around or others_came or not _may_be_cut(name, around.name, its):
            return None
        beginning = around.beginning + self._text[around.entry : self._at]
        return beginning if len(beginning) <= _LONGEST_BEGINNING else None

    def _go_on_with(self, beginning: str) -> None:
        self._line += self._text.count("\n", self._again, self._at)
        self._text = beginning + self._text[self._at :]
        self._again = self._at = len(beginning)
        for each in self._open:
            each.entry = len(each.beginning or "")
