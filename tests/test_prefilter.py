"""What is told of a text by its words is what looking for each needle would tell."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otel_allure.redaction import escaped, issued_tokens, payment_numbers, prefilter
from otel_allure.redaction import redaction as module
from otel_allure.redaction.names import ENDS, OTHER_ENDS, SENSITIVE
from otel_allure.redaction.prefilter import Prefilter
from otel_allure.redaction.redaction import Redaction
from tests import harmless
from tests.issued import issued
from tests.planted import PLACES, SECRETS

EACH = settings(derandomize=True, deadline=None, max_examples=150)
NEEDLES = sorted(module._NEEDLES)


def one_of(texts: list[str]) -> st.SearchStrategy[str]:
    return st.integers(0, len(texts) - 1).map(texts.__getitem__)


def pieces(text: str) -> list[str]:
    """Return a text in two pieces: put together with others they may be a needle, or not."""
    return [text[: len(text) // 2], text[len(text) // 2 :]]


PLANTED = [place.text(SECRETS["r"]) for place in PLACES if not place.attribute]
HARMLESS = [text for texts in harmless.TEXTS.values() for text in texts]
ISSUED = [example.text for example in issued()]
FRAGMENTS = one_of([*NEEDLES, *[x for text in (*NEEDLES, *PLANTED, *ISSUED) for x in pieces(text)]])
SIGNS = st.sampled_from([*"aKz7 \t\n\r'\"\\%&=:,;-_<>()[]{}@$|é", '"\n"', "%70", "&#112;", "\\x70"])
TEXTS = st.lists(
    st.one_of(FRAGMENTS, FRAGMENTS, SIGNS, st.text(max_size=5), one_of([*PLANTED, *HARMLESS])),
    max_size=12,
).map("".join)


MANY_WORDS = " ".join(f"q{''.join(word)}" for word in product("ghjk", repeat=6))


@EACH
@given(TEXTS)
def test_needles_are_those_that_are_in_the_text(text):
    lowered = text.lower()
    expected = {needle for needle in NEEDLES if needle in lowered}
    assert module._PREFILTER.among(lowered) == expected
    long = f"{lowered}\n{'x ' * 600}\n{lowered}"  # is looked at in another way
    assert module._PREFILTER.among(long) == {needle for needle in NEEDLES if needle in long}
    many = f"{lowered}\n{MANY_WORDS}"  # and so is this
    assert module._PREFILTER.among(many) == {needle for needle in NEEDLES if needle in many}


def test_what_is_remembered_has_bounds(monkeypatch):
    for name in ("_MOST_TEXTS", "_MOST_WORDS"):
        monkeypatch.setattr(prefilter, name, 5)
    filtered = Prefilter(["password", "://"])
    letters = [chr(ord("a") + number) for number in range(26)]
    for text in (*letters, "my password", "x://y", *letters, "my password"):
        assert filtered.among(text) == {x for x in ("password", "://") if x in text}
        assert len(filtered._texts) <= 5
        assert len(filtered._words) <= 5


def test_words_of_long_lines_are_cut_between_words(monkeypatch):
    monkeypatch.setattr(prefilter, "_BLOCK", 10)
    filtered = Prefilter(["password"])
    for before in range(30):
        assert filtered.among("x" * before + " password " + "y " * 600) == {"password"}


@pytest.fixture
def unfiltered(monkeypatch):
    """Everything is looked for in each text."""

    class All:
        def among(self, lowered: str) -> frozenset[str]:
            return frozenset(NEEDLES)

    def mask(text: str) -> str:
        with monkeypatch.context() as patch:
            patch.setattr(module, "_PREFILTER", All())
            patch.setattr(escaped, "may_be_in", lambda text: True)
            patch.setattr(issued_tokens, "_LONG_WORD", b"")
            patch.setattr(payment_numbers, "_BEGINNINGS", (b"",))
            return Redaction(known=KNOWN).text(text)

    return mask


KNOWN = ["Zq7xW9kP3vT1mB8sRcY5", "a7-48_29.13Qx"]


@settings(EACH, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TEXTS)
def test_masking_is_what_it_is_without(unfiltered, text):
    assert Redaction(known=KNOWN).text(text) == unfiltered(text)


PAYMENTS = (
    *("to GB82WEST12345698765432 now", "to GB82 WEST 1234 5698 7654 32", "card 4111111111111111"),
    *(f"to GB{check:02}ABCDEFABCDEFABCDEF" for check in range(2, 99)),  # one of them is right
    *("paid 4111 1111 1111 1111", "paid 4111-1111-1111-1111", "paid 3782 822463 10005"),
)


def test_planted_secrets_are_found_as_without(unfiltered):
    redaction = Redaction(known=KNOWN)
    for text in (*PLANTED[::5], *ISSUED[::5], *PAYMENTS):
        assert redaction.text(text) == unfiltered(text)


@EACH
@given(st.from_regex(SENSITIVE.pattern, fullmatch=True))
def test_each_name_of_a_secret_has_an_end(name):
    """By these a text is told to have none."""
    sensitive = Redaction().is_sensitive
    camel = "".join(word[:1].upper() + word[1:] for word in name.split("_"))
    for each in (name, f"x_{name}", camel, camel[:1].lower() + camel[1:]):
        assert not sensitive(each) or any(end in each.lower() for end in (*ENDS, *OTHER_ENDS))
