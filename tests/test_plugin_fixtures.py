"""Fixtures: their set-up and tear-down in the report, and the tests that used them."""

from __future__ import annotations

import pytest

from otel_allure.testing.results import tree


def fixtures(report, test):
    """The befores and afters of a test, with what is below them, sorted by name.

    A status other than `passed` is a prefix of the name.
    """
    result = report[test] if isinstance(test, str) else test
    return [
        {
            name if f["status"] == "passed" else f"{f['status']}: {name}": tree(f)
            for f in sorted(report.fixtures_of(result, kind), key=lambda f: f["name"])
            for name in [f["name"]]
        }
        for kind in ("befores", "afters")
    ]


def users(report):
    """The tests in each container, by the names of its befores, or afters if it has none."""
    names = {result["uuid"]: result["name"] for result in report.results}
    return sorted(
        (
            ", ".join(f["name"] for f in c.get("befores") or c["afters"]),
            sorted(names[uuid] for uuid in c["children"]),
        )
        for c in report.containers
    )


def test_scopes(run, pytester):
    """Each instance of a wider fixture is a container with exactly the tests that used it."""
    pytester.mkpydir("package").joinpath("conftest.py").write_text(
        """
import allure
import pytest

def stepping(scope):
    @pytest.fixture(scope=scope, name=scope)
    def fixture():
        with allure.step(f"{scope} up"):
            allure.attach("body", "attached")
        yield
        with allure.step(f"{scope} down"):
            pass
    return fixture

session, package, module, class_, function = map(
    stepping, ["session", "package", "module", "class", "function"]
)
""",
        "utf-8",
    )
    (pytester.path / "package" / "test_one.py").write_text(
        """
class TestClass:
    def test_1(self, session, package, module, function): pass
    def test_2(self, module, function): pass
    def test_3(self): pass

def test_4(session): pass
""",
        "utf-8",
    )
    (pytester.path / "package" / "test_two.py").write_text(
        """
import pytest

@pytest.mark.usefixtures("class")
class TestClass:
    def test_5(self, session): pass
    def test_6(self): pass

@pytest.mark.usefixtures("class")
class TestOther:
    def test_7(self, package): pass

def test_8(module): pass
""",
        "utf-8",
    )
    report = run(None, plugins=(), passed=8).report
    assert users(report) == [
        ("class", ["test_5", "test_6"]),
        ("class", ["test_7"]),
        ("function", ["test_1"]),
        ("function", ["test_2"]),
        ("module", ["test_1", "test_2"]),
        ("module", ["test_8"]),
        ("package", ["test_1", "test_7"]),
        ("session", ["test_1", "test_4", "test_5"]),
    ]

    def parts(scope):
        return [{f"{scope} up": ["[attached]"]}], [f"{scope} down"]

    scopes = ["function", "module", "package", "session"]
    assert fixtures(report, "test_1") == [
        {scope: parts(scope)[0] for scope in scopes},
        {f"{scope}::0": parts(scope)[1] for scope in scopes},
    ]
    assert fixtures(report, "test_3") == [{}, {}]
    # A fixture's time is not in the test's.
    result = report["test_1"]
    (before,) = [f for f in report.fixtures_of(result) if f["name"] == "session"]
    assert before["start"] <= before["stop"] <= result["start"] <= result["stop"]


FINALIZERS = """
    import allure
    import pytest

    @pytest.fixture
    def named(request):
        def close():
            with allure.step("closing"):
                allure.attach("body", "closed")
        def disconnect():
            pass
        request.addfinalizer(close)
        request.addfinalizer(disconnect)

    @pytest.fixture
    def yielding():
        yield
        with allure.step("after the yield"):
            pass

    @pytest.fixture(scope="module", autouse=True)
    def automatic():
        yield

    @allure.title("With a title")
    @pytest.fixture
    def titled():
        yield

    @pytest.fixture(params=["one", "two"], scope="module")
    def parametrised(request):
        with allure.step(f"set up {request.param}"):
            yield
        with allure.step(f"tear down {request.param}"):
            pass

    def test_named(named):
        pass

    def test_yielding(yielding, titled):
        pass

    def test_late(request):
        with allure.step("get it"):
            request.getfixturevalue("yielding")
        with allure.step("go on"):
            pass

    def test_parametrised(parametrised):
        pass

    @pytest.fixture
    def overridden():
        with allure.step("the outer one"):
            pass

    class TestClass:
        @pytest.fixture
        def overridden(self, overridden):
            with allure.step("the inner one"):
                pass

        def test_overridden(self, overridden):
            pass

    def test_own_finalizer(request):
        request.addfinalizer(lambda: allure.attach("body", "from the finalizer"))

    def test_plain():
        pass
"""


def test_kinds_of_fixtures(run):
    """Finalizers by name, a yield's by number; autouse, getfixturevalue, parameters, overrides."""
    report = run(FINALIZERS, plugins=(), passed=8).report
    auto = {"automatic": []}, {"automatic::0": []}
    assert {r["name"]: fixtures(report, r) for r in report.results} == {
        "test_named": [
            {**auto[0], "named": []},
            {**auto[1], "named::close": [{"closing": ["[closed]"]}], "named::disconnect": []},
        ],
        "test_yielding": [
            {"With a title": [], **auto[0], "yielding": []},
            {"With a title::0": [], **auto[1], "yielding::0": ["after the yield"]},
        ],
        "test_late": [
            {**auto[0], "yielding": []},
            {**auto[1], "yielding::0": ["after the yield"]},
        ],
        "test_parametrised[one]": [
            {**auto[0], "parametrised": ["set up one"]},
            {**auto[1], "parametrised::0": ["tear down one"]},
        ],
        "test_parametrised[two]": [
            {**auto[0], "parametrised": ["set up two"]},
            {**auto[1], "parametrised::0": ["tear down two"]},
        ],
        "test_overridden": [{**auto[0], "overridden": ["the inner one"]}, auto[1]],
        "test_own_finalizer": [*auto],
        "test_plain": [*auto],
    }
    both = [tree(f) for f in report.fixtures_of(report["test_overridden"])]
    assert ["the outer one"] in both
    assert ["the inner one"] in both
    assert tree(report["test_late"]) == ["get it", "go on"]
    assert tree(report["test_own_finalizer"]) == ["[from the finalizer]"]
    assert users(report)[0] == ("automatic", sorted(r["name"] for r in report.results))


def test_failures(run):
    """What fails in a fixture is said of it; a wide one has failed for each of its tests."""
    done = run(
        """
        import allure
        import pytest

        @pytest.fixture
        def before():
            with allure.step("connect"):
                raise ConnectionError("refused")

        @pytest.fixture(scope="module")
        def wide():
            pytest.fail("no module")

        @pytest.fixture
        def finalizers(request):
            def first():
                pass
            def second():
                assert False, "second"
            def third():
                pytest.skip("third")
            for finalizer in (first, second, third):
                request.addfinalizer(finalizer)

        @pytest.fixture
        def after():
            yield
            with allure.step("disconnect"):
                raise ConnectionError("lost")

        def test_before(before): pass
        def test_wide_1(wide): pass
        def test_wide_2(wide): pass
        def test_finalizers(finalizers): pass
        def test_after(after): pass
        """,
        plugins=(),
    )
    report = done.report
    assert {r["name"]: (r["status"], fixtures(report, r)) for r in report.results} == {
        "test_before": ("broken", [{"broken: before": ["broken: connect"]}, {}]),
        "test_wide_1": ("failed", [{"failed: wide": []}, {}]),
        "test_wide_2": ("failed", [{"failed: wide": []}, {}]),
        "test_finalizers": (
            "failed",
            [
                {"finalizers": []},
                {
                    "finalizers::first": [],
                    "failed: finalizers::second": [],
                    "skipped: finalizers::third": [],
                },
            ],
        ),
        "test_after": ("broken", [{"after": []}, {"broken: after::0": ["broken: disconnect"]}]),
    }
    (before,) = report.fixtures_of(report["test_before"])
    assert before["statusDetails"]["message"] == "ConnectionError: refused\n"
    assert before["statusDetails"]["trace"].rstrip().endswith('raise ConnectionError("refused")')


def test_a_step_open_across_a_yield(run):
    """It belongs to the set-up, lasts until the tear-down, and the body's steps are not in it."""
    report = run(
        """
        import allure
        import pytest

        @pytest.fixture
        def narrow():
            with allure.step("narrow"):
                with allure.step("narrow up"):
                    pass
                yield
                with allure.step("narrow down"):
                    allure.attach("body", "below")

        @pytest.fixture(scope="module")
        def wide(request):
            with allure.step("wide"):
                yield
                allure.attach("body", "at the end")

        def test_one(narrow, wide):
            with allure.step("body one"):
                allure.attach("body", "in the step")
            allure.attach("body", "in the test")

        def test_two(wide):
            with allure.step("body two"):
                pass
        """,
        plugins=(),
        passed=2,
    ).report
    one, two = report["test_one"], report["test_two"]
    assert tree(one) == [{"body one": ["[in the step]"]}, "[in the test]"]
    assert tree(two) == ["body two"]
    assert fixtures(report, one) == [
        {"narrow": [{"narrow": ["narrow up"]}], "wide": ["wide"]},
        {"narrow::0": [{"narrow down": ["[below]"]}], "wide::0": ["[at the end]"]},
    ]
    (wide,) = [f for f in report.fixtures_of(two) if f["name"] == "wide"]
    (step,) = wide["steps"]
    assert step["start"] <= one["start"] <= two["stop"] <= step["stop"]


ASYNC = """
    import allure
    import asyncio
    import pytest

    @pytest.fixture(scope="module")
    {backend}

    @pytest.fixture(scope="module")
    async def wide():
        with allure.step("wide up"):
            await pause()
        yield "wide"
        with allure.step("wide down"):
            await pause()

    @pytest.fixture
    async def coroutine():
        with allure.step("in the coroutine"):
            await pause()
        return "coroutine"

    @pytest.fixture
    async def generator(coroutine):
        with allure.step("generator up"):
            await pause()
        yield f"generator of {{coroutine}}"
        await pause()
        with allure.step("generator down"):
            allure.attach("body", "from the generator")

    @pytest.fixture
    async def spanning():
        with allure.step("open across"):
            yield

    @pytest.fixture
    async def failing():
        yield
        raise ValueError("after")

    {pause}

    {mark}
    async def test_one(wide, generator):
        with allure.step("body one"):
            await pause()
        assert (wide, generator) == ("wide", "generator of coroutine")

    {mark}
    async def test_two(wide, spanning):
        with allure.step("body two"):
            await pause()

    {mark}
    async def test_three(wide, failing):
        with allure.step("body three"):
            await pause()
"""


@pytest.mark.parametrize("plugin", ["asyncio", "anyio"])
def test_async_fixtures(run, plugin):
    """Coroutines and async generators of both plugins, wider than the test too."""
    if plugin == "asyncio":
        parts = {
            "backend": "def no_backend(): pass",
            "end": "finalizer",  # so the plugin names it
            "mark": '@pytest.mark.asyncio(loop_scope="module")',
            "pause": "async def pause(): await asyncio.sleep(0)",
        }
    else:
        parts = {
            "backend": "def anyio_backend(): return 'trio'",
            "end": "0",
            "mark": "@pytest.mark.anyio",
            "pause": "async def pause():\n        import anyio\n        await anyio.sleep(0)",
        }
    options = ["-o", "asyncio_default_fixture_loop_scope=module"] if plugin == "asyncio" else []
    report = run(ASYNC.format(**parts), *options, plugins=(plugin,), passed=3, errors=1).report
    ours = "wide", "coroutine", "generator", "spanning", "failing"
    # What the plugins add themselves: fixtures for their loops, finalizers for coroutines.
    theirs = "coroutine::"
    found = {
        r["name"]: [
            {
                name: below
                for name, below in part.items()
                if name.removeprefix("broken: ").startswith(ours) and not name.startswith(theirs)
            }
            for part in fixtures(report, r)
        ]
        for r in report.results
    }
    end = parts["end"]
    before, after = {"wide": ["wide up"]}, {f"wide::{end}": ["wide down"]}
    assert found == {
        "test_one": [
            {"coroutine": ["in the coroutine"], "generator": ["generator up"], **before},
            {f"generator::{end}": [{"generator down": ["[from the generator]"]}], **after},
        ],
        "test_two": [{"spanning": ["open across"], **before}, {f"spanning::{end}": [], **after}],
        "test_three": [{"failing": [], **before}, {f"broken: failing::{end}": [], **after}],
    }
    assert {r["name"]: tree(r) for r in report.results} == {
        f"test_{n}": [f"body {n}"] for n in ("one", "two", "three")
    }


def test_skipped_tests_have_no_fixtures_that_they_did_not_use(run):
    """Also those of other tests; one whose fixture fails has that, and what came before."""
    done = run(
        """
        import pytest

        @pytest.fixture(scope="module")
        def first():
            pass

        @pytest.fixture(scope="module")
        def fails(first):
            raise ValueError

        @pytest.fixture(scope="module")
        def never(fails):
            pass

        def test_uses(first):
            pass

        @pytest.mark.skip
        def test_skipped(first):
            pass

        def test_error(first, never):
            pass
        """,
        plugins=(),
        passed=1,
        skipped=1,
        errors=1,
    )
    used = {r["name"]: [f["name"] for f in done.report.fixtures_of(r)] for r in done.report.results}
    assert used == {
        "test_uses": ["first"],
        "test_skipped": [],
        "test_error": ["first", "fails"],
    }


FIXTURES_IN_STEPS = """
    import allure
    import pytest

    {decorators}
    def plain():
        return 1

    {decorators}
    def generator():
        yield 2

    {decorators}
    async def coroutine():
        return 3

    {decorators}
    async def async_generator():
        yield 4

    class TestMethods:
        {decorators}
        def method(self):
            return self

        {decorators}
        async def async_method(self):
            yield self

        def test_methods(self, method, async_method):
            assert method is async_method is self

    async def test_functions(plain, generator, coroutine, async_generator):
        assert (plain, generator, coroutine, async_generator) == (1, 2, 3, 4)
"""


@pytest.mark.parametrize("isolated", ["", "--allure-otel-context=isolated"])
@pytest.mark.parametrize(
    "decorators",
    [
        ["@allure.step", "@pytest.fixture"],
        ["@pytest.fixture", "@allure.step"],
        ["@allure.step('a title')", "@allure.title('a fixture')", "@pytest.fixture()"],
        ["@allure.title('a fixture')", "@pytest.fixture()", "@allure.step('a title')"],
    ],
    ids=lambda decorators: " ".join(decorators),
)
def test_steps_on_fixtures(run, decorators, isolated):
    """On either side of `@pytest.fixture`: the fixture stays one, and has a step in it."""
    source = FIXTURES_IN_STEPS
    for indent in ("        ", "    "):
        lines = f"\n{indent}".join(decorators)
        source = source.replace(f"\n{indent}{{decorators}}", f"\n{indent}{lines}")
    done = run(source, *isolated.split(), passed=2)
    is_titled = len(decorators) > 2
    for test, names in {
        "test_functions": ["plain", "generator", "coroutine", "async_generator"],
        "test_methods": ["method", "async_method"],
    }.items():
        parts = [part for part in done.report.fixtures_of(done.report[test]) if part.get("steps")]
        shown = {part["name"]: tree(part) for part in parts}
        if is_titled:
            assert shown == {"a fixture": ["a title"]}
            assert len(parts) == len(names)
        else:
            assert shown == {name: [name] for name in names}
