"""Values that are known to be secret -> their places in a text, however they are written there.

A value is looked for as it is, and in base64 and hexadecimal digits, as a part of a longer one too.
A text with escapes (of URLs, JSON, HTML, Python) or with line ends is looked at a second time
without them, and a third time if escapes are left: `%2522` is a quote in a URL in a URL.

The time does not depend on how many values there are, nor on how alike they are. A text is cut
into pieces of equal length. Wherever a value stands, it has a whole one of them in it, so pieces
that are in no value are passed over, nearly all at once.
"""

from __future__ import annotations

import html
import re
from base64 import b64encode
from bisect import bisect_right
from collections.abc import Iterable, Iterator

from otel_allure.redaction.lazy import lazy

_Place = tuple[int, int]

_LONG_PIECE, _SHORT_PIECE = 8, 4
_SHORTEST_LONG = 2 * _LONG_PIECE - 1
"""Characters of which a whole piece is in it, wherever the text was cut."""
_SHORTEST = 2 * _SHORT_PIECE
_FEW = 40
"""Texts that are looked for one by one: for so few that is faster."""


class _Needles:
    """Texts to look for, all of them at once.

    Args:
        texts: of at least `_SHORTEST` characters.
    """

    def __init__(self, texts: frozenset[str]) -> None:
        self._few = tuple(texts) if len(texts) <= _FEW else ()
        self._texts = texts
        self._lengths: dict[str, set[int]] = {}
        self._pieces: dict[int, dict[str, int]] = {}
        """By size, for each piece the offsets at which a text has it, as bits."""
        for text in () if self._few else texts:
            self._lengths.setdefault(text[:_SHORTEST], set()).add(len(text))
            size = _LONG_PIECE if len(text) >= _SHORTEST_LONG else _SHORT_PIECE
            pieces = self._pieces.setdefault(size, {})
            for offset in range(size):
                piece = text[offset : offset + size]
                pieces[piece] = pieces.get(piece, 0) | 1 << offset

    def places(self, text: str) -> list[_Place]:
        found: list[_Place] = []
        for needle in self._few:
            if needle in text:
                at = text.find(needle)
                while at >= 0:
                    found.append((at, at + len(needle)))
                    at = text.find(needle, at + 1)
        for size, known in self._pieces.items():
            pieces = _CUT[size].findall(text)
            if not known.keys().isdisjoint(pieces):
                for number, piece in enumerate(pieces):
                    offsets = known.get(piece, 0)
                    while offsets:
                        offset = offsets.bit_length() - 1
                        offsets ^= 1 << offset
                        found += self._places_at(text, number * size - offset)
        return found

    def _places_at(self, text: str, at: int) -> Iterator[_Place]:
        if at >= 0:
            for length in self._lengths.get(text[at : at + _SHORTEST], ()):
                end = at + length
                if end <= len(text) and text[at:end] in self._texts:
                    yield at, end


_CUT = {size: lazy(rf".{{{size}}}", re.DOTALL) for size in (_LONG_PIECE, _SHORT_PIECE)}


class KnownValues:
    """Values that are secrets wherever they are.

    Args:
        values: of at least eight characters, and none that other texts are likely to have.
        others: what is known already. It is asked, not copied: each test may add to many.
    """

    def __init__(self, values: Iterable[str] = (), others: KnownValues | None = None) -> None:
        new = {value for value in values if others is None or value not in others}
        # Fewer ones are taken in, so that there are never many to ask.
        while others is not None and len(others._values) <= len(new):
            new |= others._values
            others = others._others
        self._values: frozenset[str] = frozenset(new)
        self._others: KnownValues | None = others
        plain: set[str] = set()
        encoded: set[str] = set()
        for value in self._values:
            plain.update(_plain_ways(value))
            encoded.update(_encoded_ways(value.encode("utf-8", "surrogatepass")))
        self._encoded = encoded
        self._cut = _Cut(plain)
        self._needles = _Needles(frozenset(w for w in plain | encoded if len(w) >= _SHORTEST))

    def __contains__(self, value: str) -> bool:
        return value in self._values or (self._others is not None and value in self._others)

    def __bool__(self) -> bool:
        return bool(self._values) or self._others is not None

    def places(self, text: str) -> list[_Place]:
        """Return where they are."""
        if not self:
            return []
        found = self._in(text)
        if any(map(text.__contains__, _ESCAPES)):
            view = _View(text)
            for _ in range(_ROUNDS):
                if not view.unfold():
                    break
                found += [view.place(*place) for place in self._in(view.text)]
        return found

    def _in(self, text: str) -> list[_Place]:
        found = self._others._in(text) if self._others is not None else []
        for start, end in self._needles.places(text):
            rest = _REST_OF_BASE64.match(text, end) if text[start:end] in self._encoded else None
            found.append((start, end if rest is None else rest.end()))
        return [*found, *self._cut.places(text)] if CUT in text else found


CUT = "..."
"""What pytest and others put where they leave something out."""


class _Cut:
    """Texts of which the end or the beginning was left out: `'deployed with abcdefghij...'`."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._by_start: dict[str, list[str]] = {}
        self._by_end: dict[str, list[str]] = {}
        self._longest = 0
        for text in texts:
            if len(text) > _SHORTEST:
                self._by_start.setdefault(text[:_SHORTEST], []).append(text)
                self._by_end.setdefault(text[-_SHORTEST:], []).append(text)
                self._longest = max(self._longest, min(len(text), _LONGEST_CUT))

    def places(self, text: str) -> Iterator[_Place]:
        for cut in _CUT_HERE.finditer(text) if self._longest else ():
            yield from self._before(text, cut.start())
            yield from self._behind(text, cut.end())

    def _before(self, text: str, end: int) -> Iterator[_Place]:
        for start in range(max(0, end - self._longest), end - _SHORTEST + 1):
            known = self._by_start.get(text[start : start + _SHORTEST], ())
            if any(value.startswith(text[start:end]) for value in known):
                yield start, end
                return

    def _behind(self, text: str, start: int) -> Iterator[_Place]:
        for end in range(min(len(text), start + self._longest), start + _SHORTEST - 1, -1):
            known = self._by_end.get(text[end - _SHORTEST : end], ())
            if any(value.endswith(text[start:end]) for value in known):
                yield start, end
                return


_LONGEST_CUT = 250
"""Characters beside a cut that are looked at: pytest leaves 240 in all."""
_CUT_HERE = lazy(r"(?<!\.)\.\.\.(?!\.)")


def _plain_ways(value: str) -> Iterator[str]:
    yield value
    if " " in value:
        yield value.replace(" ", "+")  # in a form
    # What looks like an escape in it is taken away from texts, too.
    view = _View(value)
    for _ in range(_ROUNDS):
        if not any(map(view.text.__contains__, _ESCAPES)) or not view.unfold():
            break
        yield view.text


def _encoded_ways(value: bytes) -> Iterator[str]:
    """Yield what a value is in hexadecimal digits, and in base64 wherever it begins there."""
    yield value.hex()
    yield value.hex().upper()
    for before in range(3):
        text = b64encode(bytes(before) + value).decode()
        # What depends on the neighbours is left out.
        certain = text[(0, 2, 3)[before] : (before + len(value)) * 8 // 6]
        yield certain
        yield certain.replace("+", "-").replace("/", "_")


_REST_OF_BASE64 = lazy(r"[A-Za-z0-9+/_-]?={1,2}")

# -- texts without their escapes

_ROUNDS = 3
_ESCAPES = ("\n", "\\", "%", "&", "\r")
_LINE_END = lazy(r"[\r\n](?:(?<=\r)\n)?[ \t]*")
_ESCAPE = lazy(  # by one of few characters: they are looked for fast
    r"[\r\n%&\\](?:"
    r"(?P<line>(?:(?<=\n)|(?<=\r)\n?|(?<=\\)\\{0,7}(?:r\\{1,8})?(?:n|\r?\n))[ \t]*)"
    r"|(?P<url>(?<=%)[0-9A-Fa-f]{2}(?:%[0-9A-Fa-f]{2})*)"
    r"|(?P<html>(?<=&)(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]{2,8});)"
    r"|(?<=\\)\\{0,7}"
    r"(?:u(?P<utf16>[0-9A-Fa-f]{4}(?:\\{1,8}u[0-9A-Fa-f]{4})*)|x(?P<hex>[0-9A-Fa-f]{2})"
    r"|U(?P<long>[0-9A-Fa-f]{8})|(?P<sign>[\"'/&=]))"
    r"|(?P<slashes>(?<=\\)\\{1,7})"
    r")"
)
_ESCAPE_IN_LINE = lazy(_ESCAPE.pattern.replace(r"[\r\n%&\\]", r"[%&\\]", 1))
_UNIT = lazy(r"[0-9A-Fa-f]{4}")


def _unescaped(match: re.Match[str]) -> str:
    kind = match.lastgroup
    text = match[0]
    if kind == "line":
        return ""
    if kind == "url":
        return bytes.fromhex(text.replace("%", "")).decode("utf-8", "replace")
    if kind == "html":
        return html.unescape(text)
    if kind == "utf16":
        units = b"".join(int(u, 16).to_bytes(2, "big") for u in _UNIT.findall(match["utf16"]))
        return units.decode("utf-16-be", "replace")
    if kind in ("hex", "long"):
        code = int(match[kind], 16)
        return chr(code) if code < 0x110000 else text
    return match["sign"] or "\\"


class _View:
    """A text with its escapes taken away, and where its characters come from."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._former: list[str] = []
        self._folds: list[_Fold] = []

    def unfold(self) -> bool:
        """Take one level of escapes away; return whether there was one."""
        text = self.text
        has_sign = "\\" in text or "%" in text or "&" in text
        if has_sign and _ESCAPE_IN_LINE.search(text) is not None:
            self.text = _ESCAPE.sub(_unescaped, text)
        else:
            self.text = _LINE_END.sub("", text)
        self._former.append(text)
        return text != self.text

    def place(self, start: int, end: int) -> _Place:
        """Return where a place of the view is in the first text."""
        while len(self._folds) < len(self._former):
            self._folds.append(_fold(self._former[len(self._folds)]))
        for fold in reversed(self._folds):
            start, end = _origin(fold, start)[0], _origin(fold, end - 1)[1]
        return start, end


_Fold = tuple[list[int], list[int], list[int]]


def _fold(text: str) -> _Fold:
    """Return where pieces of a text begin when it is unfolded, and where they come from.

    Every second piece is an escape: of those, the whole is where a character comes from.
    """
    starts, begins, ends = [0], [0], [0]
    at = done = 0
    for match in _ESCAPE.finditer(text):
        at += match.start() - done
        starts.append(at)
        at += len(_unescaped(match))
        starts.append(at)
        done = match.end()
        begins += (match.start(), done)
        ends += (done, 0)
    return starts, begins, ends


def _origin(fold: _Fold, at: int) -> _Place:
    """Return the place of what has become the character at `at`."""
    starts, begins, ends = fold
    number = bisect_right(starts, at) - 1
    begin = begins[number]
    if number % 2:
        return begin, ends[number]
    begin += at - starts[number]
    return begin, begin + 1
