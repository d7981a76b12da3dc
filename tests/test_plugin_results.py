"""What the plugin says of each test: outcome, names, identity, parameters, attachments.

Where the switch from allure-pytest must not show, the same files are run with both.
"""

from __future__ import annotations

import hashlib
import importlib.util

import pytest

from otel_allure.testing import Results, tree

HAS_ALLURE_PYTEST = importlib.util.find_spec("allure_pytest") is not None


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
    "test_skips_and_tear_down_breaks": ("skipped", "Skipped: eighteen"),
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
        ("set-up", ("skipped", None)),
        ("tear-down", ("passed", None)),
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


# -- the same as allure-pytest


def compared(result):
    """What must be the same, whoever wrote it."""
    kept = "fullName", "titlePath", "testCaseId", "historyId", "description", "descriptionHtml"
    ours_only = {"ALLURE_ID", "thread"}
    all_labels = [
        (label["name"], str(label["value"]).lower())
        for label in result["labels"]
        if label["name"] not in ours_only
    ]
    return {
        **{field: result.get(field) for field in kept},
        "status": result["status"],
        "message": result.get("statusDetails", {}).get("message"),
        "labels": sorted(all_labels),
        "links": rows(result, "links", "url", "name", "type"),
        "parameters": rows(result, "parameters", "name", "value"),
        "steps": tree({"steps": result.get("steps", ())}),
        "attachments": len(result.get("attachments", ())),
    }


@pytest.mark.skipif(not HAS_ALLURE_PYTEST, reason="allure-pytest is not installed")
def test_as_allure_pytest(run, pytester, tmp_path):
    """Outcome, identity, names, labels and parameters are those of allure-pytest."""
    package = pytester.mkpydir("package")
    for name, source in [
        ("conftest", ATTACHMENTS_CONFTEST),
        ("test_statuses", STATUSES),
        ("test_metadata", METADATA),
        ("test_dynamic", DYNAMIC),
        ("test_attachments", ATTACHMENTS),
    ]:
        lines = source.replace("\n    ", "\n")
        (package / f"{name}.py").write_text(lines, "utf-8")
    # Where ours is better on purpose.
    deselect = ["--deselect=package/test_dynamic.py::test_fixture"]
    deselect += ["--deselect=package/test_statuses.py::test_xpasses_strictly"]
    ours = run(None, *deselect, plugins=()).report
    theirs = tmp_path / "theirs"
    pytester.runpytest_subprocess(
        "-p", "allure_pytest", "-p", "no:cacheprovider", f"--alluredir={theirs}", *deselect
    )
    expected = {result["name"]: compared(result) for result in Results(theirs).results}
    masked = expected["by the body"]["parameters"]
    assert len(expected) == len(Results(theirs).results) == 40
    found = {result["name"]: compared(result) for result in ours.results}
    # We keep the values of masked and hidden parameters out of the file.
    found["by the body"]["parameters"] = masked
    assert found == expected


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
