"""Where secrets are in a text, and the text without them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

MASK = "****"


class Place(NamedTuple):
    """What is masked in a text: from `start` to `end`, and the name of the rule that says so."""

    start: int
    end: int
    rule: str


def masked_text(text: str, places: Iterable[Place]) -> str:
    """Return `text` with one mask for each of the places, those that overlap taken together."""
    pieces: list[str] = []
    done = 0
    for start, end, _ in sorted(places):
        if start >= done:
            pieces += (text[done:start], MASK)
        done = max(done, end)
    return "".join([*pieces, text[done:]])
