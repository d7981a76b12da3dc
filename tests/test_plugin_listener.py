"""What conftest files and other plugins do with allure-pytest's listener, done with ours."""

from __future__ import annotations

import importlib.util

import pytest

from otel_allure.testing.results import Results, tree

NEEDS_ALLURE_PYTEST = pytest.mark.skipif(
    importlib.util.find_spec("allure_pytest") is None, reason="allure-pytest is not installed"
)
LOGGER = """
import allure
import pytest
from allure_commons.model2 import *

def logger(config):
    return config.pluginmanager.get_plugin("allure_listener").allure_logger
"""


def conftest(pytester, source):
    pytester.makeconftest(LOGGER + source)


def labels(result):
    found = {}
    for label in result["labels"]:
        found.setdefault(label["name"], []).append(label["value"])
    return found


CHANGES = """
import allure
from allure_commons.model2 import *

@pytest.fixture
def change(request):
    reporter = logger(request.config)

    def change(**fields):
        test = reporter.get_test(None)
        for name, value in fields.items():
            setattr(test, name, value)
    return change
"""


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "Another name"),
        ("description", "in Markdown"),
        ("descriptionHtml", "<b>in HTML</b>"),
        ("fullName", "package#name"),
        ("historyId", "known by this"),
        ("testCaseId", "a case"),
        ("titlePath", ["one", "two"]),
    ],
)
def test_a_field_of_the_test_can_be_changed(run, pytester, field, value):
    """Wherever it comes from otherwise."""
    conftest(
        pytester,
        f"""
@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item):
    result = yield
    logger(item.config).get_test(None).{field} = {value!r}
    return result
""",
    )
    report = run("def test_one():\n    '''Docstring.'''", plugins=(), passed=1).report
    assert report.results[0][field] == value


def test_what_is_known_can_be_read(run, pytester):
    """In the body: names, parameters and what was said so far; labels of marks come at the end."""
    conftest(
        pytester,
        """
@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item):
    result = yield
    test = logger(item.config).get_test(None)
    assert ("story", "a story") in [(label.name, label.value) for label in test.labels]
    assert [link.url for link in test.links] == ["https://example.test/"]
    assert (test.status, test.statusDetails.message) == ("failed", "AssertionError: no\\nassert 0")
    return result
""",
    )
    report = run(
        """
        import allure
        import pytest
        from allure_commons.model2 import TestResult

        @allure.story("a story")
        @allure.link("https://example.test/")
        @pytest.mark.parametrize("argument", [1])
        def test_one(request, argument):
            '''Docstring.'''
            allure.dynamic.title("A title")
            allure.dynamic.tag("tag")
            listener = request.config.pluginmanager.get_plugin("allure_listener")
            with allure.step("one"):
                with allure.step("below"):
                    allure.attach("body", "text")
            with allure.step("two"):
                test = listener.allure_logger.get_test(None)
            assert isinstance(test, TestResult)
            assert test is listener.allure_logger.get_test(test.uuid)
            assert test is listener.allure_logger.get_test(
                listener._cache.get(request.node.nodeid)
            )
            assert (test.name, test.description) == ("A title", "Docstring.")
            assert test.fullName == "test_what_is_known_can_be_read#test_one"
            assert [(p.name, p.value) for p in test.parameters] == [("argument", "1")]
            assert [(label.name, label.value) for label in test.labels] == [("tag", "tag")]
            one, two = test.steps
            assert (one.name, one.status, two.name) == ("one", "passed", "two")
            assert [a.name for a in one.steps[0].attachments] == ["text"]
            assert 0, "no"
        """,
        plugins=(),
        failed=1,
    ).report
    result = report["A title"]
    assert tree(result) == [{"one": [{"below": ["[text]"]}]}, "two"]
    assert labels(result)["story"] == ["a story"]
    assert labels(result)["suite"] == ["test_what_is_known_can_be_read"]


def test_lists_of_the_test_can_be_changed(run, pytester):
    """Labels, links and parameters, by new ones, in the list or in an entry; the rest stays."""
    conftest(
        pytester,
        """
@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item):
    logger(item.config).get_test(None).labels.append(Label("layer", "api"))
    result = yield
    for parameter in logger(item.config).get_test(None).parameters:
        if parameter.name == "excluded":
            parameter.excluded = True
        elif parameter.name == "hidden":
            parameter.mode = allure.parameter_mode.HIDDEN
    return result

@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item):
    result = yield
    test = logger(item.config).get_test(None)
    test.labels = [label for label in test.labels if label.name not in ("suite", "tag")]
    test.links.append(Link("issue", "https://example.test/1", "one"))
    allure.dynamic.tag("late")
    return result
""",
    )
    report = run(
        """
        import allure
        import pytest

        @pytest.mark.slow
        @pytest.mark.parametrize("plain, excluded, hidden", [(1, 2, "secret")])
        def test_one(plain, excluded, hidden):
            allure.dynamic.label("layer", "ui")
            allure.dynamic.link("https://example.test/2", name="two")
        """,
        plugins=(),
        passed=1,
    ).report
    (result,) = report.results
    assert labels(result)["layer"] == ["api", "ui"]
    assert labels(result)["tag"] == ["late"]
    assert "suite" not in labels(result)
    assert labels(result)["framework"] == ["pytest"]
    assert [(link["name"], link["type"]) for link in result["links"]] == [
        ("two", "link"),
        ("one", "issue"),
    ]
    plain, excluded, hidden = result["parameters"]
    assert plain == {"name": "plain", "value": "1"}
    assert excluded["excluded"] is True
    assert hidden["mode"] == "hidden"


def test_the_status_can_be_changed(run, pytester):
    """With its details: also for a step that failed softly, as its parents are made to."""
    conftest(
        pytester,
        """
def fail(step):
    for below in step.steps:
        fail(below)
        if below.status == "failed":
            step.status = "failed"

@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    test = logger(item.config).get_test(None)
    if call.when == "call":
        fail(test)
        test.statusDetails = StatusDetails(message="changed", known=True)
        test.statusDetails.flaky = test.statusDetails.muted = True
    return report
""",
    )
    report = run(
        """
        import allure
        from otel_allure import step

        def test_one():
            with allure.step("outer"):
                with step("inner") as inner:
                    inner.set_status("failed", "softly")
            with allure.step("beside"):
                pass
        """,
        plugins=(),
        passed=1,
    ).report
    (result,) = report.results
    assert result["status"] == "failed"
    assert tree(result) == [{"failed: outer": ["failed: inner"]}, "beside"]
    assert result["statusDetails"] == {
        "message": "changed",
        "known": True,
        "flaky": True,
        "muted": True,
    }


@pytest.mark.parametrize("order", ["trylast=True", "tryfirst=True", ""])
def test_a_fixture_can_be_renamed(run, pytester, order):
    """By the last item in a hook around its set-up."""
    conftest(
        pytester,
        f"""
@pytest.hookimpl(wrapper=True, {order})
def pytest_fixture_setup(fixturedef, request):
    result = yield
    item = logger(request.config).get_last_item()
    item.name = f"[{{fixturedef.scope[0].upper()}}] {{fixturedef.argname.title()}}"
    return result
""",
    )
    report = run(
        """
        import allure
        import pytest

        @pytest.fixture(scope="module")
        def wide():
            with allure.step("in wide"):
                pass
            yield

        @pytest.fixture
        async def narrow(wide):
            yield

        async def test_one(narrow):
            pass
        """,
        passed=1,
    ).report
    befores = [f["name"] for f in report.fixtures_of(report["test_one"])]
    assert "[M] Wide" in befores
    assert "[F] Narrow" in befores
    afters = [f["name"] for f in report.fixtures_of(report["test_one"], "afters")]
    assert "wide::0" in afters


def test_the_last_item(run):
    """Is the innermost step or test, of the type that is asked for."""
    report = run(
        """
        import allure
        from allure_commons.model2 import TestResult, TestResultContainer, TestStepResult

        def test_one(request):
            reporter = request.config.pluginmanager.get_plugin("allure_listener").allure_logger
            assert isinstance(reporter.get_last_item(), TestResult)
            assert reporter.get_last_item(TestStepResult) is None
            with allure.step("outer"), allure.step("inner"):
                step = reporter.get_last_item()
                assert step.name == "inner"
                step.name = "renamed"
                step.parameters.append(allure_parameter("p", "v"))
                assert reporter.get_last_item(TestStepResult) is step
                assert reporter.get_last_item(TestResult).name == "test_one"
            assert reporter.get_last_item(TestResultContainer) is None
            assert reporter.get_item("unknown") is None

        def allure_parameter(name, value):
            from allure_commons.model2 import Parameter
            return Parameter(name, value)
        """,
        plugins=(),
        passed=1,
    ).report
    result = report["test_one"]
    assert tree(result) == [{"outer": ["renamed"]}]
    assert result["steps"][0]["steps"][0]["parameters"] == [{"name": "p", "value": "v"}]


def test_attaching(run):
    """Where the code runs, or to the test by its uuid, also from inside of a step."""
    report = run(
        """
        import allure
        from allure_commons.model2 import Attachment
        from allure_commons.utils import uuid4

        def test_one(request, tmp_path):
            reporter = request.config.pluginmanager.get_plugin("allure_listener").allure_logger
            test = reporter.get_test(None)
            (tmp_path / "file.txt").write_text("from the file")
            with allure.step("step"):
                reporter.attach_data(uuid4(), "here", name="here")
                reporter.attach_data(uuid4(), "there", "there", parent_uuid=test.uuid)
                reporter.attach_file(uuid4(), tmp_path / "file.txt", "file", extension="txt")
            test.attachments.append(Attachment("by others", "file-of-others.txt", "text/plain"))
        """,
        plugins=(),
        passed=1,
    ).report
    result = report["test_one"]
    assert tree(result) == [{"step": ["[here]", "[file]"]}, "[there]", "[by others]"]
    assert report.body(result["steps"][0]["attachments"][1]) == "from the file"


def test_steps_of_others(run):
    """Started and stopped by uuid with an object of theirs, or put into the test's list."""
    report = run(
        """
        import allure
        from allure_commons.model2 import Parameter, StatusDetails, TestStepResult

        def test_one(request):
            reporter = request.config.pluginmanager.get_plugin("allure_listener").allure_logger
            test = reporter.get_test(None)
            reporter.start_step(test.uuid, "uuid", TestStepResult())
            reporter.get_item("uuid").name = "scenario"
            reporter.get_test("uuid").parameters.append(Parameter("p", "v"))
            reporter.start_step("uuid", "below", TestStepResult(name="Given"))
            with allure.step("of the test"):
                pass
            details = StatusDetails(message="no")
            reporter.stop_step("below", status="failed", statusDetails=details, stop=1)
            reporter.stop_step("uuid", status="passed")
            reporter.stop_step("unknown")
            inner = TestStepResult(name="inner", status="broken")
            test.steps.append(TestStepResult(name="put", status="passed", steps=[inner]))
        """,
        plugins=(),
        passed=1,
    ).report
    result = report["test_one"]
    assert tree(result) == [
        {"scenario": [{"failed: Given": ["of the test"]}]},
        {"put": ["broken: inner"]},
    ]
    scenario = result["steps"][0]
    assert scenario["parameters"] == [{"name": "p", "value": "v"}]
    assert scenario["steps"][0]["statusDetails"]["message"] == "no"


def test_tests_at_the_same_time(run):
    """Each is asked for by what runs here, and changed by nobody else."""
    report = run(
        """
        import asyncio
        import pytest

        both = asyncio.Barrier(2) if hasattr(asyncio, "Barrier") else None
        pytestmark = pytest.mark.skipif(both is None, reason="asyncio has no Barrier")

        async def rename(request, name):
            await both.wait()
            listener = request.config.pluginmanager.get_plugin("allure_listener")
            listener.allure_logger.get_test(None).name = name
            await both.wait()

        @pytest.mark.asyncio_cooperative
        async def test_one(request):
            await rename(request, "first")

        @pytest.mark.asyncio_cooperative
        async def test_two(request):
            await rename(request, "second")
        """,
        plugins=("asyncio-cooperative",),
    ).report
    names = {r["fullName"].partition("#")[2]: r["name"] for r in report.results}
    if all(r["status"] == "skipped" for r in report.results):
        pytest.skip("asyncio has no Barrier")
    assert names == {"test_one": "first", "test_two": "second"}


def test_without_a_test(run, pytester):
    """Outside of tests there is none."""
    conftest(
        pytester,
        """
def pytest_sessionstart(session):
    assert logger(session.config).get_test(None) is None
    assert logger(session.config).get_last_item() is None
""",
    )
    run("def test_one(): pass", plugins=(), passed=1)


def test_the_reporter_is_found_by_its_class(run, pytester):
    """Plugins look for an AllureReporter, and write results of their own by it."""
    conftest(
        pytester,
        """
from allure_commons._core import plugin_manager
from allure_commons.reporter import AllureReporter
from allure_commons.utils import uuid4

@pytest.fixture
def browser():
    yield
    found = [getattr(plugin, "allure_logger", None) for plugin in plugin_manager.get_plugins()]
    (reporter,) = [each for each in found if isinstance(each, AllureReporter)]
    test = reporter.get_last_item(TestResult)
    reporter.attach_data(uuid4(), "body", name="shot", parent_uuid=test.uuid)

def pytest_sessionfinish(session):
    reporter = logger(session.config)
    for uuid in ("missed", "dropped"):
        reporter.schedule_test(uuid, TestResult(uuid=uuid, name=uuid, status="unknown"))
    assert reporter.get_test("missed").name == "missed"
    reporter.drop_test("dropped")
    reporter.close_test("missed")
    reporter.close_test("missed")
""",
    )
    report = run("def test_one(browser): pass", plugins=(), passed=1).report
    assert [a["name"] for a in report["test_one"]["attachments"]] == ["shot"]
    assert sorted((r["name"], r["status"]) for r in report.results) == [
        ("missed", "unknown"),
        ("test_one", "passed"),
    ]


# -- by class and by import

BY_CLASS = """
import allure_commons
from allure_pytest.listener import AllureListener

def by_class(plugins):
    return next(plugin for plugin in plugins if isinstance(plugin, AllureListener))

def pytest_runtest_call(item):
    plugins = dict(item.config.pluginmanager.list_name_plugin()).values()
    by_class(plugins).allure_logger.get_test(None).labels.append(Label("by", "pytest"))
    plugins = allure_commons.plugin_manager.get_plugins()
    by_class(plugins).allure_logger.get_test(None).labels.append(Label("by", "allure"))
    assert not isinstance(item, AllureListener)
"""
HIDDEN = """
import importlib.machinery
from _pytest.assertion.rewrite import AssertionRewritingHook

find_installed = importlib.machinery.PathFinder.find_spec

def find(name, *args):
    return None if name == "allure_pytest" else find_installed(name, *args)

importlib.machinery.PathFinder.find_spec = find
AssertionRewritingHook._find_spec = staticmethod(find)
"""


def hide_allure_pytest(pytester, monkeypatch):
    """Make it as if allure-pytest were not installed, before any plugin is loaded."""
    pytester.makepyfile(hide_allure_pytest=HIDDEN)
    pytester.syspathinsert()
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p hide_allure_pytest")


@pytest.mark.parametrize(
    "installed",
    [pytest.param(True, marks=NEEDS_ALLURE_PYTEST), False],
    ids=["installed", "not installed"],
)
def test_the_listener_is_found_by_its_class(run, pytester, monkeypatch, installed):
    """allure-pytest's own, or what stands for it where it is not installed."""
    if not installed:
        hide_allure_pytest(pytester, monkeypatch)
    conftest(pytester, BY_CLASS)
    report = run("def test_one(): pass", plugins=(), passed=1).report
    assert sorted(labels(report["test_one"])["by"]) == ["allure", "pytest"]


UTILS = """
import allure
import allure_pytest
from allure_pytest.utils import (
    ALLURE_LABEL_MARK, allure_description, allure_full_name, allure_label, allure_labels,
    allure_links, allure_name, allure_package, allure_title,
    pytest_markers as markers,
)

def pytest_collection_modifyitems(items):
    (item,) = items
    item.add_marker(getattr(pytest.mark, ALLURE_LABEL_MARK)("7", label_type="layer"))
    print(
        allure_description(item), allure_full_name(item), allure_label(item, "story"),
        sorted(allure_labels(item)), list(allure_links(item)), allure_name(item, {"a": 2}),
        allure_package(item), allure_title(item), list(markers(item)),
    )
"""


@NEEDS_ALLURE_PYTEST
def test_its_functions_stand_in_for_those_of_allure_pytest(run, pytester, monkeypatch):
    """They give the same of an item."""

    def printed():
        conftest(pytester, UTILS)
        done = run(
            """
            import allure
            import pytest

            @allure.title("Title")
            @allure.story("story")
            @allure.link("https://example.test/", name="name")
            @pytest.mark.slow
            def test_one():
                '''Docstring.'''
            """,
            "-s",
            "--collect-only",
            plugins=(),
        )
        (line,) = [row for row in done.outcome.outlines if "Docstring." in row]
        return line

    theirs = printed()
    hide_allure_pytest(pytester, monkeypatch)
    assert printed() == theirs


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["-p", "allure_pytest"],
        ["-p", "allure_pytest.plugin"],
        ["-p", "no:allure_pytest"],
    ],
    ids=" ".join,
)
@NEEDS_ALLURE_PYTEST
@pytest.mark.parametrize("first", [True, False], ids=["first", "last"])
def test_allure_pytest_is_named(pytester, run, options, first):
    """Whether it is asked for or forbidden, and when: the report is ours, and others find it."""
    pytester.makepyfile(
        """
        import allure

        def test_one(request):
            allure.attach("body")
            assert request.config.pluginmanager.hasplugin("otel_allure")
            print("found:", request.config.pluginmanager.hasplugin("allure_pytest"))
        """
    )
    ours = ["-p", "otel_allure", "-p", "no:cacheprovider"]
    arguments = [*options, *ours] if first else [*ours, *options]
    done = pytester.runpytest_subprocess(*arguments, "--alluredir=results", "-s")
    done.assert_outcomes(passed=1)
    forbidden = "no:allure_pytest" in options
    done.stdout.fnmatch_lines([f"*found: {not forbidden}*"])
    from otel_allure.testing.results import Results

    (result,) = Results(pytester.path / "results").results
    assert result["attachments"][0]["type"] == "text/plain"  # allure-pytest gives none


ALL_OURS = """
import importlib.metadata

found = importlib.metadata.distributions
importlib.metadata.distributions = lambda **kwargs: [
    distribution for distribution in found(**kwargs)
    if distribution.metadata["Name"] in ("otel-allure", "pytest")
]
"""
"""Installed are only we, as far as pytest can see."""


@pytest.fixture
def started(pytester, monkeypatch):
    """Run a test that looks around, in a pytest that sees of all plugins only ours."""

    def started(*arguments, autoload=True, environment=(), installed=False):
        monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", raising=False)
        for name, value in {
            **({} if autoload else {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}),
            **dict(environment),
        }.items():
            monkeypatch.setenv(name, value)
        with_it = ALL_OURS.replace('"pytest")', '"pytest", "allure-pytest")')
        pytester.makepyfile(
            only_ours=with_it if installed else ALL_OURS + HIDDEN,
            test_one="""
            import allure

            def test_one(request):
                names = dict(request.config.pluginmanager.list_name_plugin())
                found = [name for name in ("allure_pytest", "otel_allure") if names.get(name)]
                with allure.step("step") as handle:
                    print("found:", *found, "| steps are", "ours" if handle else "theirs")
            """,
        )
        pytester.syspathinsert()
        return pytester.runpytest_subprocess(
            "-p", "only_ours", *arguments, "-p", "no:cacheprovider", "--alluredir=results", "-s"
        )

    return started


def found(outcome):
    (line,) = [line for line in outcome.outlines if "found: " in line]
    return line.partition("found: ")[2].rstrip(".")


AUTOLOAD = pytest.mark.parametrize("autoload", [True, False], ids=["autoload", "no autoload"])
BOTH = "allure_pytest otel_allure | steps are ours"


@AUTOLOAD
@pytest.mark.parametrize(
    "options",
    [
        "-p allure_pytest",
        "-p allure_pytest.plugin",
        "-pallure_pytest",
        "-p allure_pytest -p allure_pytest.plugin",
        "-p allure_pytest.plugin -p otel_allure",
        "-p otel_allure -p allure_pytest",
        "-p otel_allure.pytest_plugin",
        "-p otel_allure.pytest_plugin -p allure_pytest",
    ],
)
def test_its_name_loads_ours(started, options, autoload):
    """On the command line, where allure-pytest is not installed."""
    assert found(started(*options.split(), autoload=autoload)) == BOTH


@AUTOLOAD
def test_its_name_loads_ours_from_the_ini_file(started, pytester, autoload):
    pytester.makeini("[pytest]\naddopts = -p only_ours -p allure_pytest")
    assert found(started(autoload=autoload)) == BOTH


WITH_ENTRY_POINTS = pytest.version_tuple >= (9, 2)
"""Whether pytest looks for entry points for every name of a plugin, not for those of -p alone."""


@AUTOLOAD
@pytest.mark.parametrize("name", ["allure_pytest", "allure_pytest.plugin"])
@pytest.mark.parametrize("place", ["environment", "conftest"])
def test_its_name_loads_ours_from_elsewhere(started, pytester, place, name, autoload):
    """Unless an older pytest looks for a module only, and nothing of ours has been loaded yet."""
    if place == "conftest":
        pytester.makeconftest(f"pytest_plugins = [{name!r}]")
        outcome = started(autoload=autoload)
    else:
        outcome = started(autoload=autoload, environment={"PYTEST_PLUGINS": name})
    if autoload or WITH_ENTRY_POINTS:
        assert found(outcome) == BOTH
    else:
        assert f'Error importing plugin "{name}": No module named' in str(outcome.stderr)


def test_what_is_blocked_is_not_loaded_by_another_name(started):
    outcome = started("-p", "no:otel_allure", "-p", "allure_pytest")
    assert outcome.ret == pytest.ExitCode.USAGE_ERROR
    assert "unrecognized arguments: --alluredir=results" in str(outcome.stderr)


@NEEDS_ALLURE_PYTEST
@pytest.mark.parametrize(
    ("options", "autoload", "expected"),
    [
        ("", True, BOTH),
        ("-p allure_pytest", True, BOTH),
        ("-p allure_pytest.plugin", True, BOTH),
        ("-p no:allure_pytest", True, "otel_allure | steps are ours"),
        ("-p no:otel_allure", True, "allure_pytest | steps are theirs"),
        ("-p no:otel_allure -p allure_pytest.plugin", True, "allure_pytest | steps are theirs"),
        ("-p allure_pytest", False, "allure_pytest | steps are theirs"),
        ("-p allure_pytest.plugin", False, "allure_pytest | steps are theirs"),
        ("-p allure_pytest -p otel_allure", False, BOTH),
    ],
)
def test_its_name_where_both_are_installed(started, options, autoload, expected):
    """It is allure-pytest itself that is loaded by its name; ours takes its place when loaded."""
    assert found(started(*options.split(), autoload=autoload, installed=True)) == expected


@pytest.mark.skipif(pytest.version_tuple < (9,), reason="this pytest has no subtests")
@pytest.mark.parametrize(
    "installed",
    [pytest.param(True, marks=NEEDS_ALLURE_PYTEST), False],
    ids=["installed", "not installed"],
)
def test_its_class_is_imported_before_the_listener_is_registered(
    run, pytester, monkeypatch, installed
):
    """By another plugin: pytest finds all of the listener's hooks all the same."""
    if not installed:
        hide_allure_pytest(pytester, monkeypatch)
    pytester.makepyfile(early="from allure_pytest.listener import AllureListener")
    pytester.syspathinsert()
    source = """
        def test_one(subtests):
            with subtests.test("inside"):
                pass
        """
    report = run(source, "-p", "early", plugins=()).report
    (result,) = report.results
    assert [step["name"] for step in result["steps"]] == ["inside"]


def test_a_step_that_somebody_else_stops(run):
    """It has the status and message that it was stopped with, whatever its block comes to."""
    report = run(
        """
        import allure
        import allure_commons
        import pytest
        from allure_commons.model2 import StatusDetails

        class Listener:
            uuids = {}

            @allure_commons.hookimpl
            def start_step(self, uuid, title, params):
                self.uuids[title] = uuid

        @pytest.fixture
        def stop(request):
            logger = request.config.pluginmanager.get_plugin("allure_listener").allure_logger
            return logger.stop_step

        def test_by_the_step(stop):
            step = allure.step("pay")
            with step:
                with allure.step("inside"):
                    pass
                stop(step.uuid, status="failed", statusDetails=StatusDetails(message="no"))
            with allure.step("after"):
                pass

        def test_by_a_listener(stop):
            listener = Listener()
            allure_commons.plugin_manager.register(listener)
            with pytest.raises(ValueError), allure.step("pay"):
                with allure.step("inside"):
                    pass
                stop(
                    listener.uuids["pay"],
                    status="failed",
                    statusDetails=StatusDetails(message="no"),
                )
                raise ValueError
            allure_commons.plugin_manager.unregister(listener)
            with allure.step("after"):
                pass

        def test_by_the_step_that_a_listener_knows_too(stop):
            listener = Listener()
            allure_commons.plugin_manager.register(listener)
            step = allure.step("pay")
            with step:
                assert step.uuid == listener.uuids["pay"]
                with allure.step("inside"):
                    pass
                stop(step.uuid, status="failed", statusDetails=StatusDetails(message="no"))
            allure_commons.plugin_manager.unregister(listener)
            with allure.step("after"):
                pass
        """,
        plugins=(),
        passed=3,
    ).report
    for result in report.results:
        pay, after = result["steps"]
        assert (pay["status"], pay["statusDetails"]["message"]) == ("failed", "no")
        assert [step["name"] for step in pay["steps"]] == ["inside"]
        assert after["status"] == "passed"


@pytest.mark.usefixtures("only_steps")
def test_steps_that_contain_themselves(run):
    """In others' objects: each is recorded once, and the summary says that something is odd."""
    done = run(
        """
        from allure_commons.model2 import TestResult, TestStepResult

        def step(name):
            return TestStepResult(name=name, start=1, stop=2)

        def around():
            outer, inner, last = step("outer"), step("inner"), step("last")
            inner.steps += [outer, inner, outer, last]
            outer.steps += [inner, outer]
            return outer

        def test_one(request):
            reporter = request.config.pluginmanager.get_plugin("allure_listener").allure_logger
            test = reporter.get_test(None)
            odd = step("odd")
            odd.steps.append(test)
            test.steps += [around(), test, odd]
            started = step("started")
            reporter.start_step(None, "uuid", started)
            started.steps += [around(), started]
            reporter.stop_step("uuid")
            own = TestResult(uuid="own", name="own", steps=[around()], start=1, stop=2)
            reporter.schedule_test("own", own)
            reporter.close_test("own")

        def test_two():
            pass
        """,
        plugins=(),
        passed=2,
    )
    once = {"outer": [{"inner": ["last"]}]}
    assert sorted(tree(done.report["test_one"]), key=str) == ["odd", once, {"started": [once]}]
    assert done.report["test_two"]
    assert done.report["own"]
    done.outcome.stdout.fnmatch_lines(["*taking a step of others: *'outer' is below itself*"])


# -- containers of fixtures

FIXTURES = """
    import allure
    import pytest

    @pytest.fixture(scope="module")
    def wide():
        with allure.step("in wide"):
            pass
        yield

    @pytest.fixture
    async def narrow(wide):
        with allure.step("in narrow"):
            pass
        yield
        allure.attach("body", "attached")

    @pytest.fixture
    def plain():
        pass

    async def test_one(narrow, plain):
        pass

    async def test_two(narrow):
        pass
"""


def fixtures_by_container(report):
    names = {result["uuid"]: result["name"] for result in report.results}
    return sorted(
        (
            sorted(names[uuid] for uuid in container["children"]),
            [before["name"] for before in container.get("befores", ())],
            [after["name"] for after in container.get("afters", ())],
        )
        for container in report.containers
    )


def test_each_fixture_has_a_container_when_somebody_asks(run, pytester):
    """With its parts, which can be changed when they are over, and those who use it."""
    conftest(
        pytester,
        """
seen = []

@pytest.hookimpl(tryfirst=True)
def pytest_fixture_post_finalizer(fixturedef, request):
    listener = request.config.pluginmanager.get_plugin("allure_listener")
    uuid = listener._cache.get(fixturedef)
    if uuid is None or fixturedef.argname not in ("wide", "narrow"):
        return
    container = listener.allure_logger.get_item(uuid)
    assert isinstance(container, TestResultContainer)
    assert container.uuid == uuid
    assert listener.allure_logger._items.get(uuid) is container
    seen.append((fixturedef.argname, len(container.children), request.node.nodeid))
    (before,) = container.befores
    (after,) = container.afters
    before.name, after.name = f"set up {fixturedef.argname}", f"tear down {fixturedef.argname}"
    before.parameters.append(Parameter("number", "1"))
    before.attachments.append(Attachment("by others", "of-others.txt", "text/plain"))
    after.status, after.statusDetails = "broken", StatusDetails(message="not clean")
    container.description = "described"

def pytest_unconfigure():
    assert [(name, count) for name, count, _ in seen] == [
        ("narrow", 1), ("narrow", 1), ("wide", 2)
    ]
""",
    )
    report = run(FIXTURES, passed=2).report
    ours = [
        row
        for row in fixtures_by_container(report)
        if set(row[1]) & {"set up wide", "set up narrow", "plain"}
    ]
    narrow = (["set up narrow"], ["tear down narrow"])
    assert ours == [
        (["test_one"], ["plain"], []) if "plain" in ours[0][1] else (["test_one"], *narrow),
        (["test_one"], *narrow),
        (["test_one", "test_two"], ["set up wide"], ["tear down wide"]),
        (["test_two"], *narrow),
    ]
    changed = [c for c in report.containers if c["befores"][0]["name"].startswith("set up")]
    assert len(changed) == 3
    for container in changed:
        before, after = container["befores"][0], container["afters"][0]
        assert [step["name"] for step in before["steps"]] == [f"in {before['name'][7:]}"]
        assert before["parameters"] == [{"name": "number", "value": "1"}]
        assert [a["name"] for a in before["attachments"]] == ["by others"]
        assert (after["status"], after["statusDetails"]["message"]) == ("broken", "not clean")
        assert container["description"] == "described"


def test_nobody_pays_who_does_not_ask(run):
    """Fixtures of function scope share one file with those of their test."""
    report = run(FIXTURES, passed=2).report
    assert [c for c in report.containers if len(c.get("befores", ())) > 1]


@pytest.mark.parametrize("fixture", ["narrow", "wide"])
def test_fixtures_can_be_added_and_taken_out(run, pytester, fixture):
    conftest(
        pytester,
        f"""
def container(config, fixturedef):
    listener = config.pluginmanager.get_plugin("allure_listener")
    return listener.allure_logger.get_item(listener._cache.get(fixturedef))

@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_fixture_setup(fixturedef, request):
    try:
        return (yield)
    finally:
        if fixturedef.argname == "{fixture}":
            found = container(request.config, fixturedef)
            steps = [TestStepResult(name="a step", status="passed")]
            found.befores.append(
                TestBeforeResult(name="prepare", status="failed", start=1, stop=2, steps=steps)
            )
            found.children.append("of-others")

@pytest.hookimpl(tryfirst=True)
def pytest_fixture_post_finalizer(fixturedef, request):
    if fixturedef.argname == "{fixture}" and fixturedef.cached_result is not None:
        found = container(request.config, fixturedef)
        assert {{before.name for before in found.befores}} == {{"prepare", "{fixture}"}}
        assert "of-others" in found.children
        found.afters.clear()
""",
    )
    report = run(FIXTURES, "-k", "test_one", passed=1).report
    (container,) = [c for c in report.containers if "of-others" in c["children"]]
    assert len(container["children"]) == 2
    added, own = container["befores"]
    assert (added["name"], added["status"], added["start"]) == ("prepare", "failed", 1)
    assert [step["name"] for step in added["steps"]] == ["a step"]
    assert own["name"] == fixture
    assert "afters" not in container


def test_a_container_can_be_made_another_class_and_changed_when_it_is_written(run, pytester):
    """With fields of its own: what is written is what was lent, not another object."""
    conftest(
        pytester,
        """
import allure_commons
import attr

@attr.s
class Container(TestResultContainer):
    scope = attr.ib(default=None)
    kept = attr.ib(default=None)

@pytest.hookimpl(tryfirst=True)
def pytest_fixture_post_finalizer(fixturedef, request):
    listener = request.config.pluginmanager.get_plugin("allure_listener")
    container = listener.allure_logger.get_item(listener._cache.get(fixturedef))
    if container is not None:
        container.scope = fixturedef.scope

class Listener:
    @allure_commons.hookimpl(tryfirst=True, hookwrapper=True)
    def report_container(self, container):
        if hasattr(container, "scope"):
            for before in container.befores:
                before.name = f"[{container.scope}] {before.name}"
            container.afters.clear()
            container.__class__ = Container
        yield

listener = Listener()

def pytest_configure():
    allure_commons.plugin_manager.register(listener)

def pytest_unconfigure():
    allure_commons.plugin_manager.unregister(listener)
""",
    )
    report = run(FIXTURES, "-k", "test_two", passed=1).report
    names = {name for row in fixtures_by_container(report) for name in row[1]}
    assert {"[module] wide", "[function] narrow"} <= names
    assert not [after for row in fixtures_by_container(report) for after in row[2]]
    assert {container["scope"] for container in report.containers} >= {"module", "function"}


def test_containers_of_others(run):
    """Started, filled and stopped by uuid; written when they are stopped."""
    report = run(
        """
        from allure_commons.model2 import TestAfterResult, TestBeforeResult, TestResultContainer

        def test_one(request):
            listener = request.config.pluginmanager.get_plugin("allure_listener")
            logger, key = listener.allure_logger, object()
            uuid = listener._cache.push(key)
            assert listener._cache.get(key) == uuid
            test = listener._cache.get(request.node.nodeid)
            logger.start_group(uuid, TestResultContainer(uuid=uuid, name="ours"))
            logger.update_group(uuid, children=test)
            logger.start_before_fixture(uuid, "b", TestBeforeResult(name="before"))
            logger.stop_before_fixture("b", status="passed")
            logger.start_after_fixture(uuid, "a", TestAfterResult(name="after"))
            logger.stop_after_fixture("a", status="broken")
            logger.stop_group(uuid, stop=1)
            assert listener._cache.pop(key) == uuid
            assert listener._cache.get(key) is None
            assert logger.get_item(uuid) is None
        """,
        plugins=(),
        passed=1,
    ).report
    (container,) = [c for c in report.containers if c.get("name") == "ours"]
    assert container["children"] == [report["test_one"]["uuid"]]
    assert container["befores"] == [{"name": "before", "status": "passed"}]
    assert container["afters"][0]["status"] == "broken"


# -- listeners of others that are allure-pytest's by class

SUBCLASS = """
import allure_commons
from allure_pytest.listener import AllureListener

class Listener(AllureListener):
    def __init__(self, config):
        super().__init__(config)
        self.calls, self.fixtures = [], []

    @allure_commons.hookimpl
    def start_fixture(self, parent_uuid, uuid, name):
        super().start_fixture(parent_uuid, uuid, name)
        self.fixtures.append(name)

    @allure_commons.hookimpl
    def stop_fixture(self, parent_uuid, uuid, name, exc_type, exc_val, exc_tb):
        super().stop_fixture(parent_uuid, uuid, name, exc_type, exc_val, exc_tb)
        self.fixtures.append(f"end of {name}")

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item, nextitem):
        self.calls.append("protocol")
        yield from super().pytest_runtest_protocol(item, nextitem)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_setup(self, item):
        yield from super().pytest_runtest_setup(item)
        self.calls.append("setup")
        test = self.allure_logger.get_test(self._cache.get(item.nodeid))
        test.name = "renamed"

    @pytest.hookimpl(hookwrapper=True)
    def pytest_fixture_setup(self, fixturedef, request):
        yield from super().pytest_fixture_setup(fixturedef, request)
        if fixturedef.argname == "fixture":
            container = self.allure_logger.get_item(self._cache.get(fixturedef))
            container.befores[0].name = "renamed, too"

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item, call):
        yield from super().pytest_runtest_makereport(item, call)
        self.calls.append(call.when)

    @allure_commons.hookimpl
    def attach_data(self, body, name, attachment_type, extension):
        self.calls.append("attach")
        super().attach_data(body, name, attachment_type, extension)

    @allure_commons.hookimpl
    def start_step(self, uuid, title, params):
        self.calls.append(title)
        super().start_step(uuid, title, params)
"""


@pytest.mark.parametrize(
    "how",
    [
        "beside",
        "in its place",
        "before it is taken out",
        "not registered",
    ],
)
def test_a_listener_of_the_same_class(run, pytester, monkeypatch, how):
    """It hears what there is, may call what is above it, and nothing is lost or doubled."""
    hide_allure_pytest(pytester, monkeypatch)
    conftest(
        pytester,
        SUBCLASS
        + f"""
how = {how!r}

def pytest_configure(config):
    ours = config.pluginmanager.get_plugin("allure_listener")
    managers = config.pluginmanager, allure_commons.plugin_manager
    global listener
    listener = Listener(config)
    if how == "in its place":
        for manager in managers:
            manager.unregister(ours)
    if how != "not registered":
        for manager in managers:
            manager.register(listener, "allure_listener" if how == "in its place" else "own")
    if how == "before it is taken out":
        for manager in managers:
            manager.unregister(ours)

def pytest_unconfigure():
    expected = ["protocol", "setup", "setup", "step", "attach", "call", "teardown"]
    assert [call for call in listener.calls if call != "more"] == (
        ["attach"] if how == "not registered" else expected
    )
    told = ["fixture::0", "end of fixture::0"]
    assert listener.fixtures == ([] if how == "not registered" else told)
    if allure_commons.plugin_manager.is_registered(listener):
        allure_commons.plugin_manager.unregister(listener)

@pytest.fixture
def more():
    if how == "not registered":
        return listener.attach_data
    return lambda *args: None
""",
    )
    report = run(
        """
        import allure
        import pytest

        @pytest.fixture
        def fixture():
            yield

        def test_one(fixture, more):
            with allure.step("step"):
                allure.attach("body", "attached")
            more("body", "more", None, None)
        """,
        plugins=(),
        passed=1,
    ).report
    (result,) = report.results
    more = ["[more]"] if how == "not registered" else []
    assert tree(result) == [{"step": ["[attached]"]}, *more]
    assert result["name"] == ("test_one" if how == "not registered" else "renamed")
    befores = [f["name"] for f in report.fixtures_of(result)]
    assert ("renamed, too" in befores) is (how != "not registered")
    assert {label["name"] for label in result["labels"]} >= {"suite", "framework"}


# -- results that others make of items, with the class's own functions

BY_HAND = """
import allure_commons.utils
import allure_pytest.listener
import allure_pytest.utils as utils
from allure_commons.logger import AllureFileLogger
from allure_pytest.listener import AllureListener, ItemCache

def pytest_collection_finish(session):
    cache, logger = ItemCache(), AllureFileLogger("by hand")
    for item in session.items:
        result = TestResult(uuid=cache.push(item.nodeid), status=Status.UNKNOWN)
        assert cache.get(item.nodeid) == result.uuid
        params = AllureListener._AllureListener__get_pytest_params(item)
        param_id = AllureListener._AllureListener__get_pytest_param_id(item)
        result.name = utils.allure_name(item, params, param_id)
        result.fullName = utils.allure_full_name(item)
        result.titlePath = list(utils.allure_title_path(item))
        result.testCaseId = allure_commons.utils.md5(result.fullName)
        result.description = utils.allure_description(item)
        result.parameters = [
            Parameter(name=name, value=allure_commons.utils.represent(value))
            for name, value in params.items()
        ]
        result.historyId = utils.get_history_id(
            result.fullName, result.parameters, original_values=params
        )
        result.labels = [Label(name=n, value=v) for n, v in utils.allure_labels(item)]
        result.labels += [Label(name="tag", value=v) for v in utils.pytest_markers(item)]
        result.labels.append(Label(name="subSuite", value="by hand"))
        AllureListener._AllureListener__apply_default_suites(None, item, result)
        result.labels.append(Label(name="package", value=utils.allure_package(item)))
        result.links = [Link(*link) for link in utils.allure_links(item)]
        logger.report_result(result)
"""


def test_results_that_others_make_of_items(run, pytester, monkeypatch):
    """Are known by the same as ours, so that one history has both."""
    hide_allure_pytest(pytester, monkeypatch)
    conftest(pytester, BY_HAND)
    report = run(
        """
        import allure
        import pytest

        @allure.epic("epic")
        @allure.suite("a suite")
        @allure.link("https://example.test", name="a link")
        @allure.title("with {value}")
        @pytest.mark.parametrize("value", [1, "two", None])
        def test_one(value):
            '''Docstring.'''

        class TestClass:
            def test_two(self):
                pass
        """,
        plugins=(),
        passed=4,
    ).report
    by_hand = {r["fullName"] + r["name"]: r for r in Results(pytester.path / "by hand").results}
    assert len(by_hand) == 4
    for result in report.results:
        other = by_hand[result["fullName"] + result["name"]]
        for name in ("titlePath", "testCaseId", "historyId", "description", "parameters", "links"):
            assert result.get(name) == other.get(name), name
        given = labels(other)
        assert given.pop("subSuite") == ["by hand"]
        assert all(labels(result)[name] == values for name, values in given.items())
        assert other["status"] == "unknown"


def test_steps_in_the_hands_of_others(run, pytester):
    """A wrapper of theirs in the place of `allure.step` enters and leaves what it was."""
    pytester.makeconftest(
        """
        import allure
        import allure_commons

        step_of_allure = allure.step

        class Step:
            def __init__(self, title):
                self.inner = step_of_allure(title)

            def __enter__(self):
                return self.inner.__enter__()

            def __exit__(self, *raised):
                error = AssertionError("softly") if raised[0] else None
                self.inner.__exit__(type(error) if error else None, error, None)
                return True

        def pytest_configure():
            allure.step = Step

        def pytest_unconfigure():
            allure.step = step_of_allure
        """
    )
    report = run(
        """
        import allure

        def test_one():
            with allure.step("outer"):
                with allure.step("inner"):
                    raise ValueError
                with allure.step("after"):
                    pass
        """,
        plugins=(),
        passed=1,
    ).report
    result = report["test_one"]
    assert tree(result) == [{"outer": ["failed: inner", "after"]}]
    inner = result["steps"][0]["steps"][0]
    assert inner["statusDetails"]["message"] == "AssertionError: softly\n"
