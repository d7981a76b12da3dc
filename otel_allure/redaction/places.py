"""Where secrets are in a text, and the text without them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

MASK = "****"


class Place(NamedTuple):
    """What is masked in a text: from where to where, by which rule, and what is shown instead."""

    start: int
    end: int
    rule: str
    shown: str = MASK


def masked_text(text: str, places: Iterable[Place]) -> str:
    """Return `text` with one mask for each of the places, those that overlap taken together."""
    pieces: list[str] = []
    done = 0
    for start, end, shown in _united(places):
        pieces += (text[done:start], shown)
        done = end
    return "".join([*pieces, text[done:]])


def _united(places: Iterable[Place]) -> Iterator[tuple[int, int, str]]:
    """Yield what is shown from where to where; no two overlap."""
    begin = stop = -1
    instead = ""
    for start, end, _, shown in sorted(places, key=lambda place: (place.start, -place.end)):
        if start >= stop:
            if begin >= 0:
                yield begin, stop, instead
            begin, stop, instead = start, end, shown
        elif end > stop:
            stop, instead = end, instead if instead.endswith(MASK) else instead + MASK
    if begin >= 0:
        yield begin, stop, instead
