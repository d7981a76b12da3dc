"""What the plugin says of each test: outcome, names, identity, parameters, attachments."""

from __future__ import annotations

import hashlib

import pytest

from otel_allure.testing.results import Results, tree


def rows(result, field, *keys):
    """The objects in a list of a result, as sorted tuples."""
    return sorted(tuple(entry.get(key) for key in keys) for entry in result.get(field, ()))


def labels(result, *names):
    """The values of some labels by name, sorted."""
    found = {name: [] for name in names}
    for label in result["labels"]:
        found.setdefault(label["name"], []).append(label["value"])
    return {name: sorted(found[name]) for name in names}


def outcome(result):
    message = result.get("statusDetails", {}).get("message")
    # pytest before 9.1 says "reason: " of imperative ones.
    return result["status"], message and message.replace("XFAIL reason: ", "XFAIL ")


# -- outcomes

STATUSES = """
    import pytest
    import sys
    import unittest

    @pytest.fixture
    def broken():
        raise ValueError("in set-up")

    @pytest.fixture
    def failing():
        assert False, "in set-up"

    @pytest.fixture
    def skipping():
        pytest.skip("in set-up")

    @pytest.fixture
    def broken_after():
        yield
        raise ValueError("in tear-down")

    @pytest.fixture
    def failing_after():
        yield
        pytest.fail("in tear-down")

    @pytest.fixture
    def skipping_after():
        yield
        pytest.skip("in tear-down")

    def test_passes():
        pass

    def test_fails():
        assert False, "one"

    def test_fails_by_pytest():
        pytest.fail("two")

    def test_fails_without_trace():
        pytest.fail("three", pytrace=False)

    def test_breaks():
        raise KeyError("four")

    def test_breaks_by_exit():
        sys.exit(5)

    def test_breaks_by_a_strange_exception():
        class Strange(BaseException):
            pass
        raise Strange("six")

    def test_misses_a_fixture(nowhere):
        pass

    def test_skips():
        pytest.skip("seven")

    @pytest.mark.skip
    def test_skipped():
        pass

    @pytest.mark.skipif("True", reason="eight")
    def test_skipped_if():
        pass

    def test_xfails_in_body():
        pytest.xfail("nine")

    @pytest.mark.xfail(reason="ten")
    def test_xfails():
        assert False, "ten fails"

    @pytest.mark.xfail
    def test_xfails_without_reason():
        raise ValueError("eleven")

    @pytest.mark.xfail(run=False, reason="twelve")
    def test_xfails_without_a_run():
        pass

    @pytest.mark.xfail(raises=ValueError)
    def test_fails_otherwise_than_expected():
        raise KeyError("thirteen")

    @pytest.mark.xfail(reason="fourteen", strict=False)
    def test_xpasses():
        pass

    @pytest.mark.xfail(strict=False)
    def test_xpasses_without_reason():
        pass

    @pytest.mark.xfail(reason="fifteen", strict=True)
    def test_xpasses_strictly():
        pass

    def test_set_up_breaks(broken):
        pass

    def test_set_up_fails(failing):
        pass

    def test_set_up_skips(skipping):
        pass

    @pytest.mark.xfail(reason="sixteen")
    def test_set_up_xfails(broken):
        pass

    def test_tear_down_breaks(broken_after):
        pass

    def test_tear_down_fails(failing_after):
        pass

    def test_tear_down_skips(skipping_after):
        pass

    def test_fails_and_tear_down_breaks(broken_after):
        assert False, "seventeen"

    def test_skips_and_tear_down_breaks(broken_after):
        pytest.skip("eighteen")

    @pytest.mark.xfail(reason="nineteen", strict=False)
    def test_xpasses_and_tear_down_breaks(broken_after):
        pass

    class TestUnit(unittest.TestCase):
        def test_unit_fails(self):
            self.assertEqual(1, 2)

        def test_unit_skips(self):
            self.skipTest("twenty")

        @unittest.expectedFailure
        def test_unit_passes_unexpectedly(self):
            pass
"""

ONE_IS_TWO = "AssertionError: {}\nassert False"
STATUS_TABLE = {
    "test_passes": ("passed", None),
    "test_fails": ("failed", ONE_IS_TWO.format("one")),
    "test_fails_by_pytest": ("failed", "Failed: two"),
    "test_fails_without_trace": ("failed", "Failed: three"),
    "test_breaks": ("broken", "KeyError: 'four'"),
    "test_breaks_by_exit": ("broken", "SystemExit: 5"),
    "test_breaks_by_a_strange_exception": (
        "broken",
        "test_statuses.test_breaks_by_a_strange_exception.<locals>.Strange: six",
    ),
    "test_skips": ("skipped", "Skipped: seven"),
    "test_skipped": ("skipped", "Skipped: unconditional skip"),
    "test_skipped_if": ("skipped", "Skipped: eight"),
    "test_xfails_in_body": ("skipped", "XFAIL nine\n\n_pytest.outcomes.XFailed: nine"),
    "test_xfails": ("skipped", "XFAIL ten\n\n" + ONE_IS_TWO.format("ten fails")),
    "test_xfails_without_reason": ("skipped", "XFAIL\n\nValueError: eleven"),
    "test_xfails_without_a_run": (
        "skipped",
        "XFAIL [NOTRUN] twelve\n\n_pytest.outcomes.XFailed: [NOTRUN] twelve",
    ),
    "test_fails_otherwise_than_expected": ("broken", "KeyError: 'thirteen'"),
    "test_xpasses": ("passed", "XPASS fourteen"),
    "test_xpasses_without_reason": ("passed", "XPASS"),
    "test_xpasses_strictly": ("failed", "[XPASS(strict)] fifteen"),
    "test_set_up_breaks": ("broken", "ValueError: in set-up"),
    "test_set_up_fails": ("failed", ONE_IS_TWO.format("in set-up")),
    "test_set_up_skips": ("skipped", "Skipped: in set-up"),
    "test_set_up_xfails": ("skipped", "XFAIL sixteen\n\nValueError: in set-up"),
    "test_tear_down_breaks": ("broken", "ValueError: in tear-down"),
    "test_tear_down_fails": ("failed", "Failed: in tear-down"),
    "test_tear_down_skips": ("passed", None),
    "test_fails_and_tear_down_breaks": ("failed", ONE_IS_TWO.format("seventeen")),
    "test_skips_and_tear_down_breaks": ("broken", "ValueError: in tear-down"),
    # pytest reports the tear-down of an xfail test as an expected failure too.
    "test_xpasses_and_tear_down_breaks": ("passed", "XPASS nineteen"),
    "test_unit_fails": ("failed", "AssertionError: 1 != 2"),
    "test_unit_skips": ("skipped", "Skipped: twenty"),
    "test_unit_passes_unexpectedly": ("failed", "Failed: Unexpected success"),
}


def test_statuses(run):
    """Every way in which a test can end has its status and message."""
    report = run(STATUSES, plugins=()).report
    found = {result["name"]: outcome(result) for result in report.results}
    status, _ = found.pop("test_misses_a_fixture")
    assert status == "broken"
    assert (
        "fixture 'nowhere' not found" in report["test_misses_a_fixture"]["statusDetails"]["trace"]
    )
    assert found == STATUS_TABLE


def test_trace(run):
    """A test's trace is what pytest shows of the failure, a step's is Python's traceback."""
    report = run(
        """
        import allure

        def check(value):
            assert value == 2

        def test_trace():
            with allure.step("check it"):
                check(1)
        """,
        plugins=(),
        failed=1,
    ).report
    result = report["test_trace"]
    (step,) = result["steps"]
    assert result["statusDetails"]["message"] == "AssertionError: assert 1 == 2"
    assert result["statusDetails"]["trace"].splitlines()[:3] == [
        "def test_trace():",
        '        with allure.step("check it"):',
        ">           check(1)",
    ]
    assert step["status"] == "failed"
    assert step["statusDetails"]["message"] == "AssertionError: assert 1 == 2\n"
    frames = [line for line in step["statusDetails"]["trace"].splitlines() if "File" in line]
    assert [line.split(", ")[-1] for line in frames] == ["in test_trace", "in check"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("test", ("broken", "Exit: stop here")),
        ("set-up", ("broken", "Exit: stop here")),
        ("tear-down", ("broken", "Exit: stop here")),
        ("interrupt", ("broken", "KeyboardInterrupt")),
    ],
)
def test_pytest_exit(run, body, expected):
    """A test that ends the session has a result too, with its steps, labels and identity."""
    done = run(
        f"""
        import allure
        import pytest

        def stop(where):
            if where == {body!r}:
                with allure.step("stop"):
                    if where == "interrupt":
                        raise KeyboardInterrupt
                    pytest.exit("stop here")

        @pytest.fixture(scope="module")
        def wide():
            yield

        @pytest.fixture
        def fixture(wide):
            stop("set-up")
            yield
            stop("tear-down")

        def test_stops(fixture):
            stop("test")
            stop("interrupt")

        def test_never_runs():
            pass
        """,
        plugins=(),
    )
    assert done.outcome.ret == 2
    (result,) = done.report.results
    status, message = outcome(result)
    assert (status, message.rstrip().rpartition(".")[2] if message else None) == expected
    assert labels(result, "framework", "suite") == {
        "framework": ["pytest"],
        "suite": ["test_pytest_exit"],
    }
    assert result["historyId"]
    steps = [*tree(result), *(tree(f) for f in done.report.fixtures_of(result))]
    steps += [tree(f) for f in done.report.fixtures_of(result, "afters")]
    if body in ("test", "interrupt"):
        assert tree(result) == ["broken: stop"]
    else:
        assert ["broken: stop"] in steps
    assert "wide" in [f["name"] for f in done.report.fixtures_of(result)]


# -- identity, names, labels

METADATA = """
    import allure
    import pytest

    pytestmark = [
        allure.epic("epic of the module"),
        allure.severity(allure.severity_level.MINOR),
        allure.label("layer", "unit", "fast"),
        allure.link("https://example.test/module", name="module"),
        pytest.mark.slow,
    ]

    @pytest.fixture
    @allure.title("inside of the decorator")
    def inside():
        return "in"

    @allure.title("outside of the decorator")
    @pytest.fixture
    def outside():
        return "out"

    @pytest.fixture(params=["x", "y"], ids=["first", "second"])
    def chosen(request):
        return request.param

    @pytest.fixture
    def doubled(request):
        return request.param * 2

    @allure.feature("feature of the class")
    @allure.suite("suite of the class")
    class TestClass:
        pytestmark = allure.story("story of the class")

        @allure.title("title of {inside} and {outside}, {number}, {param_id}, {unknown}")
        @allure.severity(allure.severity_level.CRITICAL)
        @pytest.mark.parametrize("number", [b"\\x00\\xff", "\\u00e9"], ids=["bytes", "\\u00e9"])
        def test_titled(self, inside, outside, number):
            '''The docstring.'''

        class TestNested:
            @allure.description("in **Markdown**")
            @allure.description_html("in <b>HTML</b>")
            @allure.issue("12")
            @allure.issue("13", "thirteen")
            @allure.testcase("https://example.test/case", "the case")
            @allure.tag("tag one", "tag two")
            @allure.id(123)
            @allure.manual
            def test_decorated(self):
                '''A docstring that the description wins over.'''

    @pytest.mark.parametrize("doubled", [3], indirect=True)
    @pytest.mark.parametrize("b", [None])
    @pytest.mark.parametrize("a", [[1], {"key": 2.5}])
    def test_parameters(a, b, doubled, chosen):
        pass
"""


def test_decorators(run):
    """Titles, descriptions, labels and links, on functions, classes and the module."""
    done = run(METADATA, "--allure-link-pattern=issue:https://example.test/i/{}", plugins=())
    report = done.report
    titled = report["title of in and out, b'\\x00\\xff', bytes, {unknown}"]
    assert report["title of in and out, é, é, {unknown}"]["description"] == "The docstring."
    assert sorted(f["name"] for f in report.fixtures_of(titled)) == [
        "inside of the decorator",
        "outside of the decorator",
    ]
    names = "epic", "feature", "layer", "severity", "story", "suite", "subSuite", "tag"
    assert labels(titled, *names) == {
        "epic": ["epic of the module"],
        "feature": ["feature of the class"],
        "layer": ["fast", "unit"],
        "severity": ["critical"],
        "story": ["story of the class"],
        "suite": ["suite of the class"],
        "subSuite": ["TestClass"],
        "tag": ["slow"],
    }
    decorated = report["test_decorated"]
    assert decorated["description"] == "in **Markdown**"
    assert decorated["descriptionHtml"] == "in <b>HTML</b>"
    names = "ALLURE_ID", "ALLURE_MANUAL", "as_id", "severity", "subSuite", "tag"
    assert labels(decorated, *names) == {
        "ALLURE_ID": ["123"],
        "ALLURE_MANUAL": ["true"],
        "as_id": ["123"],
        "severity": ["minor"],
        "subSuite": ["TestClass > TestNested"],
        "tag": ["slow", "tag one", "tag two"],
    }
    assert rows(decorated, "links", "url", "name", "type") == [
        ("https://example.test/case", "the case", "tms"),
        ("https://example.test/i/12", "https://example.test/i/12", "issue"),
        ("https://example.test/i/13", "thirteen", "issue"),
        ("https://example.test/module", "module", "link"),
    ]


def test_parameters_and_identity(run):
    """What parametrize and parametrised fixtures pass is shown; identity is of it too."""
    report = run(METADATA, plugins=()).report
    found = {r["name"]: r for r in report.results if r["fullName"].endswith("#test_parameters")}
    assert {name: rows(r, "parameters", "name", "value") for name, r in found.items()} == {
        f"test_parameters[{chosen}-{a}-None-3]": [
            ("a", value),
            ("b", "None"),
            ("chosen", f"'{choice}'"),
            ("doubled", "3"),
        ]
        for chosen, choice in (("first", "x"), ("second", "y"))
        for a, value in (("a0", "[1]"), ("a1", "{'key': 2.5}"))
    }
    module = "test_parameters_and_identity"
    assert {(r["fullName"], r["testCaseId"], tuple(r["titlePath"])) for r in found.values()} == {
        (f"{module}#test_parameters", md5(f"{module}#test_parameters"), (f"{module}.py",))
    }
    assert len({result["historyId"] for result in found.values()}) == 4
    nested = report["test_decorated"]
    full_name = f"{module}.TestClass.TestNested#test_decorated"
    assert (nested["fullName"], nested["testCaseId"], nested["historyId"]) == (
        full_name,
        md5(full_name),
        md5(full_name),
    )
    assert nested["titlePath"] == [f"{module}.py", "TestClass", "TestNested"]
    assert labels(nested, "package", "parentSuite", "suite") == {
        "package": [module],
        "parentSuite": [],
        "suite": ["suite of the class"],
    }


def md5(text):
    return hashlib.md5(text.encode()).hexdigest()


def test_a_title_that_cannot_be_filled(run):
    """It is shown as it is, and the rest of the result is there."""
    done = run(
        """
        import allure
        import pytest

        @pytest.fixture
        def missing():
            raise ValueError

        @allure.title("a {brace too many")
        def test_brace():
            '''Described.'''

        @allure.title("with {missing}")
        def test_missing(missing):
            pass
        """,
        plugins=(),
        passed=1,
        errors=1,
    )
    assert done.report["a {brace too many"]["description"] == "Described."
    assert done.report["with {missing}"]["status"] == "broken"
    assert "not complete" not in done.outcome.stdout.str()


# -- allure.dynamic

DYNAMIC = """
    import allure
    import pytest
    from allure_commons.types import ParameterMode

    @pytest.fixture
    def fixture():
        allure.dynamic.title("by the fixture")
        allure.dynamic.description("by the fixture")
        allure.dynamic.parameter("given", "by the fixture")
        yield
        allure.dynamic.label("late", "yes")

    @pytest.mark.parametrize("given", [1])
    def test_fixture(fixture, given):
        '''The docstring.'''

    @allure.suite("static suite")
    @allure.link("https://example.test/static", name="static")
    @pytest.mark.parametrize("given", [1])
    def test_body(given):
        allure.dynamic.title("by the body")
        allure.dynamic.description("in **Markdown**")
        allure.dynamic.description_html("in <b>HTML</b>")
        allure.dynamic.severity(allure.severity_level.BLOCKER)
        allure.dynamic.epic("an epic")
        allure.dynamic.feature("a feature", "another")
        allure.dynamic.story("a story")
        allure.dynamic.tag("a tag")
        allure.dynamic.id(7)
        allure.dynamic.manual()
        allure.dynamic.parent_suite("top")
        allure.dynamic.sub_suite("bottom")
        allure.dynamic.label("number", 1, True)
        allure.dynamic.link("https://example.test/", name="one")
        allure.dynamic.link("https://example.test/", name="the same again")
        allure.dynamic.issue("8")
        allure.dynamic.testcase("https://example.test/case", "nine")
        allure.dynamic.parameter("given", 100)
        allure.dynamic.parameter("excluded", 3.5, excluded=True)
        allure.dynamic.parameter("masked", "m", mode=ParameterMode.MASKED)
        with allure.step("deep inside"):
            allure.dynamic.parameter("hidden", "h", mode=ParameterMode.HIDDEN)
"""


def test_dynamic(run):
    """What a test and its fixtures say of it while it runs; labels add up, values are replaced."""
    done = run(DYNAMIC, "--allure-link-pattern=issue:https://example.test/i/{}", plugins=())
    body = done.report["by the body"]
    assert (body["description"], body["descriptionHtml"]) == ("in **Markdown**", "in <b>HTML</b>")
    assert [p for p in body["parameters"] if p["name"] not in ("masked", "hidden")] == [
        {"name": "given", "value": "100"},
        {"name": "excluded", "value": "3.5", "excluded": True},
    ]
    modes = {p["name"]: p.get("mode") for p in body["parameters"]}
    assert modes == {"given": None, "excluded": None, "masked": "masked", "hidden": "hidden"}
    names = ("ALLURE_ID", "ALLURE_MANUAL", "as_id", "epic", "feature", "number", "parentSuite")
    assert labels(body, *names, "severity", "story", "subSuite", "suite", "tag") == {
        "ALLURE_ID": ["7"],
        "ALLURE_MANUAL": ["true"],
        "as_id": ["7"],
        "epic": ["an epic"],
        "feature": ["a feature", "another"],
        "number": ["1", "true"],
        "parentSuite": ["top"],
        "severity": ["blocker"],
        "story": ["a story"],
        "subSuite": ["bottom"],
        "suite": ["static suite"],
        "tag": ["a tag"],
    }
    assert rows(body, "links", "url", "name", "type") == [
        ("https://example.test/", "one", "link"),
        ("https://example.test/case", "nine", "tms"),
        ("https://example.test/i/8", "https://example.test/i/8", "issue"),
        ("https://example.test/static", "static", "link"),
    ]
    fixture = done.report["by the fixture"]
    assert fixture["description"] == "by the fixture"
    assert fixture["parameters"] == [{"name": "given", "value": "'by the fixture'"}]
    assert labels(fixture, "late") == {"late": ["yes"]}


# -- attachments

ATTACHMENTS_CONFTEST = """
    import allure
    import pytest

    def pytest_runtest_logstart(nodeid):
        allure.attach("body", "logstart")

    def pytest_runtest_setup(item):
        allure.attach("body", "setup")

    def pytest_runtest_teardown(item):
        allure.attach("body", "teardown")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(item, call):
        report = yield
        allure.attach("body", f"makereport {call.when}")
        return report

    def pytest_runtest_logfinish(nodeid):
        allure.attach("body", "logfinish")
"""
ATTACHMENTS = """
    import allure
    import logging
    import pytest
    import sys

    @pytest.fixture
    def fixture():
        allure.attach("body", "before")
        yield
        allure.attach("body", "after")

    def test_attachments(fixture, tmp_path):
        file = tmp_path / "table.csv"
        file.write_text("a,b")
        allure.attach("text \\u00e9", "text")
        allure.attach("{}", "json", allure.attachment_type.JSON)
        allure.attach(b"\\x00\\xff", "bytes")
        allure.attach(b"GIF", "picture", allure.attachment_type.GIF)
        allure.attach("a", "own type", "application/x-own", "own")
        allure.attach.file(str(file))
        allure.attach.file(file, "named", allure.attachment_type.TEXT)
        with allure.step("step"):
            allure.attach("inner", "in a step")
        print("on stdout")
        print("on stderr", file=sys.stderr)
        logging.getLogger().warning("logged")
"""
HOOKS = ["setup", "call", "teardown"]


def test_attachments(run, pytester):
    """Texts, bytes, files, from tests, steps, fixtures and hooks; and what pytest captured."""
    pytester.makeconftest(ATTACHMENTS_CONFTEST)
    report = run(ATTACHMENTS, plugins=(), passed=1).report
    result = report["test_attachments"]
    found = {
        a["name"]: (a.get("type"), report.directory / a["source"]) for a in result["attachments"]
    }
    assert len(found) == len(result["attachments"])
    by_hooks = ["logstart", "setup", "teardown", "logfinish", *(f"makereport {w}" for w in HOOKS)]
    for name in by_hooks:
        kind, path = found.pop(name)
        assert (kind, path.suffix, path.read_text()) == ("text/plain", ".txt", "body"), name
    captured = {name: found.pop(name)[1].read_text() for name in ("stdout", "stderr", "log")}
    assert captured.pop("log").endswith("logged")
    assert captured == {"stdout": "on stdout\n", "stderr": "on stderr\n"}
    assert {
        name: (kind, path.suffix, path.read_bytes()) for name, (kind, path) in found.items()
    } == {
        "text": ("text/plain", ".txt", "text é".encode()),
        "json": ("application/json", ".json", b"{}"),
        "bytes": (None, ".attach", b"\x00\xff"),
        "picture": ("image/gif", ".gif", b"GIF"),
        "own type": ("application/x-own", ".own", b"a"),
        "table.csv": ("text/csv", ".csv", b"a,b"),
        "named": ("text/plain", ".txt", b"a,b"),
    }
    assert tree(result)[0] == {"step": ["[in a step]"]}
    befores = {f["name"]: tree(f) for f in report.fixtures_of(result)}
    assert befores["fixture"] == ["[before]"]
    afters = {f["name"]: tree(f) for f in report.fixtures_of(result, "afters")}
    assert afters["fixture::0"] == ["[after]"]


def test_no_capture(run):
    """With --allure-no-capture the captured output stays with pytest."""
    report = run(
        "def test_loud():\n    print('loud')", "--allure-no-capture", plugins=(), passed=1
    ).report
    assert "attachments" not in report["test_loud"]


def test_one_bad_piece_of_metadata_loses_no_other(run):
    """A parameter without a repr, a title without an end: the rest is there, and it is told."""
    done = run(
        """
        import allure
        import pytest

        class NoRepr:
            def __repr__(self):
                raise ValueError("no repr")

        @allure.title("Title {x}")
        @allure.description("kept")
        @pytest.mark.parametrize("x, y", [(NoRepr(), 1)], ids=["id"])
        def test_bad(x, y):
            pass
        """,
        plugins=(),
        passed=1,
    )
    (result,) = done.report.results
    assert result["description"] == "kept"
    assert [p["name"] for p in result["parameters"]] == ["x", "y"]
    assert result["historyId"]
    assert "no repr" in done.outcome.stdout.str()


def test_items_renamed_and_told_late(run, pytester):
    """Names changed in set-up count, and a session fixture's finalizer speaks of the last test."""
    pytester.makeconftest(
        """
        import allure
        import pytest

        def pytest_runtest_setup(item):
            item.name = f"{item.name} renamed"

        @pytest.fixture(scope="session", autouse=True)
        def session():
            yield
            allure.dynamic.label("told", "in the end")

        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_makereport(item, call):
            report = yield
            if report.when == "call":
                allure.attach("picture", "screenshot")
            return report
        """
    )
    done = run(
        """
        import allure

        def test_one():
            pass

        @allure.title("Title")
        def test_two():
            print("text")
            allure.attach("body", "in the body")
        """,
        plugins=(),
        passed=2,
    )
    one, two = done.report["test_one renamed"], done.report["Title"]
    told = {"name": "told", "value": "in the end"}
    assert (told in one["labels"], told in two["labels"]) == (False, True)
    names = [a["name"] for a in two["attachments"]]
    assert names == ["in the body", "screenshot", "stdout"]


# -- details of the status


COMPARISONS = """
    import pytest

    def check(actual, expected):
        assert actual == expected

    def test_values():
        assert {"a": [1, 2]} == {"a": [1, 3]}

    def test_texts():
        check("one\\ntwo", "one\\nthree")

    def test_message():
        number = 1
        assert number == 2, "with a message"

    def test_later_failure():
        with pytest.raises(AssertionError):
            check(1, 2)
        assert [] or None

    def test_other_comparison():
        assert 1 > 2

    def test_caught():
        with pytest.raises(AssertionError):
            check(1, 2)

    @pytest.fixture
    def fixture():
        assert 3 == 4

    def test_fixture(fixture):
        pass

    def test_long():
        assert "a" * 30_000 == "b"

    async def test_async():
        assert 5 == 6

    class Odd:
        def __repr__(self):
            raise ValueError("no repr")

    def test_odd():
        assert Odd() == 1
"""


def test_actual_and_expected(run):
    """Of the comparison that failed the test, and of no other."""
    done = run(COMPARISONS)
    done.outcome.stdout.no_fnmatch_line("*not complete*")
    report = done.report
    details = {r["name"]: r.get("statusDetails", {}) for r in report.results}
    long = details.pop("test_long")
    assert {name: (d.get("actual"), d.get("expected")) for name, d in details.items()} == {
        "test_values": ("{'a': [1, 2]}", "{'a': [1, 3]}"),
        "test_odd": ("<Odd: its repr raised ValueError('no repr')>", "1"),
        "test_texts": ("one\ntwo", "one\nthree"),
        "test_message": ("1", "2"),
        "test_later_failure": (None, None),
        "test_other_comparison": (None, None),
        "test_caught": (None, None),
        "test_fixture": ("3", "4"),
        "test_async": ("5", "6"),
    }
    assert long["actual"].endswith("a\n... (10,000 characters are not shown)")


def test_marks_of_a_test(run):
    """Flaky, known, muted: from the test, its fixtures, steps."""
    done = run(
        """
        import allure
        import otel_allure
        import pytest

        @pytest.fixture
        def fixture():
            otel_allure.mark_test(known=True)

        def test_one(fixture):
            with allure.step("a step"):
                otel_allure.mark_test(flaky=True, muted=True)
            assert 0, "no"

        def test_passes():
            otel_allure.mark_test(flaky=True)

        def test_plain():
            pass
        """,
        plugins=(),
    )
    marks = ("flaky", "known", "muted", "message")
    details = {r["name"]: r.get("statusDetails", {}) for r in done.report.results}
    assert [details["test_one"].get(mark) for mark in marks] == [
        True,
        True,
        True,
        "AssertionError: no\nassert 0",
    ]
    assert [details["test_passes"].get(mark) for mark in marks] == [True, False, False, None]
    assert details["test_plain"] == {}


def test_marks_without_a_report(run):
    run(
        "import otel_allure\n\ndef test_one():\n    otel_allure.mark_test(flaky=True)",
        plugins=(),
        alluredir=False,
        passed=1,
    )


def test_times_without_a_call(run):
    """A test that does not come to its call takes no time; its fixtures have theirs."""
    report = run(
        """
        import pytest
        import threading

        @pytest.fixture
        def slow():
            threading.Event().wait(0.02)
            pytest.skip("late")

        @pytest.fixture
        def after():
            yield
            threading.Event().wait(0.02)

        def test_skips(slow):
            pass

        def test_runs(after):
            pass
        """,
        plugins=(),
        passed=1,
        skipped=1,
    ).report
    skips, runs = report["test_skips"], report["test_runs"]
    assert skips["start"] == skips["stop"]
    (slow,) = report.fixtures_of(skips)
    assert slow["stop"] - slow["start"] >= 20
    assert runs["stop"] - runs["start"] < 20
    assert runs["start"] >= skips["start"]


# -- what others listen to


LISTENER = """
    import allure_commons

    class Listener:
        def __init__(self):
            self.heard = []

        @allure_commons.hookimpl
        def start_fixture(self, parent_uuid, uuid, name, parameters):
            self.heard.append(("start_fixture", parent_uuid, uuid, name))

        @allure_commons.hookimpl
        def stop_fixture(self, parent_uuid, uuid, name, exc_type, exc_val, exc_tb):
            self.heard.append(("stop_fixture", parent_uuid, uuid, name, exc_type))

        @allure_commons.hookimpl
        def start_step(self, uuid, title, params):
            self.heard.append(("start_step", title, params))

        @allure_commons.hookimpl
        def stop_step(self, uuid, exc_type, exc_val, exc_tb):
            self.heard.append(("stop_step", exc_type))

        @allure_commons.hookimpl
        def attach_data(self, body, name, attachment_type, extension):
            self.heard.append(("attach_data", body, name))

        @allure_commons.hookimpl
        def add_title(self, test_title):
            self.heard.append(("add_title", test_title))

        @allure_commons.hookimpl
        def report_attached_data(self, body, file_name):
            self.heard.append(("report_attached_data", body))

        @allure_commons.hookimpl
        def report_result(self, result):
            self.heard.append(("report_result", result.name, result.status))

        @allure_commons.hookimpl
        def report_container(self, container):
            names = [fixture.name for fixture in container.befores + container.afters]
            self.heard.append(("report_container", container.uuid, names))

    def pytest_configure(config):
        config.listener = Listener()
        allure_commons.plugin_manager.register(config.listener)

    def pytest_unconfigure(config):
        allure_commons.plugin_manager.unregister(config.listener)
        for heard in config.listener.heard:
            print("heard", *heard)
"""


def test_hooks_for_listeners_of_others(run, pytester):
    """They hear of steps, attachments, finalizers and results, and find containers by uuid."""
    pytester.makeconftest(LISTENER)
    done = run(
        """
        import allure
        import pytest

        @pytest.fixture(scope="module")
        def wide():
            yield

        @pytest.fixture
        def fixture(request):
            def close():
                raise ValueError
            request.addfinalizer(close)

        def test_one(fixture, wide):
            allure.dynamic.title("Title")
            with allure.step("a step"):
                allure.attach("body", "name")
        """,
        plugins=(),
    )
    lines = [r for r in done.outcome.outlines if r.startswith("heard ")]
    heard = [line.split(" ")[1:] for line in lines]
    uuids = {row[2][2:-2]: row[1] for row in heard if row[0] == "report_container"}
    told = [row for row in heard if row[0] in ("start_fixture", "stop_fixture")]
    starts = [row for row in told if row[0] == "start_fixture"]
    stops = [row for row in told if row[0] == "stop_fixture"]
    assert [row[3] for row in starts] == ["fixture::close", "wide::0"]
    assert [row[1:4] for row in stops] == [row[1:] for row in starts]
    assert [row[4:] for row in stops] == [["<class", "'ValueError'>"], ["None"]]
    (of_fixture,) = [c for c in done.report.containers if c["befores"][0]["name"] == "fixture"]
    (of_wide,) = [c for c in done.report.containers if c["befores"][0]["name"] == "wide"]
    assert [row[1] for row in starts] == [of_fixture["uuid"], of_wide["uuid"]], uuids
    rest = [" ".join(row) for row in heard if row not in told and row[0] != "report_container"]
    assert rest == [
        "add_title Title",
        "start_step a step {}",
        "attach_data body name",
        "report_attached_data body",
        "stop_step None",
        "report_result Title broken",
    ]


# -- mistakes, and strange ends


def test_a_file_that_is_not_there(run):
    """Attaching it is an error of the test, at its place, as with allure-pytest."""
    done = run(
        """
        import allure

        def test_missing(tmp_path):
            with allure.step("attach"):
                allure.attach.file(tmp_path / "missing.txt", "name")

        def test_directory(tmp_path):
            allure.attach.file(tmp_path)

        def test_of_the_run(tmp_path):
            allure.global_attach.file(tmp_path / "missing.txt")
        """,
        plugins=(),
        failed=3,
    )
    missing = done.report["test_missing"]
    assert missing["status"] == "broken"
    assert missing["statusDetails"]["message"].startswith("FileNotFoundError")
    assert tree(missing) == ["broken: attach"]  # and no reference to nothing
    directory = done.report["test_directory"]
    assert directory["statusDetails"]["message"].startswith("IsADirectoryError")


def test_a_file_by_a_path_of_bytes(run):
    done = run(
        """
        import os
        import allure

        def test_bytes(tmp_path):
            path = tmp_path / "data.txt"
            path.write_text("body")
            allure.attach.file(os.fsencode(path))
            allure.attach.file(os.fsencode(path), "named")
        """,
        plugins=(),
        passed=1,
    )
    attached = done.report["test_bytes"]["attachments"]
    assert [(a["name"], done.report.body(a)) for a in attached] == [
        ("data.txt", "body"),
        ("named", "body"),
    ]


def test_a_file_that_is_not_there_without_a_report(run):
    run(
        "import allure\n\ndef test_one():\n    allure.attach.file('missing')",
        plugins=(),
        alluredir=False,
        passed=1,
    )


def test_placeholders_in_titles(run):
    """They may go into the value: its attributes, its items, its format."""
    report = run(
        """
        import allure
        import pytest

        class User:
            name = "Alice"

        @allure.title("{user.name} {numbers[1]} {share:.0%} {user!r:.5} {missing} {user.missing}")
        @pytest.mark.parametrize("user, numbers, share", [(User(), [1, 2], 0.5)], ids=["id"])
        def test_filled(user, numbers, share):
            pass

        @allure.title("{user.name} {numbers[1]} {share:.0%} {missing}")
        @pytest.mark.parametrize("user, numbers, share", [(User(), [1, 2], 0.5)], ids=["id"])
        def test_also_filled(user, numbers, share):
            pass
        """,
        plugins=(),
        passed=2,
    ).report
    names = {r["fullName"].partition("#")[2]: r["name"] for r in report.results}
    assert names["test_also_filled"] == "Alice 2 50% {missing}"
    # One that cannot be filled leaves the title as it is, where allure-pytest breaks the test.
    assert names["test_filled"].startswith("{user.name} {numbers[1]}")


def test_exceptions_that_are_expected(run):
    """A step that raises is broken, also where its test expects that; the test has passed."""
    report = run(
        """
        import allure
        import pytest

        def test_one():
            with pytest.raises(ValueError):
                with allure.step("raises"):
                    raise ValueError("expected")
            with allure.step("expects"):
                with pytest.raises(ValueError):
                    raise ValueError("expected")
        """,
        plugins=(),
        passed=1,
    ).report
    assert tree(report["test_one"]) == ["broken: raises", "expects"]


@pytest.mark.skipif("sys.version_info < (3, 11)", reason="Python before 3.11 has no groups")
def test_exception_groups(run):
    """A test says that it was one, and as its step does which exceptions were in it."""
    report = run(
        """
        import allure
        import asyncio

        async def fail(number):
            with allure.step(f"task {number}"):
                assert number == 0, f"task {number} fails"

        async def test_group():
            with allure.step("group"):
                async with asyncio.TaskGroup() as group:
                    group.create_task(fail(0))
                    group.create_task(fail(1))
        """,
        failed=1,
    ).report
    result = report["test_group"]
    told = result["statusDetails"]["message"]
    assert told.startswith("ExceptionGroup: ")
    assert "\n  AssertionError: task 1 fails" in told
    assert "task 1 fails" in result["statusDetails"]["trace"]
    (step,) = result["steps"]
    assert step["name"] == "group"
    assert step["status"] in ("failed", "broken")
    assert "task 1 fails" in step["statusDetails"]["message"]
    assert tree(step) == ["task 0", "failed: task 1"]


@pytest.mark.parametrize("place", ["set-up", "tear-down"])
def test_interrupts_in_fixtures(run, place):
    """Ctrl-C in a fixture ends the session: the test and the fixture are there."""
    done = run(
        f"""
        import allure
        import pytest

        @pytest.fixture
        def fixture():
            if {place!r} == "set-up":
                raise KeyboardInterrupt
            yield
            raise KeyboardInterrupt

        def test_one(fixture):
            pass

        def test_never_runs():
            pass
        """,
        plugins=(),
    )
    assert done.outcome.ret == 2
    (result,) = done.report.results
    assert result["name"] == "test_one"
    kind = "befores" if place == "set-up" else "afters"
    (fixture,) = done.report.fixtures_of(result, kind)
    assert fixture["status"] == "broken"
    assert fixture["statusDetails"]["message"].startswith("KeyboardInterrupt")


TWICE = """
import sys
import threading
import _pytest.runner
import allure_commons
import pytest

# It takes the variable out of the environment that the other run has taken out, without us too.
_pytest.runner._update_current_test_var = lambda item, when: None

def run(name):
    options = ["-p", "no:cacheprovider", "-p", "otel_allure", "--capture=no", f"--alluredir={name}"]
    codes.append(pytest.main([*options, "test_inner.py"]))

codes = []
before = allure_commons.plugin_manager.get_plugins()
if sys.argv[1] == "threads":
    threads = [threading.Thread(target=run, args=[name]) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
else:
    run("one")
    run("two")
assert codes == [0, 0], codes
left = {type(plugin).__name__ for plugin in allure_commons.plugin_manager.get_plugins() - before}
assert left <= {"TitleDecorator"}, left
"""
INNER = """
import allure
import pytest

@pytest.fixture(scope="module")
def wide():
    with allure.step("in the fixture"):
        yield

@pytest.mark.parametrize("number", range(5))
def test_one(wide, number):
    with allure.step("outer"):
        with allure.step("inner"):
            allure.attach("body", "attached")
    allure.dynamic.label("layer", "api")
"""


def run_twice(pytester, monkeypatch, way):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile(test_inner=INNER)
    script = pytester.makepyfile(script=TWICE)
    done = pytester.runpython_c(f"import sys; sys.argv[1:] = [{way!r}]\n{script.read_text()}")
    assert done.ret == 0, done.outlines
    reports = [Results(pytester.path / name) for name in ("one", "two")]
    assert [len(report.results) for report in reports] == [5, 5]
    return reports


def test_pytest_runs_twice_in_a_process(pytester, monkeypatch):
    """Each run has its own report."""
    for report in run_twice(pytester, monkeypatch, "sequence"):
        for result in report.results:
            assert tree(result) == [{"outer": [{"inner": ["[attached]"]}]}]
            assert labels(result, "layer") == {"layer": ["api"]}
            assert [f["name"] for f in report.fixtures_of(result)] == ["wide"]


def test_pytest_runs_twice_at_the_same_time(pytester, monkeypatch):
    """In two threads, for which neither pytest nor we are made: each test has its result.

    Steps may be with the other run, then among what is outside of its tests, or be with both; they
    are not lost.
    """
    reports = run_twice(pytester, monkeypatch, "threads")
    assert {result["status"] for report in reports for result in report.results} == {"passed"}
    found = [str(tree(result)) for report in reports for result in report.results]
    for report in reports:
        found += [
            report.body(a)
            for g in report.globals
            for a in g.get("attachments", ())
            if a["name"] == "Outside of tests"
        ]
    assert sum(text.count("inner") for text in found) >= 10
