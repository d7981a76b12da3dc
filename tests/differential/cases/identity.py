"""What a test is known by: names, paths, parameters of all types, history."""

import collections
import dataclasses
import datetime
import decimal
import enum
import pathlib
import re
import uuid

import allure
import pytest


class Colour(enum.Enum):
    RED = 1


class Level(enum.IntFlag):
    LOW = 1


@dataclasses.dataclass
class Point:
    x: int
    y: str = "y"


class Shown:
    def __repr__(self):
        return "<shown>"


Pair = collections.namedtuple("Pair", "left right")
VALUES = [
    None,
    True,
    0,
    -1,
    2**70,
    1.5,
    float("nan"),
    float("inf"),
    1 + 2j,
    "",
    " ",
    "text",
    "'quoted'",
    "ünïcödé",
    "日本",
    "tab\tline\nend",
    "nul\x00",
    "a::b",
    "a[b]",
    "back\\slash",
    "{braces}",
    "x" * 300,
    b"bytes",
    b"\x00\xff",
    bytearray(b"array"),
    [],
    [1, "two", None],
    ("a",),
    (1, (2, (3,))),
    {"key": "value", "list": [1]},
    {1},
    frozenset({2}),
    range(3),
    Colour.RED,
    Level.LOW,
    Point(1),
    Pair(1, 2),
    Shown(),
    int,
    Point,
    decimal.Decimal("1.10"),
    datetime.date(2020, 1, 2),
    datetime.timedelta(seconds=3),
    pathlib.PurePosixPath("/a/b"),
    uuid.UUID(int=1),
    re.compile("a+"),
    ...,
    NotImplemented,
    slice(1, 2),
    memoryview,
]


@pytest.mark.parametrize("value", VALUES)
def test_value(value):
    pass


@pytest.mark.parametrize(
    "zebra, apple", [(1, 2), (2, 1), ("", "admin"), ("admin", ""), ("a", "b"), (b"a", b"b")]
)
def test_order(apple, zebra):
    pass


@pytest.mark.parametrize("x", [1, 2])
@pytest.mark.parametrize("y", ["a", "b"])
def test_stacked(x, y):
    pass


@pytest.mark.parametrize("x", [1, 1])
def test_equal_sets(x):
    pass


@pytest.mark.parametrize("x", [1, 2], ids=["one", None])
def test_ids(x):
    pass


@pytest.mark.parametrize("x", [pytest.param("v", id="ä::[b] {c}")])
def test_odd_id(x):
    pass


@pytest.fixture(params=["p", b"q", None])
def parametrised(request):
    return request.param


@pytest.fixture
def doubled(request):
    return request.param * 2


def test_parametrised_fixture(parametrised):
    pass


@pytest.mark.parametrize("doubled", [1, "two"], indirect=True)
def test_indirect(doubled):
    pass


@pytest.mark.parametrize("doubled, other", [(1, 2)], indirect=["doubled"])
def test_partly_indirect(doubled, other, parametrised):
    pass


def pytest_generate_tests(metafunc):
    if "generated" in metafunc.fixturenames:
        metafunc.parametrize("generated", ["g", 5], scope="module")


def test_generated(generated):
    pass


@pytest.mark.parametrize("x", [1])
def test_history_without_excluded(x):
    allure.dynamic.parameter("counted", "c")
    allure.dynamic.parameter("not counted", "n", excluded=True)


@pytest.mark.parametrize("x", [1])
def test_history_of_changed(x):
    allure.dynamic.parameter("x", "changed")


@pytest.mark.parametrize("x", [])
def test_empty_set(x):
    pass


class TestOuter:
    def test_method(self):
        pass

    class TestInner:
        @pytest.mark.parametrize("x", [1, 2])
        def test_method(self, x):
            pass

        class TestInnermost:
            def test_method(self):
                pass

    @pytest.mark.parametrize("y", [1])
    class TestParametrised:
        def test_method(self, y):
            pass

    @staticmethod
    def test_static():
        pass

    @classmethod
    def test_class_method(cls):
        pass


def test_ünïcödé():
    pass


@pytest.mark.parametrize("long", ["x" * 5_000], ids=["long"])
def test_long_parameter(long):
    pass
