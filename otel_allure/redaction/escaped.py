"""Secrets in a text that is escaped: in a URL, in HTML, in a string literal, in a field of CSV.

Each piece is read as what it stands for, masked, and written again.
"""

from __future__ import annotations

import ast
import html
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import NamedTuple
from urllib.parse import quote, quote_plus, unquote, unquote_plus

from otel_allure.redaction.json_texts import Masked
from otel_allure.redaction.lazy import lazy
from otel_allure.redaction.places import MASK, Place


class _Escape(NamedTuple):
    """A way to escape.

    Attributes:
        signs: texts of which one is in all of it.
        escape: one escape, without which there is nothing to read.
        piece: what is escaped as a whole.
        read: returns what a piece stands for.
        write: returns how a text is written in the way of a piece.
    """

    signs: tuple[str, ...]
    escape: re.Pattern[str]
    piece: re.Pattern[str]
    read: Callable[[str], str]
    write: Callable[[str, str], str]

    def is_in(self, text: str) -> bool:
        has_sign = any(sign in text for sign in self.signs)
        return has_sign and self.escape.search(text) is not None


def _in_url(value: str, original: str) -> str:
    write = quote_plus if "+" in original else quote
    return write(value, safe="*")


def _read_html(piece: str) -> str:
    # `&note=` is no entity, whatever browsers make of its beginning.
    return _ENTITY.sub(lambda match: html.unescape(match[0]), piece)


def _in_html(value: str, original: str) -> str:
    return html.escape(value, quote="&quot;" in original or "&#" in original)


def _in_literal(value: str, original: str) -> str:
    mark = original[0]
    escaped = value.encode("unicode_escape" if original.isascii() else "utf-8").decode()
    if not original.isascii():
        escaped = value.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return mark + escaped.replace(mark, f"\\{mark}") + mark


def _read_literal(literal: str) -> str:
    return str(ast.literal_eval(literal))


def _read_literals(literals: str) -> str:
    return "".join(_read_literal(match[0]) for match in _LITERAL.finditer(literals))


# What is not closed is passed over as a whole: to look again from each quote would be quadratic.
_LITERAL = lazy(
    r"(?P<mark>['\"])(?:(?!(?P=mark))[^\\\r\n]|\\(?:[^\r\n]|(?=[\r\n])|\Z))*"
    r"(?:(?P=mark)|(?=[\r\n])|\Z)"
)
_CLOSED = r"(?:'(?:[^'\\\r\n]|\\[^\r\n])*'|\"(?:[^\"\\\r\n]|\\[^\r\n])*\")"
_BETWEEN_LINES = r"\n(?:E[ ])?[ \t]*(?:[+-][ \t]+)?"
_LITERALS = lazy(rf"{_CLOSED}(?:{_BETWEEN_LINES}{_CLOSED})*|['\"][^\r\n]*")
"""One literal on several lines, as pprint writes long ones; those of a diff are marked."""
_ENTITIES = lazy(r"(?<![^<>&'\"])[^<>&'\"]*&(?:[^<>&'\"]|&(?=[#\w]{2,8};))*")
_ENTITY = lazy(r"&#?\w{1,8};")
_ON_LINES = _Escape(
    ("'\n", '"\n'), lazy(rf"['\"]{_BETWEEN_LINES}['\"]"), _LITERALS, _read_literals, _in_literal
)
_ESCAPES = (
    _Escape(
        ("%",),
        lazy(r"%[0-9A-Fa-f]{2}"),
        lazy(r"(?<![\w%.+*~-])[\w.+*~-]*%[0-9A-Fa-f]{2}[\w.+*~%-]*", re.ASCII),
        lambda piece: (unquote_plus if "+" in piece else unquote)(piece),
        _in_url,
    ),
    _Escape(("&",), _ENTITY, _ENTITIES, _read_html, _in_html),
    _Escape(
        ('""',),
        lazy('""'),
        lazy(r'(?<![^,;\t\n])"(?:[^"]|""){1,100000}"(?![^,;\t\r\n])'),
        lambda piece: piece[1:-1].replace('""', '"'),
        lambda value, _: '"' + value.replace('"', '""') + '"',
    ),
    _Escape(("\\",), lazy(r"\\"), _LITERAL, _read_literal, _in_literal),
    _ON_LINES,
)


def may_be_in(text: str) -> bool:
    """Whether there is anything to be read otherwise."""
    return any(escape.is_in(text) for escape in _ESCAPES)


def find(text: str, masked: Masked) -> Iterator[Place]:
    """Yield the pieces that have a secret in what they stand for.

    Args:
        text: anything.
        masked: returns a text without its secrets, and the rules that say so.
    """
    for escape in _ESCAPES:
        yield from _of(escape, text, masked)


def on_lines(text: str, masked: Masked) -> Iterator[Place]:
    """Yield the literals on several lines that have a secret in them: see `find`."""
    yield from _of(_ON_LINES, text, masked)


def _of(escape: _Escape, text: str, masked: Masked) -> Iterator[Place]:
    for match in escape.piece.finditer(text) if escape.is_in(text) else ():
        has_sign = any(sign in match[0] for sign in escape.signs)
        place = _place(match, escape, masked) if has_sign else None
        if place is not None:
            yield place


def _place(match: re.Match[str], escape: _Escape, masked: Masked) -> Place | None:
    piece = match[0]
    try:
        value = escape.read(piece)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    if value == piece:
        return None
    shown, rules = masked(value)
    if shown == value or MASK not in shown:
        return None
    return Place(*match.span(), rules[0] if rules else "", escape.write(shown, piece))


_CONTINUED = lazy(r"[ \t]{0,20}\\\r?\n[ \t]{0,100}")


class Joined:
    """A text with one line for several that end with a backslash, as commands have them."""

    def __init__(self, text: str) -> None:
        pieces: list[str] = []
        self._starts, self._shifts = [0], [0]
        at = done = 0
        for match in _CONTINUED.finditer(text):
            blank = " " if " " in match[0] or "\t" in match[0] else ""
            pieces += (text[done : match.start()], blank)
            at += match.start() - done + len(blank)
            done = match.end()
            self._starts.append(at)
            self._shifts.append(done - at)
        self.text = "".join([*pieces, text[done:]])

    def origin(self, place: Place) -> Place:
        """Return where a place of the one line is in the text."""
        return place._replace(start=self._at(place.start), end=self._at(place.end - 1) + 1)

    def _at(self, at: int) -> int:
        return at + self._shifts[bisect_right(self._starts, at) - 1]
