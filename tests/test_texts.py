"""Anything becomes text, and nothing is raised by it."""

from __future__ import annotations

import enum
import pathlib
import signal
import sys
from unittest import mock

import pytest
from allure_commons.utils import md5 as allures_md5
from allure_commons.utils import represent

from otel_allure.model.texts import (
    attempt,
    encodable,
    is_true,
    md5,
    represented,
    text_of,
    type_name,
)


class Colour(enum.Enum):
    RED = 1


class Word(str, enum.Enum):
    ONE = "one"


class Loud(str):
    def __str__(self):
        raise RuntimeError("no text")

    __repr__ = __format__ = __str__


class NamelessMeta(type):
    @property
    def __name__(cls):
        raise RuntimeError("no name")


class Nameless(metaclass=NamelessMeta):
    pass


class Liar:
    __class__ = property(lambda self: 1 / 0)


def raising(error):
    class Raising:
        def __str__(self):
            raise error

        __repr__ = __bool__ = __eq__ = __str__
        __hash__ = None

    return Raising()


class Answers:
    def __init__(self, answer):
        self.answer = answer

    def __str__(self):
        return self.answer

    __repr__ = __str__


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        ("кириллица", "кириллица"),
        (404, "404"),
        (None, "None"),
        (True, "true"),
        (1.5, "1.5"),
        (("css", "#buy"), "('css', '#buy')"),
        (pathlib.PurePosixPath("/a/b"), "/a/b"),
        (Colour.RED, "Colour.RED"),
        (Word.ONE, "one"),
        (b"bytes", "b'bytes'"),
        (Loud("loud"), "loud"),
        ("caf\udce9", "caf\\udce9"),
        (Answers("\ud800"), "\\ud800"),
        (Answers(Loud("loud")), "loud"),
        (
            Answers(5),
            "<Answers: its str raised TypeError(",
        ),
        (raising(RuntimeError("no")), "<Raising: its str raised RuntimeError('no')>"),
        (raising(SystemExit(3)), "<Raising: its str raised SystemExit(3)>"),
        (raising(pytest.fail.Exception("no")), "<Raising: its str raised no>"),
    ],
    ids=list("abcdefghijklmnopqrs"),
)
def test_text_of(value, text):
    assert text_of(value).startswith(text)
    assert type(text_of(value)) is str


def test_what_is_raised_may_be_odd_too():
    class OddError(Exception):
        def __repr__(self):
            raise SystemExit

    assert text_of(raising(OddError())) == "<Raising: its str raised OddError>"


@pytest.mark.parametrize(
    "value",
    [None, 1, "text", "кириллица", b"bytes", bytearray(b"x"), [1, "a"], int, Word.ONE, Colour.RED],
    ids=repr,
)
def test_represented_as_allure_does(value):
    assert represented(value) == represent(value)


def test_represented_tells_of_errors():
    told = []
    assert represented(raising(RuntimeError("no")), told.append) == (
        "<Raising: its repr raised RuntimeError('no')>"
    )
    assert [str(error) for error in told] == ["no"]


@pytest.mark.parametrize("show", [text_of, represented])
def test_deep_values(show):
    nested: list[object] = []
    for _ in range(100_000):
        nested = [nested]
    assert "RecursionError" in show(nested)
    while nested:  # else freeing it would recurse as deep
        nested = nested.pop()


@pytest.mark.parametrize("kind", ["Nameless", "Liar", "MagicMock"])
def test_types_that_are_not_what_they_say(kind):
    value = {"Nameless": Nameless, "Liar": Liar, "MagicMock": lambda: mock.MagicMock(spec=str)}[
        kind
    ]()
    assert text_of(value)
    assert represented(value)
    assert type_name(value) == kind


@pytest.mark.parametrize("show", [text_of, represented])
def test_ctrl_c_goes_through(show):
    with pytest.raises(KeyboardInterrupt):
        show(raising(KeyboardInterrupt()))


@pytest.mark.skipif(sys.platform == "win32", reason="it has no such signals")
def test_timeouts_go_through():
    """What a signal's handler raises is about the test, not about the value."""

    class Slow:
        def __str__(self):
            signal.raise_signal(signal.SIGUSR1)
            return "never"

    def time_out(signum, frame):
        pytest.fail("timeout")

    before = signal.signal(signal.SIGUSR1, time_out)
    try:
        with pytest.raises(pytest.fail.Exception, match="timeout"):
            text_of(Slow())
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_truth():
    assert [is_true(x) for x in (0, 1, "", None, raising(ValueError()))] == [
        False,
        True,
        False,
        False,
        True,
    ]


def test_encodable():
    assert encodable("a\udc80\ud83d\ude00") == "a\\udc80\\ud83d\\ude00"
    assert encodable("\U0001f600") == "\U0001f600"


@pytest.mark.parametrize(
    "values", [("a", "b"), ("кириллица",), (1, None, b"x"), ([1], {"a": 2})], ids=repr
)
def test_md5_as_allure_does(values):
    assert md5(*values) == allures_md5(*values)


def test_md5_of_what_allure_has_none_for():
    hashes = {
        md5(value)
        for value in ("\udce9", "\udcea", "e", raising(ValueError("a")), raising(ValueError("b")))
    }
    assert len(hashes) == 5


def test_attempt_says_what_it_did():
    assert attempt(lambda value: 1 / value, 0, "inverse") == (
        "<int: its inverse raised ZeroDivisionError('division by zero')>"
    )
