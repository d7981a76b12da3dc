"""The values in what is in brackets, as Python and others show it."""

from __future__ import annotations

import re

from otel_allure.redaction.lazy import lazy
from otel_allure.redaction.no_secrets import is_no_bare_leaf, is_no_leaf

Span = tuple[int, int]

_LONGEST = 4_000
_DEEPEST = 10
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

    def leaves(self, start: int) -> list[Span]:
        """Return the places of the values in the brackets at a place.

        What is not closed, or goes on behind its brackets, is a value as a whole.
        """
        found = _leaves(self._text, start) if start >= self._not_closed else None
        if found is not None:
            return found
        self._not_closed = max(self._not_closed, start + _LONGEST // 2)
        run = _RUN.match(self._text, start)
        return [run.span()] if run is not None and run.end() > start + 1 else []


def _leaves(text: str, start: int) -> list[Span] | None:
    """Return the places of the values in brackets; None if these are not closed."""
    depth = 0
    found: list[Span] = []
    for token in _TOKEN.finditer(text, start, start + _LONGEST):
        if token["open"]:
            depth += 1
            if depth > _DEEPEST:
                break
        elif token["close"]:
            depth -= 1
            if depth <= 0:
                if text[token.end() : token.end() + 1].isalnum():
                    break
                return found
        elif not token["key"] and not _is_none(token["value"], text[token.end() : token.end() + 1]):
            found.append(token.span("value"))
    return None


def _is_none(value: str, behind: str) -> bool:
    inner = value.strip("\\'\"")
    if value == inner:
        return is_no_bare_leaf(inner)
    # Of a user and a password, the user.
    return is_no_leaf(inner) or (behind == "," and inner.isalpha() and inner.islower())
