"""Where secrets are in a text, and the text without them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from otel_allure.redaction.lazy import lazy

MASK = "****"


class Place(NamedTuple):
    """What is masked in a text: from where to where, by which rule, and what is shown instead."""

    start: int
    end: int
    rule: str
    shown: str = MASK


def rule_of(name: str) -> str:
    """Return the rule that masks what stands under the name of a secret."""
    return f"name {name.lower()}"


def masked_text(text: str, places: Iterable[Place]) -> str:
    """Return `text` with one mask for each of the places, those that overlap taken together."""
    pieces: list[str] = []
    done = 0
    for start, end, shown in _united(places):
        pieces += (text[done:start], shown)
        done = end
    return "".join([*pieces, text[done:]])


def lines_with(lowered: str, needles: Iterable[str]) -> list[tuple[int, int]]:
    """Return where the lines of a text are that have one of the needles, without their ends."""
    lines: set[tuple[int, int]] = set()
    for needle in needles:
        at = lowered.find(needle)
        while at >= 0:
            end = lowered.find("\n", at) % (len(lowered) + 1)
            lines.add((lowered.rfind("\n", 0, at) + 1, end))
            at = lowered.find(needle, end)
    return sorted(lines)


FRAGMENT = r"#(?:[A-Za-z_/!:~-][\w/.:~-]*)?(?=[=&\s'\"<>)\]},;]|$)"
"""The end of a URL. Other number signs are of a value that should have been escaped."""
_FIELDS = lazy(
    r"(?:(?<=\?)|(?<![^\s'\"])(?=[^&\s'\"<>=]{1,100}=[^&\s'\"<>]*&))"
    r"[\w.%\[\]+*~-]+=[^&\s'\"<>]*(?:&[\w.%\[\]+*~-]*=[^&\s'\"<>]*)*"
)
_PATH_PARAMETER = lazy(
    r"(?:(?<=:/)|(?<![^\s'\"]))/[^\s;?'\"]{0,200}(?:;[\w.-]{1,60}=[^\s;?/'\"]*)+(?=[?/])"
)
"""A path with parameters: `/cart;jsessionid=abc?page=2`."""
_SEPARATOR = lazy(rf"&|{FRAGMENT}")
"""Fields of a form, or of a query: what separates them is written otherwise within them."""


def within_fields(text: str, places: Iterable[Place]) -> Iterator[Place]:
    """Yield places so that none of them takes in more than one field of a form."""
    forms = [match.span() for match in _FIELDS.finditer(text)]
    starts = [start for start, _ in forms]
    paths = [match.span() for match in _PATH_PARAMETER.finditer(text)] if ";" in text else []
    begins = [begin for begin, _ in paths]
    for place in places:
        number = bisect_right(begins, place.start) - 1
        is_in_path = number >= 0 and place.start < paths[number][1]
        end = min(place.end, paths[number][1]) if is_in_path else place.end
        number = bisect_right(starts, place.start) - 1
        # What is shown otherwise is masked within, field by field.
        if place.shown == MASK and number >= 0 and place.start <= forms[number][1]:
            following = _SEPARATOR.search(text, place.start, end)
            end = end if following is None else following.start()
        if end > place.start:
            yield place._replace(end=end)


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
