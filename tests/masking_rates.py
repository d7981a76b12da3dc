"""Both sides of masking: secrets that are found, and texts without one that are left alone.

What is in `data/masking_not_yet.txt` and in the table of docs/secrets.md is written by
`python tools/masking_rates.py --write`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from otel_allure.redaction.redaction import Redaction
from tests import harmless
from tests.planted import PLACES

NOT_YET_FILE = Path(__file__).with_name("data") / "masking_not_yet.txt"
PAGE = Path(__file__).parent.parent / "docs" / "secrets.md"

_REDACTION = Redaction()


def masked(name: str, text: str) -> str:
    """Return a text as it is written, under the name of an attribute if there is one."""
    return _REDACTION.value(name, text) if name else _REDACTION.text(text)


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


class Rate(NamedTuple):
    """How many of all."""

    what: str
    count: int
    of: int

    def __str__(self) -> str:
        return f"{self.what}: {self.count:,} of {self.of:,} ({self.count / self.of:.1%})"


def rates_of_places() -> Iterator[Rate]:
    """Yield how many places are masked of each section, and of all."""
    for section in dict.fromkeys(place.section for place in PLACES):
        names = {place.id for place in PLACES if place.section == section}
        yield Rate(section, len(names - unmasked_places().keys()), len(names))
    yield Rate("all", len(PLACES) - len(unmasked_places()), len(PLACES))


def rates_of_harmless() -> Iterator[Rate]:
    """Yield how many harmless texts and files are changed."""
    texts = [text for texts in harmless.TEXTS.values() for text in texts]
    files = [path.name for path in harmless.FILES]
    for what, names in (("texts", texts), ("files", files)):
        yield Rate(what, len(changed_texts().keys() & set(names)), len(names))


def table() -> str:
    """Return the rates as the documentation has them."""
    lines = ["| a secret in | kinds of places | masked |", "|---|---:|---:|"]
    lines += [f"| {what} | {of:,} | {count:,} |" for what, count, of in rates_of_places()]
    lines += ["", "| without a secret | number | changed |", "|---|---:|---:|"]
    lines += [f"| {what} | {of:,} | {count:,} |" for what, count, of in rates_of_harmless()]
    return "\n".join(lines)


_TABLE = re.compile(r"(?<=<!-- rates -->\n\n).*?(?=\n\n<!-- end of rates -->)", re.DOTALL)


def table_of_page() -> str:
    found = _TABLE.search(PAGE.read_text("utf-8"))
    assert found is not None
    return found[0]


def write() -> None:
    """Write what the code gives now into the page, and what is wrong into the list of it."""
    wrong = [*unmasked_places(), *changed_texts()]
    NOT_YET_FILE.write_text("".join(f"{name}\n" for name in wrong), "utf-8")
    PAGE.write_text(_TABLE.sub(lambda _: table(), PAGE.read_text("utf-8")), "utf-8")
