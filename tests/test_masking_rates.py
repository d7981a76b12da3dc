"""Secrets in many places are masked, and texts without one are left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import harmless
from tests.masking_rates import (
    NOT_YET_FILE,
    changed_texts,
    masked,
    table,
    table_of_page,
    unmasked_places,
)
from tests.planted import PLACES

NOT_YET = frozenset(NOT_YET_FILE.read_text("utf-8").splitlines())
"""What is known to be wrong."""


def test_examples_of_the_page():
    page = Path(__file__).parent.parent.joinpath("docs", "secrets.md").read_text("utf-8")
    lines = page.partition("### Examples")[2].split("```")[1].splitlines()
    examples = [line.split(" → ") for line in lines if " → " in line]
    assert len(examples) > 40
    for text, shown in examples:
        assert masked("", text.replace("¶", "\n")) == shown.replace("¶", "\n")


def test_there_are_enough():
    assert len({place.id for place in PLACES}) == len(PLACES) > 900
    assert all(len(place.fits) >= 3 and "§" in place.template for place in PLACES)
    texts = [text for texts in harmless.TEXTS.values() for text in texts]
    assert len(set(texts)) == len(texts) > 1_000


def test_places_show_what_is_wrong():
    """The table would find a leak, a mask that is too wide, and one that breaks JSON."""
    (place,) = [place for place in PLACES if place.id == "json-password"]
    assert len(place.failures(lambda _, text: text)) == len(place.fits)
    for wrong in ("****", '{"user": "bob", "password": ****, "page": 2}'):
        assert len(place.failures(lambda _, text: wrong)) == len(place.fits)


@pytest.mark.parametrize(
    "place",
    [place for place in PLACES if place.id not in NOT_YET],
    ids=lambda place: place.id,
)
def test_planted_secrets_are_masked(place):
    assert unmasked_places().get(place.id) is None


@pytest.mark.parametrize("kind", harmless.TEXTS)
def test_harmless_texts_stay(kind):
    changed = changed_texts()
    wrong = {text: changed[text] for text in harmless.TEXTS[kind] if text in changed}
    assert {text: wrong[text] for text in wrong.keys() - NOT_YET} == {}


@pytest.mark.parametrize("kind", harmless.TEXTS)
def test_harmless_texts_stay_together(kind):
    text = "\n".join(line for line in harmless.TEXTS[kind] if line not in NOT_YET)
    assert masked("", text) == text


@pytest.mark.parametrize(
    "path",
    [path for path in harmless.FILES if path.name not in NOT_YET],
    ids=lambda path: path.name,
)
def test_harmless_files_stay(path):
    text = path.read_text("utf-8")
    assert masked("", text) == text


def test_the_page_shows_the_rates():
    """If not: `python tools/masking_rates.py --write`."""
    assert table_of_page() == table()
