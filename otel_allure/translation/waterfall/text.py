"""Texts within SVG: escaped, measured, shortened."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from itertools import accumulate

_NOT_XML = re.compile("[^ -~\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# These would turn around what is beside them.
_BIDI = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_NARROW, _BROAD = frozenset("ijlI.,:;|!'`/\\()[]{}ftr "), frozenset("mwMW@%—→←↔…")


def clean(text: str) -> str:
    """Return one line of characters that XML may have."""
    return _BIDI.sub("", _NOT_XML.sub("\ufffd", " ".join(text.split())))


def xml(text: str) -> str:
    """Return a text with the characters escaped that mean something to XML."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _em(char: str) -> float:
    """Estimate the width of a character in a common sans-serif font, rather too wide."""
    if char in _NARROW:
        return 0.38
    if char in _BROAD:
        return 0.98
    if char < "\x7f":
        return 0.72 if char.isupper() else 0.6
    if unicodedata.combining(char):
        return 0
    return 1.1 if unicodedata.east_asian_width(char) in "WF" else 0.68


def width_of(text: str, size: float) -> float:
    """Return about how wide a text is drawn, in the units of `size`."""
    return sum(map(_em, text)) * size


def shortened(text: str, room: float, size: float) -> str:
    """Cut out the middle of `text` if it is wider than `room`.

    The end of a title often tells more than its middle, the status of a response for example.
    """
    if len(text) * size * 1.1 <= room or width_of(text, size) <= room:
        return text
    room -= width_of("…", size)
    head = _fitting(text, room * 0.65, size)
    reset = room - width_of(head, size)
    return f"{head.rstrip()}…{_fitting(text[::-1], reset, size)[::-1].lstrip()}"


def _fitting(text: str, room: float, size: float) -> str:
    widths = accumulate(_em(char) * size for char in text)
    return text[: next((i for i, width in enumerate(widths) if width > room), len(text))]


def number(value: float) -> str:
    """Return a coordinate, short."""
    return f"{value:.1f}".removesuffix(".0")


def fair_share(widths: Sequence[float], room: float) -> float:
    """Return to what the widest must be cut so that all have room."""
    for index, width in enumerate(sorted(widths)):
        share = room / (len(widths) - index)
        if width > share:
            return share
        room -= width
    return max(widths)
