"""`@allure.step` on whatever can be called, or calls something: it stays what it was."""

from __future__ import annotations

import abc
import asyncio
import collections
import contextlib
import copy
import dataclasses
import enum
import functools
import inspect
import pickle
import types
import typing

import allure
import pytest

from otel_allure.recording.steps import step
from otel_allure.testing.results import tree
from tests import test_step

recording = test_step.recording


@pytest.fixture(params=[step, allure.step], ids=["otel_allure", "allure"])
def either(request):
    return request.param


def steps(recording):
    """Title and parameters of the test's steps."""
    shown = recording.read()["test"]["steps"]
    return [
        (each["name"], {p["name"]: p["value"] for p in each.get("parameters", ())})
        for each in shown
    ]


# -- classes


class Point(typing.NamedTuple):
    x: int
    y: int = 0


class New:
    def __new__(cls, a):
        made = super().__new__(cls)
        made.a = a
        return made


class Count(int):
    pass


class Bag(dict):
    pass


class Fault(Exception):
    pass


class Empty:
    pass


@dataclasses.dataclass
class Data:
    a: int


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    a: int


class Base(abc.ABC):
    @abc.abstractmethod
    def do(self): ...


class Concrete(Base):
    def __init__(self, a):
        self.a = a

    def do(self):
        return self.a

    def take(self, b):
        return b


class Meta(type):
    def __call__(cls, a):
        made = super().__call__()
        made.a = a
        return made


class OfMeta(metaclass=Meta):
    pass


class Box(typing.Generic[typing.TypeVar("T")]):
    def __init__(self, a):
        self.a = a


CLASSES = [
    (Point, (1, 2), {"x": "1", "y": "2"}),
    (New, (3,), {"a": "3"}),
    (Count, (4,), None),
    (Bag, ({"a": 1},), None),
    (Fault, ("text",), None),
    (Empty, (), {}),
    (Data, (5,), {"a": "5"}),
    (Frozen, (6,), {"a": "6"}),
    (Concrete, (7,), {"a": "7"}),
    (OfMeta, (8,), {}),
    (Box, (9,), {"a": "9"}),
    (types.SimpleNamespace, (), {}),
    (collections.OrderedDict, ([("a", 1)],), None),
]


@pytest.fixture(autouse=True)
def as_before():
    before = {cls: dict(vars(cls)) for cls, _, _ in CLASSES if cls.__module__ == __name__}
    yield
    for cls, names in before.items():
        for name in ("__init__", "__new__"):
            if name in names:
                type.__setattr__(cls, name, names[name])
            elif name in vars(cls):
                type.__delattr__(cls, name)


@pytest.mark.parametrize(
    ("cls", "arguments", "parameters"), CLASSES, ids=lambda c: getattr(c, "__name__", "")
)
def test_classes(recording, either, cls, arguments, parameters):
    """Instances are those that the class makes, which stays a class."""
    plain, signature = cls(*arguments), _signature(cls)
    decorated = either("make")(cls)
    with recording.test():
        made = decorated(*arguments)
    assert type(made) is type(plain)
    assert made == plain or vars(made) == vars(plain) or made.args == plain.args
    assert isinstance(made, decorated)
    assert issubclass(type(made), decorated)
    assert isinstance(decorated, type)
    if signature is not None:
        assert _signature(decorated) == signature
    assert not isinstance(object(), decorated)
    ((title, shown),) = steps(recording)
    assert title == "make"
    if parameters is not None:
        assert shown == parameters

    class Below(decorated):
        pass

    assert isinstance(Below(*arguments), cls)
    with contextlib.suppress(TypeError):  # a metaclass that cannot be pickled by its call
        again = pickle.loads(pickle.dumps(made))
        assert type(again) is type(plain)
        assert type(copy.copy(made)) is type(plain)


def _signature(cls):
    try:
        return inspect.signature(cls)
    except ValueError:
        return None


def test_title_of_a_class(recording, either):
    """Its placeholders are the arguments, without what is being made."""
    decorated = either("make point {x} {0} {1}")(Point)
    with recording.test():
        assert decorated(1, 2)._replace(x=5) == Point._make((5, 2))
    assert tree(recording.read()["test"]) == ["make point 1 1 2"]


def test_steps_while_it_is_made(recording, either):
    """Are below the class's own; so is its failure."""

    @either("outer")
    class Thing:
        def __new__(cls, fails):
            with either("inner"):
                assert not fails
            return super().__new__(cls)

    with recording.test():
        Thing(fails=False)
        with contextlib.suppress(AssertionError):
            Thing(fails=True)
    assert tree(recording.read()["test"]) == [
        {"outer": ["inner"]},
        {"failed: outer": ["failed: inner"]},
    ]


@pytest.mark.parametrize("slots", [False, True])
def test_dataclass_above_the_step(recording, either, slots):
    """It is given its `__init__` afterwards."""

    @dataclasses.dataclass(slots=slots)
    @either("make {a}")
    class Thing:
        a: int
        b: int = 2

    assert str(inspect.signature(Thing)) == "(a: 'int', b: 'int' = 2) -> None"
    with recording.test():
        assert Thing(1) == Thing(a=1, b=2)
        with pytest.raises(TypeError):
            Thing()
    assert [title for title, _ in steps(recording)][:2] == ["make 1", "make 1"]


def test_wrong_arguments_of_a_class(recording, either):
    """Are refused as before."""
    decorated = either("make")(Empty)
    with recording.test(), pytest.raises(TypeError, match="argument"):
        decorated(1)


def test_abstract_classes_enums_and_protocols(recording, either):
    """Are what they were, and of those that make nothing there are no steps."""

    @either("enum")
    class Color(enum.Enum):
        RED = 1

    @either("protocol")
    @typing.runtime_checkable
    class Sized(typing.Protocol):
        def size(self): ...

    class Real(Sized):
        def __init__(self, size):
            self.size = size

    with recording.test():
        assert Color(1) is Color.RED
        assert pickle.loads(pickle.dumps(Color.RED.value)) == 1
        assert list(Color) == [Color.RED]
        assert isinstance(Real(1), Sized)
        assert not isinstance(1, Sized)
        with pytest.raises(TypeError, match="abstract"):
            either("abstract")(Base)()
    assert "steps" not in recording.read()["test"]


# -- callables


class Handler:
    calls = 0

    def __call__(self, a):
        self.calls += 1
        return a

    def reset(self):
        self.calls = 0


class AsyncHandler:
    async def __call__(self, a):
        await asyncio.sleep(0)
        with step("inner"):
            return a


def test_objects_that_are_called(recording, either):
    """With state and methods of their own."""
    handler = Handler()
    decorated = either("handle {a}")(handler)
    with recording.test():
        assert decorated(1) == decorated(a=2) - 1
    assert decorated.calls == handler.calls == 2
    decorated.reset()
    assert handler.calls == 0
    assert isinstance(decorated, Handler)
    assert inspect.signature(decorated) == inspect.signature(handler)
    assert steps(recording) == [("handle 1", {"a": "1"}), ("handle 2", {"a": "2"})]


def test_objects_whose_call_is_a_coroutine(recording, either):
    """The step lasts until it has been awaited."""
    decorated = either("handle")(AsyncHandler())
    with recording.test():
        assert asyncio.run(decorated(1)) == 1
    assert tree(recording.read()["test"]) == [{"handle": ["inner"]}]


def test_cached_functions(recording, either):
    """Keep what is asked of their cache, as functions and as methods."""

    class Shop:
        @either("price of {name}")
        @functools.lru_cache(maxsize=2)
        def price(self, name):
            return len(name)

        @functools.lru_cache(maxsize=2)
        @either("tax")
        def tax(self):
            return 1

    shop = Shop()
    with recording.test():
        assert shop.price("tea") == Shop.price(shop, "tea") == 3
        assert shop.tax() == shop.tax() == 1
    assert Shop.price.cache_info().hits == 1
    assert shop.price.cache_parameters() == {"maxsize": 2, "typed": False}
    Shop.price.cache_clear()
    assert Shop.price.cache_info().hits == 0
    assert inspect.signature(Shop.price) == inspect.signature(Shop.price.__wrapped__)
    of_tea = ("price of 'tea'", {"name": "'tea'"})
    assert steps(recording) == [of_tea, of_tea, ("tax", {})]


@pytest.mark.parametrize(
    ("function", "arguments", "value"),
    [
        (len, ("abc",), 3),
        (str.upper, ("abc",), "ABC"),
        ("abc".upper, (), "ABC"),
        (dict.fromkeys, ("a",), {"a": None}),
        (int, ("3",), 3),
        (list, ("ab",), ["a", "b"]),
        (list[int], ((1,),), [1]),
        (functools.partial(max, 5), (3,), 5),
        (types.MethodType(lambda self, a: (self, a), 1), (2,), (1, 2)),
        (typing.NewType("Id", int), (3,), 3),
        (getattr, (1, "real"), 1),
    ],
    ids=lambda f: getattr(f, "__name__", "partial") if callable(f) else "",
)
def test_builtins_methods_and_partials(recording, either, function, arguments, value):
    """Do what they do."""
    decorated = either("call")(function)
    with recording.test():
        assert decorated(*arguments) == value
    assert [title for title, _ in steps(recording)] == ["call"]


def test_types_of_c(recording, either):
    """Are still types: of instances, of subclasses, in an annotation."""
    decorated = either("convert")(int)
    assert isinstance(3, decorated)
    assert not isinstance("3", decorated)
    assert issubclass(bool, decorated)

    class Mine(decorated):
        pass

    assert Mine.__mro__ == (Mine, int, object)
    assert decorated.from_bytes(b"\1", "big") == 1


class Many:
    """What descriptors there are, on either side of the step."""

    def __init__(self):
        self.value = 1

    @step("property")
    @property
    def one(self):
        """Its text."""
        return self.value

    @one.setter
    def one(self, value):
        self.value = value

    @property
    @step("below a property")
    def two(self):
        return 2

    @step("cached")
    @functools.cached_property
    def three(self):
        return 3

    def power(self, base, *, of):
        return base**of

    square = step("square {base}")(functools.partialmethod(power, of=2))

    @step("dispatch")
    @functools.singledispatchmethod
    def kind(self, value):
        return "other"

    @kind.register
    def _(self, value: int):
        return "int"

    @step("class")
    @classmethod
    def of_class(cls):
        return cls

    @classmethod
    @step("below a class's")
    def below(cls):
        return cls

    @step
    @staticmethod
    def static():
        return 0

    @step("abstract")
    @abc.abstractmethod
    def abstract(self): ...

    @step
    @property
    def named(self):
        return 5


def test_descriptors(recording):
    """Properties, cached ones, partial and dispatching methods, in either order."""
    many = Many()
    with recording.test():
        many.one += 1
        assert (many.one, many.two, many.three, many.three) == (2, 2, 3, 3)
        assert many.square(3) == 9
        assert (many.kind(1), many.kind("")) == ("int", "other")
        assert (many.of_class(), Many.below(), Many.static()) == (Many, Many, 0)
        assert many.named == 5
    assert Many.one.__doc__ == "Its text."
    assert Many.abstract.__isabstractmethod__
    assert [title for title, _ in steps(recording)] == [
        *("property", "property", "below a property", "cached"),
        *("square 3", "dispatch", "dispatch", "class", "below a class's", "static", "named"),
    ]


def test_functions_of_other_kinds(recording, either):
    """Awaitable generators, async partials, dispatching functions, context managers."""

    @either("awaitable")
    @types.coroutine
    def awaitable():
        yield from asyncio.sleep(0).__await__()
        return 1

    async def add(a, b):
        with step("inner"):
            return a + b

    partial = either("partial")(functools.partial(add, 1))

    @either("dispatch")
    @functools.singledispatch
    def dispatch(value):
        return "other"

    @dispatch.register
    def _(value: int):
        return "int"

    @either("manager")
    @contextlib.contextmanager
    def manager():
        yield 3

    @contextlib.contextmanager
    @either("below a manager")
    def below():
        yield 4

    @contextlib.asynccontextmanager
    @either("below an async manager")
    async def async_below():
        yield 5

    async def main():
        assert (await awaitable(), await partial(2)) == (1, 3)
        async with async_below() as value:
            assert value == 5

    assert inspect.iscoroutinefunction(partial)
    with recording.test():
        asyncio.run(main())
        assert (dispatch(1), dispatch("")) == ("int", "other")
        with manager() as three, below() as four:
            assert (three, four) == (3, 4)
    assert tree(recording.read()["test"]) == [
        "awaitable",
        {"partial": ["inner"]},
        "below an async manager",
        *("dispatch", "dispatch", "manager", "below a manager"),
    ]


def test_what_nobody_can_call():
    """Is left as it is."""
    for thing in (3, "text", enum.Enum("Color", "RED").RED):
        assert step("title")(thing) is thing


def test_names(recording):
    """Of a step without a title, for what has no name of its own."""
    with recording.test():
        step(functools.partial(len, "abc"))()
        step(functools.partial(functools.partial(max), 1))(2)
        step(Handler())(1)
        step(Concrete(1).take)(2)
    assert steps(recording) == [
        ("len", {}),
        ("max", {}),
        ("Handler", {"a": "1"}),
        ("take", {"b": "2"}),
    ]
