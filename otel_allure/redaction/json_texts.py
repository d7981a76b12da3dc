"""JSON whose secrets are masked stays JSON, and as it was written."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator

from otel_allure.redaction.places import Place

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_IS_KEY = re.compile(r"\s*:")
_ESCAPED_QUOTE = re.compile(r"\\+['\"]")


def is_json(text: str) -> bool:
    """Whether a text is an object or a list in JSON."""
    begin, end = text[:100].lstrip()[:1], text[-100:].rstrip()[-1:]
    if (begin, end) not in (("{", "}"), ("[", "]")):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def masked_json(text: str, places: Iterable[Place], mask: str) -> str | None:
    """Return JSON with a mask for each of the places; None if that would be none any more."""
    strings = [match.span() for match in _STRING.finditer(text)]
    starts = [start for start, _ in strings]
    pieces: list[str] = []
    done = 0
    for place in sorted(places):
        for start, end, shown in _parts(text, place, strings, starts, mask):
            if start >= done:
                pieces += (text[done:start], shown)
            done = max(done, end)
    shown = "".join([*pieces, text[done:]])
    return shown if is_json(shown) else None


def _parts(
    text: str, place: Place, strings: list[tuple[int, int]], starts: list[int], mask: str
) -> Iterator[tuple[int, int, str]]:
    """Yield what is masked of a place: the parts of it that are in values."""
    begin, end, _ = place
    number = max(bisect_right(starts, begin) - 1, 0)
    in_strings = False
    while number < len(strings) and strings[number][0] < end:
        first, last = strings[number]
        number += 1
        if last <= begin:
            continue
        in_strings = True
        is_cut = begin <= first and _IS_KEY.match(text, last) is not None
        inner = max(first + 1, begin), min(last - 1, end)
        if inner[0] < inner[1] and not is_cut:
            quote = _ESCAPED_QUOTE.match(text, *inner)
            closed = quote is not None and text.endswith(quote[0], *inner)
            around = quote[0] if quote is not None and closed else ""
            yield (*inner, f"{around}{mask}{around}")
    if not in_strings:
        yield begin, end, f'"{mask}"'
