"""Other plugins, and other kinds of tests, around ours."""

from __future__ import annotations

import importlib.util

import pytest

from otel_allure.testing.results import tree

PYTEST_HAS_SUBTESTS = pytest.version_tuple >= (9,)


def needs(*modules):
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    return pytest.mark.skipif(bool(missing), reason=f"{', '.join(missing)} not installed")


def steps(result):
    return tree({"steps": result.get("steps", ())})


def message(item):
    return item.get("statusDetails", {}).get("message")


# -- subtests

SUBTESTS = """
    import allure
    import logging
    import pytest

    def test_some(subtests):
        with subtests.test("good", number=1, text="a"):
            with allure.step("inside"):
                allure.attach("body", "attached")
        with subtests.test(msg="bad", number=2):
            print("in a subtest")
            logging.getLogger().warning("logged")
            assert 1 == 2
        with subtests.test("broken"):
            with allure.step("breaks"):
                raise ValueError("no")
        with subtests.test(skipped=True):
            pytest.skip("not now")
        with subtests.test("xfails"):
            pytest.xfail("as expected")
        with subtests.test("outer"):
            with subtests.test("inner"):
                pass
        with allure.step("after them"):
            pass

    def test_all_pass(subtests):
        for number in range(2):
            with subtests.test(number=number):
                pass

    def test_fails_itself(subtests):
        with subtests.test("fails"):
            assert 0
        raise ValueError("the test itself")

    @pytest.mark.xfail(reason="known", strict=False)
    def test_xfails(subtests):
        with subtests.test("fails"):
            assert 0

    async def test_async(subtests):
        with subtests.test("awaited"):
            with allure.step("inside"):
                pass
"""


@pytest.mark.skipif(
    not (PYTEST_HAS_SUBTESTS or importlib.util.find_spec("pytest_subtests")),
    reason="pytest before 9 has no subtests, and pytest-subtests is not installed",
)
def test_subtests_are_steps(run):
    """With message, arguments, outcome, steps and output of their own."""
    plugins = () if PYTEST_HAS_SUBTESTS else ("subtests",)
    done = run(SUBTESTS, plugins=("asyncio", *plugins))
    report = done.report
    some = report["test_some"]
    assert steps(some) == [
        {"good": [{"inside": ["[attached]"]}]},
        {"failed: bad": ["[stdout]", "[log]"]},
        {"broken: broken": ["broken: breaks"]},
        "skipped: subtest (skipped=True)",
        "skipped: xfails",
        {"outer": ["inner"]},
        "after them",
    ]
    good, bad, broken, skipped, xfails, *_ = some["steps"]
    assert good["parameters"] == [
        {"name": "number", "value": "1"},
        {"name": "text", "value": "'a'"},
    ]
    assert message(bad) == "AssertionError: assert 1 == 2"
    bodies = {a["name"]: report.body(a) for a in bad["attachments"]}
    assert "in a subtest" in bodies["stdout"]
    assert "logged" in bodies["log"]
    assert [message(step) for step in (broken, skipped, xfails)] == [
        "ValueError: no",
        "Skipped: not now",
        "XFAIL reason: as expected\n\n_pytest.outcomes.XFailed: as expected"
        if "XFAIL reason" in message(xfails)
        else "XFAIL as expected\n\n_pytest.outcomes.XFailed: as expected",
    ]
    assert {r["name"]: (r["status"], message(r)) for r in report.results} == {
        "test_some": ("failed", "contains 2 failed subtests\n\nAssertionError: assert 1 == 2"),
        "test_all_pass": ("passed", None),
        "test_fails_itself": ("broken", "ValueError: the test itself"),
        "test_xfails": ("passed", "XPASS known"),
        "test_async": ("passed", None),
    }
    assert steps(report["test_xfails"]) == ["skipped: fails"]
    assert steps(report["test_async"]) == [{"awaited": ["inside"]}]


def test_rows_of_subtests_can_be_told_apart(run):
    """By their parameters where messages do not; a secret or a long value is shown as elsewhere."""
    source = """
        import unittest

        class TestCase(unittest.TestCase):
            def test_one(self):
                for number in range(2):
                    with self.subTest("checks", number=number):
                        pass
                with self.subTest(password="hunter2", pin=1234, sample="x" * 2_000_000):
                    pass
        """
    done = run(source, plugins=())
    result = done.report["test_one"]
    first, second, third = [step["name"] for step in result["steps"]]
    assert (first, second) == ("checks", "checks (number=1)")
    assert third.startswith("subtest (password=****, pin=****, sample='xxx")
    assert len(third) < 200
    values = [parameter["value"] for parameter in result["steps"][2]["parameters"]]
    assert values[:2] == ["****", "****"]
    assert values[2].endswith(" … cut here: 2,000,002 characters in all")
    assert len(values[2]) < 3000
    assert "not complete" not in done.outcome.stdout.str()


UNITTEST = """
    import allure
    import unittest

    class TestCase(unittest.TestCase):
        def test_some(self):
            for number in range(2):
                with self.subTest(number=number):
                    with allure.step("inside"):
                        self.assertEqual(number, 0)
            with self.subTest(msg="said", text="a"):
                pass
            with self.subTest("broken"):
                raise ValueError("no")

        def test_all_pass(self):
            with self.subTest("passes"):
                pass

    class TestAsync(unittest.IsolatedAsyncioTestCase):
        async def test_async(self):
            with self.subTest("awaited"):
                with allure.step("inside"):
                    pass
"""


@pytest.mark.skipif(
    not (PYTEST_HAS_SUBTESTS or importlib.util.find_spec("pytest_subtests")),
    reason="pytest before 9 stops at the first subtest that fails, without pytest-subtests",
)
def test_unittests_subtests_are_steps(run):
    report = run(UNITTEST, plugins=() if PYTEST_HAS_SUBTESTS else ("subtests",)).report
    some = report["test_some"]
    assert steps(some) == [
        {"subtest (number=0)": ["inside"]},
        {"failed: subtest (number=1)": ["failed: inside"]},
        "said",
        "broken: broken",
    ]
    assert [step.get("parameters", []) for step in some["steps"]] == [
        [{"name": "number", "value": "0"}],
        [{"name": "number", "value": "1"}],
        [{"name": "text", "value": "'a'"}],
        [],
    ]
    assert some["status"] == "failed"
    assert message(some) == "contains 2 failed subtests\n\nAssertionError: 1 != 0"
    assert report["test_all_pass"]["status"] == "passed"
    assert steps(report["test_async"]) == [{"awaited": ["inside"]}]


def test_unittests_subtests_where_pytest_has_none(run):
    """The first one that fails ends the test, and its step says so."""
    disable = ["-p", "no:subtests"] if not PYTEST_HAS_SUBTESTS else []
    report = run(
        """
        import unittest

        class TestCase(unittest.TestCase):
            def test_one(self):
                with self.subTest("fails"):
                    self.fail("no")
        """,
        *disable,
        plugins=(),
    ).report
    result = report["test_one"]
    assert steps(result) == ["failed: fails"]
    assert result["status"] == "failed"
    assert "AssertionError: no" in message(result["steps"][0])


def test_nothing_of_subtests_stays_behind(run, pytester):
    """After the report: the next run of the same process has its own."""
    pytester.makepyfile(test_inner=SUBTESTS.replace("\n    ", "\n").partition("async def")[0])
    run(
        """
        import pytest
        import unittest

        def test_one(tmp_path):
            before = unittest.TestCase.subTest
            for name in ("one", "two"):
                pytest.main(
                    ["test_inner.py", "-p", "otel_allure", "-p", "no:cacheprovider"]
                    + [f"--alluredir={tmp_path / name}"]
                )
                assert unittest.TestCase.subTest is before
                assert len(list((tmp_path / name).glob("*-result.json"))) == 4
        """,
        "-k",
        "test_one",
        plugins=(),
        passed=1,
    )


# -- plugins that change how tests run or fail


@needs("pytest_check")
def test_pytest_check(run):
    """Every failed check is in the message; the steps around it are as they were."""
    report = run(
        """
        import allure
        import pytest
        from pytest_check import check

        def test_checks():
            with allure.step("first"):
                check.equal(1, 2, "one")
            with allure.step("second"), check:
                assert "a" == "b", "two"
            with allure.step("third"):
                pass

        def test_passes():
            check.equal(1, 1)

        @pytest.mark.xfail(reason="known", strict=False)
        def test_xfails():
            check.is_true(False)

        def test_breaks_too():
            check.is_true(False)
            raise ValueError("broken")
        """,
        plugins=("check",),
    ).report
    result = report["test_checks"]
    assert result["status"] == "failed"
    assert "one" in message(result)
    assert "two" in message(result)
    assert steps(result) == ["first", "second", "third"]
    found = {r["name"]: r["status"] for r in report.results}
    assert found == {
        "test_checks": "failed",
        "test_passes": "passed",
        "test_xfails": "skipped",
        "test_breaks_too": "failed",
    }
    assert "ValueError: broken" in str(report["test_breaks_too"]["statusDetails"])


@needs("pytest_bdd")
def test_pytest_bdd(run, pytester):
    """A scenario is a test with the fixtures of its steps; those that make fixtures are none."""
    pytester.makefile(
        ".feature",
        shop="""
        Feature: Shop
            Scenario: Buy a cup
                Given a shop
                When I buy a cup
                Then I have a cup

            Scenario Outline: Buy many
                Given a shop
                When I buy <number> cups
                Then I have <number> cups

                Examples:
                    | number |
                    | 2      |
                    | 3      |
        """,
    )
    done = run(
        """
        import allure
        from pytest_bdd import given, parsers, scenarios, then, when

        scenarios("shop.feature")

        @given("a shop", target_fixture="shop")
        def shop():
            return []

        @when("I buy a cup")
        @allure.step("buy it")
        def buy(shop):
            shop.append("cup")

        @when(parsers.parse("I buy {number:d} cups"))
        def buy_many(shop, number):
            with allure.step(f"buy {number}"):
                shop.extend(["cup"] * number)

        @then("I have a cup")
        def one(shop):
            assert shop == ["cup"]

        @then(parsers.parse("I have {number:d} cups"))
        def many(shop, number):
            assert len(shop) == number + (number == 3)
        """,
        plugins=("pytest-bdd",),
        passed=2,
        failed=1,
    )
    found = {r["name"]: (r["status"], steps(r)) for r in done.report.results}
    assert found == {
        "test_buy_a_cup": ("passed", ["buy it"]),
        "test_buy_many[2]": ("passed", ["buy 2"]),
        "test_buy_many[3]": ("failed", ["buy 3"]),
    }
    assert len({r["historyId"] for r in done.report.results}) == 3
    names = {f["name"] for c in done.report.containers for f in c.get("befores", ())}
    assert not [name for name in names if name.startswith("pytestbdd_stepdef")]


def test_doctests(run, pytester):
    """Of modules and text files; a difference is a failure, an exception breaks."""
    pytester.makefile(".txt", text=">>> 1 + 1\n2\n")
    report = run(
        '''
        def good():
            """
            >>> 1 + 1
            2
            """

        def bad():
            """
            >>> 1 + 1
            3
            """

        def broken():
            """
            >>> 1 / 0
            1
            """

        def skipped():
            """
            >>> 1 / 0  # doctest: +SKIP
            """
        ''',
        "--doctest-modules",
        "--doctest-glob=*.txt",
        plugins=(),
    ).report
    module = "test_doctests"
    assert {r["name"]: r["status"] for r in report.results} == {
        f"{module}.good": "passed",
        f"{module}.bad": "failed",
        f"{module}.broken": "broken",
        f"{module}.skipped": "skipped",
        "text.txt": "passed",
    }
    bad = report[f"{module}.bad"]
    assert "Expected:" in bad["statusDetails"]["trace"]
    assert bad["fullName"] == f"{module}#{module}.bad"


TIMEOUT = """
    import allure
    import pytest
    import threading

    def test_before():
        pass

    @pytest.mark.timeout(0.6)  # so the others have time on a busy machine
    def test_hangs():
        with allure.step("outer"):
            with allure.step("inner"):
                threading.Event().wait(60)

    def test_after():
        pass
"""


@needs("pytest_timeout")
def test_a_timeout_by_signal(run):
    """Is an exception in the test, in the step that hangs."""
    options = ["--timeout-method=signal"]
    report = run(TIMEOUT, *options, plugins=("timeout",), passed=2, failed=1).report
    assert {r["name"]: r["status"] for r in report.results} == {
        "test_before": "passed",
        "test_hangs": "failed",
        "test_after": "passed",
    }
    assert steps(report["test_hangs"]) == [{"failed: outer": ["failed: inner"]}]
    assert "Timeout" in message(report["test_hangs"])


@needs("pytest_timeout")
def test_a_timeout_by_thread(run):
    """Ends the process: what was written before is there, and so is the test that hangs."""
    options = ["--timeout-method=thread"]
    report = run(TIMEOUT, *options, plugins=("timeout",)).report
    assert [r["name"] for r in report.results] == ["test_before", "test_hangs"]


@needs("pytest_randomly")
def test_pytest_randomly(run, pytester):
    """It seeds `random` the same way before each test: ids and file names stay different."""
    report = run(
        """
        import allure
        import pytest

        @pytest.mark.parametrize("number", range(5))
        def test_one(number):
            with allure.step("a step"):
                allure.attach(str(number), "number")
        """,
        "-p",
        "randomly",
        "-p",
        "no:xdist",
        plugins=(),
        passed=5,
    ).report
    assert len({r["uuid"] for r in report.results}) == 5
    bodies = [report.body(r["steps"][0]["attachments"][0]) for r in report.results]
    assert sorted(bodies) == ["0", "1", "2", "3", "4"]


HYPOTHESIS = """
    import allure
    import pytest
    from hypothesis import given, settings, strategies

    few = settings(max_examples=5, derandomize=True, database=None, deadline=None)

    @few
    @given(number=strategies.sampled_from([1, 2, 3]))
    {mark}
    {kind} test_one(number):
        with allure.step(f"try {{number}}"):
            allure.attach(str(number), "number")

    @few
    @given(number=strategies.integers())
    {mark}
    {kind} test_fails(number):
        with allure.step("check"):
            assert number < 0
"""


@needs("hypothesis")
@pytest.mark.parametrize("runner", ["", "asyncio", "anyio"])
def test_hypothesis(run, runner):
    """The steps of all examples are there."""
    source = HYPOTHESIS.format(
        kind="async def" if runner else "def",
        mark="@pytest.mark.anyio" if runner == "anyio" else "",
    )
    if runner == "anyio":
        source += "\n    @pytest.fixture(params=['asyncio'])\n    def anyio_backend(request):\n"
        source += "        return request.param\n"
    plugins = ("hypothesispytest", *([runner] if runner else []))
    report = run(source, plugins=plugins, passed=1, failed=1).report
    one, fails = sorted(report.results, key=lambda result: result["name"], reverse=True)
    assert len(one["steps"]) >= 3
    assert {step["name"] for step in one["steps"]} == {"try 1", "try 2", "try 3"}
    assert all(tree(step) == ["[number]"] for step in one["steps"])
    assert "failed: check" in steps(fails)
    assert fails["status"] == "failed"


UNIT = """
    import allure
    import unittest

    class TestUnit(unittest.TestCase):
        @classmethod
        def setUpClass(cls):
            with allure.step("set up the class"):
                pass

        def setUp(self):
            with allure.step("set up"):
                pass
            self.addCleanup(self.clean)

        def clean(self):
            with allure.step("clean"):
                pass

        def test_unit(self):
            with allure.step("body"):
                pass

    class TestAsync(unittest.IsolatedAsyncioTestCase):
        async def asyncSetUp(self):
            with allure.step("set up"):
                pass

        async def test_async(self):
            with allure.step("body"):
                pass
"""


def test_unittest(run):
    """Everything that a test case runs is in its tests; its class's set-up is a fixture."""
    report = run(UNIT, plugins=(), passed=2).report
    assert steps(report["test_unit"]) == ["set up", "body", "clean"]
    assert steps(report["test_async"]) == ["set up", "body"]
    befores = [tree(f) for f in report.fixtures_of(report["test_unit"])]
    assert ["set up the class"] in befores


@needs("pytest_rerunfailures")
def test_reruns(run):
    """Each attempt has a result, with what is its own."""
    report = run(
        """
        import allure
        import pytest

        attempts = []

        @pytest.fixture
        def fixture():
            with allure.step("in the fixture"):
                yield

        @allure.tag("tag")
        def test_one(fixture):
            attempts.append(1)
            allure.dynamic.label("layer", f"attempt {len(attempts)}")
            with allure.step(f"attempt {len(attempts)}"):
                assert len(attempts) == 3
        """,
        "--reruns=2",
        plugins=("rerunfailures",),
    ).report
    assert [(r["status"], steps(r)) for r in report.results] == [
        ("failed", ["failed: attempt 1"]),
        ("failed", ["failed: attempt 2"]),
        ("passed", ["attempt 3"]),
    ]
    for number, result in enumerate(report.results, 1):
        values = [label["value"] for label in result["labels"] if label["name"] in ("layer", "tag")]
        assert sorted(values) == [f"attempt {number}", "tag"]
        assert [f["name"] for f in report.fixtures_of(result)] == ["fixture"]
    assert len({r["historyId"] for r in report.results}) == 1


FORKED = """
    import allure
    import os
    import pytest

    @pytest.fixture
    def fixture():
        with allure.step("before"):
            pass
        yield
        with allure.step("after"):
            pass

    @allure.title("A title with {argument}")
    @pytest.mark.parametrize("argument", [1])
    def test_passes(fixture, argument):
        allure.dynamic.label("layer", "api")
        allure.dynamic.parameter("told", "value")
        allure.attach("body", "to the test")
        with allure.step("in the child"):
            allure.attach("body", "to the step")

    def test_fails():
        assert 1 == 2

    def test_breaks():
        with allure.step("breaks"):
            raise ValueError("no")

    def test_skips():
        pytest.skip("not now")

    def test_crashes():
        with allure.step("before the crash"):
            pass
        os.kill(os.getpid(), 9)
"""


@needs("pytest_forked")
@pytest.mark.skipif(
    pytest.version_tuple >= (9, 1), reason="pytest-forked 1.7 does not work with this pytest"
)
def test_pytest_forked(run):
    """What a test says in its process is in its result; what ends that process breaks it."""
    done = run(FORKED, "--forked", plugins=("pytest_forked",))
    report = done.report
    assert {
        r["name"]: (r["status"], (message(r) or "").split("\n")[0]) for r in report.results
    } == {
        "A title with 1": ("passed", ""),
        "test_fails": ("failed", "AssertionError: assert 1 == 2"),
        "test_breaks": ("broken", "ValueError: no"),
        "test_skips": ("skipped", "Skipped: not now"),
        "test_crashes": ("broken", message(report["test_crashes"]).split("\n")[0]),
    }
    passed = report["A title with 1"]
    assert tree(passed) == [{"in the child": ["[to the step]"]}, "[to the test]"]
    assert passed["parameters"] == [
        {"name": "argument", "value": "1"},
        {"name": "told", "value": "'value'"},
    ]
    assert {"name": "layer", "value": "api"} in passed["labels"]
    assert [(f["name"], tree(f)) for f in report.fixtures_of(passed)] == [("fixture", ["before"])]
    afters = report.fixtures_of(passed, "afters")
    assert [(f["name"], tree(f)) for f in afters] == [("fixture::0", ["after"])]
    assert "signal 9" in message(report["test_crashes"])


# -- plugins that make spans of tests themselves


@needs("pytest_opentelemetry")
@pytest.mark.parametrize("first", ["otel_allure", "opentelemetry"])
def test_pytest_opentelemetry(pytester, run, first):
    """Its spans are in the trace of a backend; the report has each test once, and its steps."""
    pytester.makepyfile(
        """
        import allure
        import pytest

        @pytest.fixture
        def fixture():
            with allure.step("before"):
                pass

        def test_one(fixture):
            with allure.step("a step"):
                allure.attach("body", "attached")

        def test_two():
            assert 0
        """
    )
    others = [name for name in ("otel_allure", "opentelemetry") if name != first]
    order = [option for name in (first, *others) for option in ("-p", name)]
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider", *order, "--alluredir=results")
    done.assert_outcomes(passed=1, failed=1)
    from otel_allure.testing.results import Results

    report = Results(pytester.path / "results")
    assert [r["name"] for r in report.results] == ["test_one", "test_two"]
    assert "a step" in str(tree(report["test_one"]))
    assert "[attached]" in str(tree(report["test_one"]))
    assert report["test_two"]["status"] == "failed"


@needs("logfire")
def test_logfire(run, monkeypatch):
    """Its spans of tests are no results beside ours."""
    monkeypatch.setenv("LOGFIRE_SEND_TO_LOGFIRE", "false")
    done = run(
        """
        import allure
        import logfire

        logfire.configure(send_to_logfire=False, console=False)

        def test_one():
            with allure.step("a step"):
                with logfire.span("a span"):
                    with allure.step("below"):
                        pass
        """,
        "--logfire",
        plugins=("pytest_logfire",),
        passed=1,
    )
    (result,) = done.report.results
    assert result["name"] == "test_one"
    assert "a step" in str(tree(result))
    assert "below" in str(tree(result))


@needs("xdist")
def test_xdist(run, pytester):
    """Workers write into one directory; what others change through the listener arrives."""
    pytester.makeconftest(
        """
        import pytest

        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_call(item):
            listener = item.config.pluginmanager.get_plugin("allure_listener")
            listener.allure_logger.get_test(None).name = f"renamed {item.name}"
            return (yield)
        """
    )
    report = run(
        """
        import allure
        import pytest

        @pytest.fixture(scope="session")
        def wide():
            with allure.step("in the fixture"):
                yield

        @pytest.mark.parametrize("number", range(6))
        def test_one(wide, number):
            with allure.step("a step"):
                allure.attach(str(number), "number")
        """,
        "-n2",
        plugins=("xdist",),
        passed=6,
    ).report
    assert sorted(r["name"] for r in report.results) == [
        f"renamed test_one[{number}]" for number in range(6)
    ]
    for result in report.results:
        assert tree(result) == [{"a step": ["[number]"]}]
        assert [f["name"] for f in report.fixtures_of(result)] == ["wide"]
