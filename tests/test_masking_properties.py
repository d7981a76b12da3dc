"""What holds of masking whatever the text is."""

from __future__ import annotations

import json
import re
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import harmless
from tests.masking_rates import changed_texts, masked, unmasked_places
from tests.planted import PLACES

EACH = settings(derandomize=True, deadline=None, max_examples=200)
SECRET = "Zq10xW9kP3vT7mB7"
PLANTED = [
    place.text(SECRET)
    for place in PLACES
    if not place.attribute and place.id not in unmasked_places()
]
HARMLESS = [text for texts in harmless.TEXTS.values() for text in texts]
STILL_HARMLESS = [text for text in HARMLESS if text not in changed_texts()]


def one_of(texts: list[str]) -> st.SearchStrategy[str]:
    """Return a strategy that shows itself shorter than `sampled_from` does."""
    return st.integers(0, len(texts) - 1).map(texts.__getitem__)


ANYTHING = st.one_of(
    one_of([*PLANTED, *HARMLESS]),
    st.text(max_size=20),
    st.sampled_from(list("'\"\\{}[]()<>&%=:;, \n")),
)
TEXTS = st.lists(ANYTHING, max_size=6).map("".join)

_NAMES = re.compile(
    r"pass|pwd|pin|otp|secret|token|auth|cred|key|sig|csrf|xsrf|cookie|session|sid|jwt|bearer|basic|"
    r"identified|login|//|-p|-u|-a|-k|-w|@|eyJ|card|iban|cvv|-----",
    re.IGNORECASE,
)
"""Anything that could be a part of a sensitive name or form."""


def mask(text: str) -> str:
    return masked("", text)


@EACH
@given(TEXTS)
def test_a_second_time_changes_nothing(text):
    once = mask(text)
    assert mask(once) == once


@EACH
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=200))
def test_text_without_a_name_never_changes(text):
    if _NAMES.search(text) is None and not re.search(r"[\w-]{16}", text):
        assert mask(text) == text


@EACH
@given(st.lists(one_of(STILL_HARMLESS), min_size=1, max_size=10))
def test_harmless_texts_are_harmless_together(texts):
    text = "\n".join(texts)
    assert mask(text) == text


@EACH
@given(st.lists(one_of(PLANTED), min_size=1, max_size=5))
def test_secrets_are_found_beside_each_other(texts):
    assert SECRET not in mask("\n\n".join(texts))


LEAVES = st.one_of(TEXTS, st.integers(), st.floats(allow_nan=False), st.booleans(), st.none())
NAMES = st.one_of(st.sampled_from(["password", "apiKey", "cookies", "a", "headers", "note"]), TEXTS)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(NAMES, inner, max_size=4)),
    max_leaves=10,
)


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@EACH
@given(st.dictionaries(NAMES, JSON, max_size=4), st.sampled_from([None, 2]), st.booleans())
def test_json_stays_json(value, indent, ascii):
    shown = json.loads(mask(json.dumps(value, indent=indent, ensure_ascii=ascii)))
    assert shape(shown) == shape(value)


def shape(value: object) -> object:
    """Return what of a value masking must not change: how many are where."""
    if isinstance(value, dict):
        return {len(value): [shape(entry) for entry in value.values()]}
    if isinstance(value, list):
        return [shape(entry) for entry in value]
    return None


@EACH
@given(st.lists(st.tuples(st.sampled_from(["user", "password", "a[token]", "note"]), TEXTS)))
def test_forms_stay_forms(fields):
    shown = parse_qsl(mask(urlencode(fields)), keep_blank_values=True)
    assert [name for name, _ in shown] == [name for name, _ in fields]


@EACH
@given(
    st.sampled_from(["", "bob:Zq10xW9kP3vT7mB7@"]),
    st.lists(st.tuples(st.sampled_from(["page", "token", "sig", "note"]), TEXTS), max_size=4),
)
def test_urls_stay_urls(user, fields):
    url = f"https://{user}example.com/path?{urlencode(fields)}#top"
    shown = urlsplit(mask(url))
    assert (shown.scheme, shown.hostname, shown.path) == ("https", "example.com", "/path")
    assert shown.fragment == "top"
    names = [name for name, _ in parse_qsl(shown.query, keep_blank_values=True)]
    assert names == [name for name, _ in fields]
    assert "Zq10xW9kP3vT7mB7@" not in mask(url)
