"""Both sides of masking: secrets that are found, and texts without one that are left alone."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from otel_allure.redaction.redaction import Redaction
from tests import harmless
from tests.planted import PLACES

_REDACTION = Redaction()


def masked(name: str, text: str) -> str:
    """Return a text as it is written, under the name of an attribute if there is one."""
    return _REDACTION.value(name, text) if name else _REDACTION.text(text)


class Rate(NamedTuple):
    """How many of all."""

    what: str
    count: int
    of: int

    def __str__(self) -> str:
        return f"{self.what}: {self.count:,} of {self.of:,} ({self.count / self.of:.1%})"


@cache
def unmasked_places() -> dict[str, str]:
    """Return the places in which a secret is not masked, or more than it, and how that looks."""
    wrong = {place.id: place.failures(masked) for place in PLACES}
    return {name: failures[0] for name, failures in wrong.items() if failures}


@cache
def changed_texts() -> dict[str, str]:
    """Return the harmless texts and files that are changed, and what becomes of them."""
    texts = {text: text for texts in harmless.TEXTS.values() for text in texts}
    texts |= {path.name: path.read_text("utf-8") for path in harmless.FILES}
    changed: dict[str, str] = {}
    for name, text in texts.items():
        for tried in (text, f"said:\n{text}\nand more\n"):
            if masked("", tried) != tried:
                changed.setdefault(name, masked("", tried))
    return changed


def rates() -> list[Rate]:
    """Return the rates that the documentation shows."""
    planted = sum(len(place.fits) for place in PLACES)
    return [
        Rate("kinds of places that are masked", len(PLACES) - len(unmasked_places()), len(PLACES)),
        Rate("secrets in them", planted - _leaks(), planted),
        Rate("harmless texts that are changed", len(_changed(files=False)), _count_of_texts()),
        Rate("harmless files that are changed", len(_changed(files=True)), len(harmless.FILES)),
    ]


def _leaks() -> int:
    return sum(len(place.failures(masked)) for place in PLACES)


def _count_of_texts() -> int:
    return sum(map(len, harmless.TEXTS.values()))


def _changed(*, files: bool) -> list[str]:
    names = {path.name for path in harmless.FILES}
    return [name for name in changed_texts() if (name in names) == files]
