"""SQL without its literals."""

from __future__ import annotations

import re

_LITERAL = re.compile(
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
