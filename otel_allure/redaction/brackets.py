"""The values in what is in brackets, as Python and others show it."""

from __future__ import annotations

import re

from otel_allure.redaction.lazy import lazy
from otel_allure.redaction.names import VAGUE, WORD, strength
from otel_allure.redaction.no_secrets import BARE_LEAF, LEAF, is_no_value

Span = tuple[int, int]

_LONGEST = 4_000
_DEEPEST = 10
_NAME = 64
_RUN = lazy(r"[^\s;&'\"]{1,200}")
_TOKEN = lazy(
    r"(?P<open>[\[({])|(?P<close>[\])}])"
    r"|(?P<value>(?P<escaped>\\{1,4}['\"])(?:(?!(?P=escaped)).)*(?P=escaped)"
    r"|'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[^\s,:=\[\](){}'\"\\]+)"
    r"(?P<key>[ \t]*(?:=>|[:=]))?",
    re.DOTALL,
)


class Brackets:
    """What is in brackets in a text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._not_closed = 0
        """Up to here no bracket is closed: looking again would make it quadratic."""

    def leaves(self, start: int, name: str) -> list[Span]:
        """Return the places of the values of `name` in the brackets at a place.

        What is not closed, or goes on behind its brackets, is a value as a whole.
        """
        found = _leaves(self._text, start, name) if start >= self._not_closed else None
        if found is not None:
            return found
        self._not_closed = max(self._not_closed, start + _LONGEST // 2)
        run = _RUN.match(self._text, start)
        return [run.span()] if run is not None and run.end() > start + 1 else []


def _leaves(text: str, start: int, name: str) -> list[Span] | None:
    """Return the places of the values in brackets; None if these are not closed."""
    depth = hidden = 0  # in the brackets of a call, which is code
    found: list[Span] = []
    for token in _TOKEN.finditer(text, start, start + _LONGEST):
        if depth >= hidden > 0 and not token["close"] and not token["open"]:
            continue
        if token["open"]:
            depth += 1
            if not hidden and depth > 1 and _is_call(text, token.start()):
                hidden = depth
            if depth > _DEEPEST:
                break
        elif token["close"]:
            depth -= 1
            if depth < hidden:
                hidden = 0
            if depth <= 0:
                if text[token.end() : token.end() + 1].isalnum():
                    break
                return found
        elif not token["key"] and not _is_none(
            name, token["value"], text[token.end() : token.end() + 1]
        ):
            found.append(token.span("value"))
    return None


_CALLED = lazy(r"(?:^|[^\w.])(?P<called>[A-Za-z_][\w.]{0,60})\Z")
_SHOWN = ("bytearray", "dict", "frozenset", "list", "set", "tuple", "b", "u")


def _is_call(text: str, at: int) -> bool:
    """Whether brackets are those of a function, and not of what `repr` shows."""
    called = _CALLED.search(text, max(0, at - _NAME), at)
    if called is None or text[at] != "(":
        return False
    last = called["called"].rpartition(".")[2]
    return last[:1].islower() and last not in _SHOWN


def _is_none(name: str, value: str, behind: str) -> bool:
    inner = value.strip("\\'\"")
    if value == inner:
        return is_no_value(name, BARE_LEAF, inner)
    # Of a user and a password, the user; and tokens of a language.
    is_word = inner.strip("#_").isalpha() and inner.islower()
    return is_no_value(name, LEAF, inner) or (
        is_word and (behind == "," or strength(name) in (WORD, VAGUE))
    )
