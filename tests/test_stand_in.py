"""What is put around users' async functions: nobody can tell, whoever looks and in what order."""

from __future__ import annotations

import asyncio
import copy
import functools
import inspect
import pickle
import types
from contextlib import nullcontext

import pytest
from _pytest.compat import getfuncargnames, getimfunc

from otel_allure.compat.lookalike import is_lookalike, original
from otel_allure.pytest_plugin.coroutines import in_place, is_async
from otel_allure.testing.results import tree

pytestmark = pytest.mark.usefixtures("only_steps")


# -- one function


async def coroutine(first, *, second: int = 2):
    """Its text."""
    return first, second


coroutine.mark = "set by a plugin"


async def generator(first):
    yield first
    yield


class Shop:
    async def method(self, first):
        return self, first

    async def stream(self, first):
        yield self, first

    @classmethod
    async def of_class(cls, first):
        return cls, first

    @staticmethod
    async def static(first):
        return first


FUNCTIONS = [
    coroutine,
    generator,
    Shop().method,
    Shop().stream,
    Shop.of_class,
    Shop.static,
    functools.partial(coroutine, 1),
    functools.partial(Shop().method),
]


def stands_in(function, seen=None):
    def place(first):
        if seen is not None:
            seen.append(first)
        return nullcontext()

    return in_place(function, lambda: place)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: getattr(f, "__qualname__", "partial"))
def test_it_looks_like_the_function(function):
    """To all that pytest, its plugins and inspect ask."""
    found = stands_in(function)
    assert found == function
    assert function == found
    assert hash(found) == hash(function)
    assert repr(found) == repr(function)
    assert {found: 1}[function] == 1
    for kind in (types.FunctionType, types.MethodType, functools.partial, type(function)):
        assert isinstance(found, kind) == isinstance(function, kind)
    for refresh in (
        inspect.iscoroutinefunction,
        inspect.isasyncgenfunction,
        inspect.isgeneratorfunction,
        inspect.isfunction,
        inspect.ismethod,
        inspect.isroutine,
        inspect.signature,
        inspect.getfullargspec,
        inspect.unwrap,
        inspect.getdoc,
        is_async,
        getimfunc,
        lambda function: getfuncargnames(function, name="function"),
        dir,
        callable,
    ):
        assert refresh(found) == refresh(function), refresh
    for name in dir(function):
        if name not in {"__call__", "__get__", "__reduce_ex__", "__reduce__", "__getstate__"} and (
            not isinstance(
                getattr(function, name), (types.MethodWrapperType, types.BuiltinMethodType)
            )
        ):
            assert getattr(found, name) == getattr(function, name), name
    with pytest.raises(AttributeError):
        found.no_such_attribute


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: getattr(f, "__qualname__", "partial"))
def test_it_does_what_the_function_does(function):
    """In its place, which is asked for at each resumption."""
    arguments = () if isinstance(function, functools.partial) and function.args else (1,)

    async def result(called):
        made = called(*arguments)
        if inspect.isasyncgen(made):
            return [each async for each in made]
        return await made

    seen: list[bool] = []
    assert asyncio.run(result(stands_in(function, seen))) == asyncio.run(result(function))
    assert seen[0]
    assert not any(seen[1:])


def test_it_is_bound_as_the_function_is():
    """A method to another instance, by its function; a function to what it is looked up in."""
    one, other, seen = Shop(), Shop(), []
    found = stands_in(one.method, seen)
    assert found.__self__ is one
    bound = getimfunc(found).__get__(other)
    assert bound == other.method
    assert asyncio.run(bound(1)) == (other, 1)
    assert asyncio.run(found.__func__.__get__(other)(1)) == (other, 1)
    assert seen == [True, True]
    assert stands_in(coroutine).__get__(None, Shop) == coroutine


def test_what_is_set_on_it_is_set_on_the_function():
    """As a plugin that marks functions expects."""

    async def function():
        pass

    found = stands_in(function)
    found.mark = 1
    assert function.mark == 1
    del found.mark
    assert not hasattr(function, "mark")


def test_what_it_makes_has_the_functions_name():
    """Tasks are shown by it."""
    made = stands_in(coroutine)(1)
    assert (made.__name__, made.__qualname__) == ("coroutine", "coroutine")
    made.close()


def test_copies_are_the_function():
    """Nothing of ours is in a copy or a pickle."""
    found = stands_in(coroutine)
    for copied in (copy.copy(found), copy.deepcopy(found), pickle.loads(pickle.dumps(found))):
        assert copied is coroutine
    assert original(found) is coroutine
    assert original(coroutine) is coroutine


def test_without_a_place_it_is_the_function():
    """Called by whoever kept it, when we are gone."""

    def function(*args, **kwargs):
        return args, kwargs

    marked = types.SimpleNamespace()
    found = in_place(function, lambda: None)
    assert found(1, a=marked) == ((1,), {"a": marked})
    assert is_lookalike(found)


# -- fixtures of all kinds, with the plugins that run them


KINDS = """
    import functools
    import pytest
    {imports}

    NAMES = []

    async def partial(prefix, request):
        return prefix, request.fixturename

    @{fixture}
    async def overridden():
        return "module"

    class Base:
        value = "of the class"

        @{fixture}
        async def inherited(self, request):
            assert request.fixturename == "inherited"
            self.inherited_is = self.value
            return self.value

    class TestShop(Base):
        @{fixture}
        async def own(self):
            self.own_is = self.value
            return self

        @{fixture}
        async def streamed(self, own):
            self.streamed_is = "up"
            yield self
            assert self.streamed_is == "down"

        @{fixture}
        async def overridden(self, overridden):
            return overridden, self.value

        @{fixture}
        @staticmethod
        async def static(request):
            return request.fixturename

        @{fixture_with}(params=[1, 2])
        async def parametrized(self, request):
            yield self, request.param
            NAMES.append(request.param)

        @{fixture_with}(autouse=True)
        async def always(self):
            self.always_is = self.value

        {mark}
        async def test_own(self, own, streamed, inherited, overridden):
            assert own is self and streamed is self
            assert self.own_is == self.inherited_is == self.always_is == inherited == self.value
            assert overridden == ("module", self.value)
            self.streamed_is = "down"

        {mark}
        async def test_parametrized(self, parametrized):
            assert parametrized[0] is self
            assert self.always_is == self.value

        {mark}
        async def test_seen(self, request, static):
            assert static == "static"
            assert request.function.__name__ == "test_seen"
            assert request.instance is self

    {wide}

    class Partial(functools.partial):
        __name__ = "by_partial"

    by_partial = {fixture_with}(name="by_partial")(Partial(partial, "prefix"))

    {mark}
    async def test_others(by_partial):
        assert by_partial == ("prefix", "by_partial")

    def test_after():
        assert set(NAMES) == {{1, 2}}
"""

WIDE = """
    class TestWide:
        @{fixture_with}(scope="class")
        @classmethod
        async def of_class(cls):
            cls.counter = getattr(cls, "counter", 0) + 1
            yield cls
            cls.counter = None

        @{fixture_with}(scope="module")
        async def of_module(request):
            yield "module"

        {mark}
        async def test_one(self, of_class, of_module):
            assert of_class is TestWide and self.counter == 1

        {mark}
        async def test_two(self, of_class):
            assert self.counter == 1
"""

ASYNCIO = {
    "imports": "import pytest_asyncio",
    "fixture": "pytest_asyncio.fixture",
    "fixture_with": "pytest_asyncio.fixture",
    "mark": "@pytest.mark.asyncio",
}
SESSION = [
    *("-o", "asyncio_default_fixture_loop_scope=session"),
    *("-o", "asyncio_default_test_loop_scope=session"),
]
RUNNERS = {
    "strict": (
        ("asyncio",),
        ["-o", "asyncio_mode=strict", *SESSION],
        ASYNCIO,
    ),
    "auto": (
        ("asyncio",),
        SESSION,
        {"imports": "", "fixture": "pytest.fixture", "fixture_with": "pytest.fixture", "mark": ""},
    ),
    "anyio": (
        ("anyio",),
        [],
        {
            "imports": "import anyio",
            "fixture": "pytest.fixture",
            "fixture_with": "pytest.fixture",
            "mark": "@pytest.mark.anyio",
        },
    ),
    "trio": (
        ("trio",),
        [],
        {
            "imports": "import pytest_trio",
            "fixture": "pytest.fixture",
            "fixture_with": "pytest.fixture",
            "mark": "@pytest.mark.trio",
        },
    ),
    "aiohttp": (
        ("aiohttp.pytest_plugin",),
        ["-W", "ignore::DeprecationWarning"],
        {
            "imports": "pytestmark = pytest.mark.usefixtures('loop')",
            "fixture": "pytest.fixture",
            "fixture_with": "pytest.fixture",
            "mark": "",
        },
    ),
}


def ends(done):
    lines = [line.split(" [")[0].split() for line in done.outcome.outlines if "::" in line]
    return sorted(tuple(line) for line in lines if line[-1].isupper())


@pytest.mark.parametrize("runner", RUNNERS)
def test_every_test_ends_as_it_does_without_a_report(run, runner):
    """Async fixtures that are methods, inherited, overridden, parametrized, wide, partial."""
    plugins, options, parts = RUNNERS[runner]
    source = KINDS.format(**parts, wide=WIDE.format(**parts))
    plain, ours = (
        ends(run(source, "-v", *options, plugins=plugins, alluredir=alluredir))
        for alluredir in (False, True)
    )
    assert ours == plain
    assert any("test_others" in test and end == "PASSED" for test, end in plain)


# -- other plugins that change the definition of a fixture

OTHERS = """
    import asyncio
    import functools
    import inspect
    import pytest

    FOUND = {{}}  # what a fixture's function is without us

    def sync(function, argnames=()):
        @functools.wraps(function)
        def run(**kwargs):
            kwargs.pop("added", None)
            async def all_of():
                made = function(**kwargs)
                return await made if inspect.iscoroutine(made) else await made.__anext__()
            return asyncio.run(all_of())
        return run

    @pytest.fixture
    def added():
        return "added"

    class ForGood:
        @pytest.hookimpl({how})
        def pytest_fixture_setup(self, fixturedef):
            if inspect.iscoroutinefunction(fixturedef.func):
                fixturedef.func = sync(fixturedef.func)
                fixturedef.argnames += ("added",)

    class ForGoodInAWrapper:
        @pytest.hookimpl(wrapper=True, {how})
        def pytest_fixture_setup(self, fixturedef):
            if inspect.iscoroutinefunction(fixturedef.func):
                fixturedef.func = sync(fixturedef.func)
                fixturedef.argnames += ("added",)
            return (yield)

    class ForTheSetUp:
        @pytest.hookimpl(wrapper=True, {how})
        def pytest_fixture_setup(self, fixturedef):
            function = fixturedef.func
            if inspect.iscoroutinefunction(function):
                fixturedef.func = sync(function)
            try:
                return (yield)
            finally:
                fixturedef.func = function

    class UntilTheEnd:
        @pytest.hookimpl(wrapper=True, {how})
        def pytest_fixture_setup(self, fixturedef):
            if inspect.iscoroutinefunction(fixturedef.func):
                self.found = fixturedef.func
                fixturedef.func = sync(fixturedef.func)
            return (yield)

        @pytest.hookimpl({how})
        def pytest_fixture_post_finalizer(self, fixturedef):
            if fixturedef.argname == "value" and hasattr(self, "found"):
                fixturedef.func = self.found

    class Async:
        @pytest.hookimpl(wrapper=True, {how})
        def pytest_fixture_setup(self, fixturedef):
            function = fixturedef.func
            if inspect.iscoroutinefunction(function) and not hasattr(function, "theirs"):
                @functools.wraps(function)
                async def around(**kwargs):
                    return await function(**kwargs)
                around.theirs = True
                fixturedef.func = around
            return (yield)

    def pytest_configure(config):
        for each in ({plugins}):
            config.pluginmanager.register(each())

    def show(definition):
        code = definition.func.__code__.co_name
        print("\\nLEFT", definition.func.__class__.__name__, code, definition.argnames)

    def pytest_runtest_call(item):
        show(item._fixtureinfo.name2fixturedefs["value"][0])

    @pytest.hookimpl(trylast=True)
    def pytest_fixture_post_finalizer(fixturedef):
        if fixturedef.argname == "value":
            show(fixturedef)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(item):
        result = yield
        show(item._fixtureinfo.name2fixturedefs["value"][0])
        return result
"""

USERS = """
    import allure
    import pytest

    @pytest.fixture
    async def value(request):
        with allure.step(f"set up for {request.node.name}"):
            return request.node.name

    def test_one(value):
        assert value == "test_one"

    def test_two(value):
        assert value == "test_two"

    class TestIt:
        who = "nobody"

        @pytest.fixture(autouse=True)
        async def of_method(self, request):
            with allure.step(f"method for {request.node.name}"):
                self.who = "set"

        def test_three(self, value):
            assert value == "test_three"
"""


@pytest.mark.parametrize(
    ("plugins", "how"),
    [
        ("ForGood,", ""),
        ("ForGoodInAWrapper,", "tryfirst=True"),
        ("ForGoodInAWrapper,", "trylast=True"),
        ("ForTheSetUp,", "tryfirst=True"),
        ("UntilTheEnd,", ""),
        ("UntilTheEnd, ForTheSetUp", "tryfirst=True"),
        ("Async, ForTheSetUp", "tryfirst=True"),
        ("ForTheSetUp, Async", ""),
        ("Async, ForGood", ""),
    ],
)
def test_changes_of_other_plugins_stay(run, pytester, plugins, how):
    """For good, for a time of their own, in any order: what is left is as without us."""
    pytester.makeconftest(OTHERS.format(plugins=plugins, how=how))
    plain, ours = (
        run(USERS, "-v", "-s", plugins=(), alluredir=alluredir) for alluredir in (False, True)
    )

    def left(done):
        return [line[line.index("LEFT") :] for line in done.outcome.outlines if "LEFT" in line]

    assert left(ours) == left(plain)
    assert len(left(plain)) >= 3
    assert ends(ours) == ends(plain)
    for test in ("test_one", "test_two"):
        befores = ours.report.fixtures_of(ours.report[test])
        (value,) = [each for each in befores if each["name"] == "value"]
        assert tree(value) == [f"set up for {test}"]
