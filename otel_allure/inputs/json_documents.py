"""JSON documents in a text, however they are laid out in it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

LARGEST = 1 << 30
"""Characters of one document. What is larger is not read."""


class Documents:
    """JSON documents in a text: one a line, over many lines, or one after the other.

    Args:
        on_problem: told the place and what is wrong there.
        lines_before: number of lines before the text.

    Attributes:
        others: number of lines that are no JSON; those of a log, around what an exporter printed.
    """

    def __init__(self, on_problem: Callable[[str, object], object], lines_before: int = 0) -> None:
        self._tell = on_problem
        self._first_line = 1 + lines_before
        self.others = 0
        self._open: list[tuple[int, str]] = []  # lines of a document that has not ended
        self._size = self._tried = 0

    def of(self, texts: Iterable[str]) -> Iterator[tuple[int, Any]]:
        """Yield documents, each with the number of its line.

        Raises:
            ValueError: that `texts` has raised; what came before has been yielded.
        """
        broken: ValueError | None = None
        try:
            for number, line in enumerate(_lines(texts), self._first_line):
                if line is None:
                    self._tell(f"line {number}", _TOO_LARGE)
                    self._forget()
                    continue
                text = line.strip(SPACE)
                if text:
                    yield from self._line(number, line.strip("\x1e"), text)
        except ValueError as error:
            broken = error
        if self._open:
            yield from self._attempt(is_last=True)
        if broken is not None:
            raise broken

    def _line(self, number: int, line: str, text: str) -> Iterator[tuple[int, Any]]:
        if not self._open:
            if text[0] not in "{[":
                yield from self._within(number, text)
                return
        elif text[0] == "{" and line[0] == "{" and self._breaks_off(text):
            yield from self._attempt(is_last=True)
        self._open.append((number, line))
        self._size += len(line)
        due = 2 * self._tried if len(self._open) == 1 or line[0] in "}]" else _LEAST
        if self._size > LARGEST:
            self._tell(f"line {self._open[0][0]}", _TOO_LARGE)
            self._forget()
        elif self._size >= max(due, 2 * self._tried):
            yield from self._attempt()

    def _breaks_off(self, text: str) -> bool:
        """Whether what is open cannot go on with a line that is a document by itself."""
        if len(self._open) > _FEW or self._size > _LEAST:
            return False  # a large document, with an object a line
        found, _, wrong = decoded(text)
        if wrong is not None or not found:
            return False
        joined = "\n".join((*(line for _, line in self._open), text))
        wrong = decoded(joined)[2]
        return wrong is not None and not wrong.is_cut

    def _attempt(self, *, is_last: bool = False) -> Iterator[tuple[int, Any]]:
        """Read what is open, as far as it goes."""
        lines = self._open
        first, text = lines[0][0], "\n".join(line for _, line in lines)
        found, end, wrong = decoded(text)
        self._forget()
        for document in found:
            yield first, document
        if wrong is None:
            return
        if wrong.is_cut and not is_last:
            line = first + text.count("\n", 0, end)
            self._open = [(line, text[end:])] if found else lines
            self._size = self._tried = len(text) - end
            return
        what = "the document is not complete" if is_last and wrong.is_cut else wrong.message
        if wrong.is_cut and (whole := decoded(up_to_last_span(text[end:]))[0]):
            yield first + text.count("\n", 0, end), whole[0]
            what = f"{what}, its last spans are left out"
        self._tell(f"line {first + text.count(chr(10), 0, wrong.pos)}", what)
        for number, each in lines[1:]:  # some may be documents by themselves
            if each[0] == "{":
                again, _, error = decoded(each)
                for document in again if error is None else ():
                    yield number, document

    def _within(self, number: int, text: str) -> Iterator[tuple[int, Any]]:
        """Yield the document that a line of a log has in it."""
        start = text.find('{"')
        found, _, wrong = decoded(text[start:]) if start >= 0 else ([], 0, None)
        if not found or wrong is not None:
            self.others += 1
        for document in found:
            yield number, document

    def _forget(self) -> None:
        self._open, self._size, self._tried = [], 0, 0


_TOO_LARGE = "the document is too large"
SPACE = " \t\r\n\x1e\ufeff"
_LEAST = 1 << 16
_FEW = 64
_decoder = json.JSONDecoder()


class _Wrong(NamedTuple):
    """What is wrong with a text.

    Attributes:
        message: what it is.
        pos: where.
        is_cut: whether it may be that more of the text is to come.
    """

    message: str
    pos: int
    is_cut: bool = False


def decoded(text: str) -> tuple[list[Any], int, _Wrong | None]:
    """Return the documents of a text, where the last of them ends, and what is wrong then."""
    found: list[Any] = []
    at, end = 0, len(text.rstrip(SPACE))
    while True:
        start = at
        while at < end and text[at] in _BETWEEN:
            at += 1
        if at >= end:
            return found, end, None
        try:
            document, at = _decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            is_cut = error.msg.startswith("Unterminated") or error.pos >= end - _LONGEST_LITERAL
            return found, start, _Wrong(error.msg, error.pos, is_cut)
        except RecursionError:
            return found, start, _Wrong("it is nested too deeply", at)
        except ValueError as error:  # a number of more digits than Python converts
            return found, start, _Wrong(str(error), at)
        found.append(document)


def up_to_last_span(text: str) -> str:
    """Return a document that was cut up to the last span in it that is whole; empty if none is."""
    keys: list[set[str]] = []  # of what is open
    last = 0
    for token in _TOKEN.finditer(text):
        text_of_it, colon, bracket = token.groups("")
        if not bracket:
            if colon and keys:
                keys[-1].add(text_of_it)
        elif bracket in "{[":
            keys.append(set())
        elif keys:
            its = keys.pop()
            if its & _ID_OF_A_SPAN and its & _TIME_OF_A_SPAN:
                last = token.end()
    closing: list[str] = []
    for token in _TOKEN.finditer(text, 0, last):
        bracket = token.group(3)
        if bracket in ("{", "["):
            closing.append("}" if bracket == "{" else "]")
        elif bracket and closing:
            closing.pop()
    return text[:last] + "".join(reversed(closing))


_TOKEN = re.compile(
    r'"((?:[^"\\]|\\.?)*)(?:"(\s*:)?|\Z)|([][{}])', re.DOTALL
)  # linear: it never fails
_ID_OF_A_SPAN = {"spanId", "span_id", "spanID", "id"}
_TIME_OF_A_SPAN = {"startTimeUnixNano", "start_time_unix_nano", "startTime", "timestamp"}
_BETWEEN = f"{SPACE},"
_LONGEST_LITERAL = 9


def _lines(texts: Iterable[str]) -> Iterator[str | None]:
    """Yield the lines of a text that comes in pieces; None for one that is too large to be kept."""
    pieces: list[str] = []
    size = 0
    broken: ValueError | None = None
    try:
        for text in texts:
            first, *others = text.split("\n")
            size += len(first)
            pieces.append(first)
            if size > LARGEST:
                pieces.clear()
            if not others:
                continue
            yield None if size > LARGEST else "".join(pieces)
            yield from others[:-1]
            pieces, size = [others[-1]], len(others[-1])
    except ValueError as error:
        broken = error
    if size:
        yield None if size > LARGEST else "".join(pieces)
    if broken is not None:
        raise broken
