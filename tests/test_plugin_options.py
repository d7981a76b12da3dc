"""The command line, ini file and environment: what is asked for, what happens when it is not."""

from __future__ import annotations

import importlib.util
import json
import sys
import sysconfig
from pathlib import Path

import pytest
from allure_commons._allure import StepContext
from opentelemetry import trace

from otel_allure.testing.results import Results, tree

pytestmark = pytest.mark.usefixtures("only_steps")

ONE_TEST = """
    import allure

    def test_one():
        with allure.step("a step"):
            allure.attach("body", "an attachment")
"""
NOT_COMPLETE = "otel-allure: the report is not complete"


def names(report):
    return sorted(result["name"] for result in report.results)


# -- the results directory


def test_clean_alluredir(run, pytester):
    """Runs add up, unless told to clean; collecting only touches nothing."""
    directory = pytester.path / "results"
    pytester.makepyfile(ONE_TEST)
    run(None, plugins=(), passed=1)
    assert names(run(None, plugins=(), passed=1).report) == ["test_one", "test_one"]
    (directory / "history").mkdir()
    (directory / "history" / "history-trend.json").write_text("[]")
    (directory / "categories.json").write_text("[]")
    (directory / "0-result.json.12-3.tmp").write_text("")
    (directory / ".gitignore").write_text("*")
    before = sorted(directory.rglob("*"))
    run(None, "--clean-alluredir", "--collect-only", plugins=())
    assert sorted(directory.rglob("*")) == before
    run(None, "--clean-alluredir", plugins=(), passed=1)
    kinds = [path.name.split("-")[-1] for path in directory.iterdir()]
    assert sorted(kinds) == [".gitignore", "attachment.txt", "result.json"]


def test_clean_alluredir_leaves_what_conftest_files_attach(run, pytester):
    """What is attached while they are imported is of this run, not of one before."""
    pytester.makeconftest(
        """
        import allure

        allure.attach("the text", "imported")
        with allure.step("a step"):
            allure.attach("of the step", "inner")
        """
    )
    run(ONE_TEST, plugins=(), passed=1)
    report = run(None, "--clean-alluredir", plugins=(), passed=1).report
    attached = [each for item in report.globals for each in item["attachments"]]
    assert sorted(each["name"] for each in attached) == ["Outside of tests", "imported", "inner"]
    assert "the text" in [report.body(each) for each in attached]
    assert "of the step" in [report.body(each) for each in attached]


@pytest.mark.parametrize("arguments", [(), ("-n1",)])
def test_clean_alluredir_removes_nothing_else(run, pytester, arguments):
    """With anything of others in the directory, no file is removed and no test runs."""
    directory = pytester.mkdir("results")
    (directory / "0-result.json").write_text("{}")
    (directory / "history").mkdir()
    (directory / "history" / "notes.txt").write_text("")
    (directory / "src").mkdir()
    (directory / "1-attachment.txt").mkdir()
    (directory / "thesis.doc").write_text("")
    before = sorted(directory.rglob("*"))
    done = run(ONE_TEST, "--clean-alluredir", *arguments, plugins=("xdist",))
    assert usage_error(done).endswith(": 1-attachment.txt, history, src, thesis.doc")
    assert sorted(directory.rglob("*")) == before
    done = run(
        None, "--clean-alluredir", "--alluredir=.", *arguments, plugins=("xdist",), alluredir=False
    )
    assert "is not cleaned" in usage_error(done)


def test_clean_alluredir_follows_no_links(run, pytester):
    """Of a link the link goes; the directory itself may be one."""
    real, elsewhere = pytester.mkdir("real"), pytester.mkdir("elsewhere")
    (elsewhere / "history.json").write_text("[]")
    (real / "history").symlink_to(elsewhere)
    (real / "0-attachment.txt").symlink_to(elsewhere / "history.json")
    (pytester.path / "results").symlink_to(real)
    run(ONE_TEST, "--clean-alluredir", plugins=(), passed=1)
    assert (pytester.path / "results").is_symlink()
    assert not (real / "0-attachment.txt").is_symlink()
    assert [path.name for path in elsewhere.iterdir()] == ["history.json"]


@pytest.mark.parametrize("by", ["--alluredir", "OTEL_TRACES_EXPORTER"])
def test_clean_alluredir_spares_what_this_run_has_written(run, pytester, monkeypatch, by):
    pytester.makeconftest(
        """
        import allure
        allure.attach("said early", "early")
        """
    )
    if by != "--alluredir":
        monkeypatch.setenv("OTEL_TRACES_EXPORTER", "allure")
        monkeypatch.setenv("OTEL_EXPORTER_ALLURE_RESULTS_DIR", "results")
    pytester.mkdir("results").joinpath("0-result.json").write_text('{"name": "old"}')
    done = run(ONE_TEST, "--clean-alluredir", plugins=(), alluredir=by == "--alluredir", passed=1)
    report = Results(pytester.path / "results")
    assert [result["name"] for result in report.results] == ["test_one"]
    bodies = [report.body(a) for g in report.globals for a in g["attachments"]]
    assert bodies == ["said early"]
    assert done.outcome.ret == 0


def test_indented_output(run, monkeypatch):
    """ALLURE_INDENT_OUTPUT makes the files readable for people."""
    monkeypatch.setenv("ALLURE_INDENT_OUTPUT", "1")
    report = run(ONE_TEST, plugins=(), passed=1).report
    (path,) = report.directory.glob("*-result.json")
    assert path.read_text().startswith('{\n    "')


def usage_error(done):
    """The one line that pytest ends with, before any test."""
    assert done.outcome.ret == pytest.ExitCode.USAGE_ERROR
    assert "test_one" not in done.outcome.stdout.str()
    (line,) = [line for line in done.outcome.errlines if line.startswith("ERROR:")]
    assert "Traceback" not in done.outcome.stderr.str()
    return line


@pytest.mark.parametrize("arguments", [(), ("-n1",)])
@pytest.mark.parametrize("way", ["a file", "below a file", "a dangling link"])
def test_a_directory_that_cannot_be(run, pytester, way, arguments):
    """It is a mistake in the command line, and no test runs."""
    path = pytester.path / "there"
    if way == "a dangling link":
        path.symlink_to(pytester.path / "nowhere" / "below")
    else:
        path.write_text("a file is in the way")
    wanted = path / "below" if way == "below a file" else path
    done = run(ONE_TEST, f"--alluredir={wanted}", *arguments, plugins=("xdist",), alluredir=False)
    assert f"results cannot be written to {wanted}" in usage_error(done)


def test_a_directory_that_goes_away(run, pytester):
    """The tests run as ever, and the terminal summary tells once."""
    source = """
        import shutil

        def test_one():
            shutil.rmtree("results")
            open("results", "w").close()
    """
    done = run(source, plugins=(), passed=1)
    assert done.outcome.ret == 0
    text = done.outcome.stdout.str()
    assert text.count(NOT_COMPLETE) == 1
    assert "results" in text[text.index(NOT_COMPLETE) :]
    assert "Traceback" not in text + done.outcome.stderr.str()


def test_problems_at_the_very_end(run, pytester):
    """What goes wrong when the rest is written, after the last test, is told too."""
    pytester.makeconftest(
        """
        import allure
        import allure_commons

        class Listener:
            @allure_commons.hookimpl
            def report_globals(self, globals_item):
                raise ValueError("not this one")

        allure_commons.plugin_manager.register(Listener())
        with allure.step("outside of tests"):
            pass
        """
    )
    done = run(ONE_TEST, plugins=(), passed=1)
    done.outcome.stdout.fnmatch_lines([f"*{NOT_COMPLETE}*", "*ValueError: not this one*"])


def test_xdist(run, pytester):
    """Workers write all results once, and the controller cleans before them."""
    directory = pytester.path / "results"
    directory.mkdir()
    (directory / "old-result.json").write_text("{}")
    done = run(
        """
        import allure
        import pytest

        allure.dynamic.title("of no test")

        @pytest.mark.parametrize("number", range(6))
        def test_number(number):
            with allure.step(f"step {number}"):
                pass
        """,
        "-n",
        "2",
        "--clean-alluredir",
        plugins=("xdist",),
        passed=6,
    )
    assert [(r["name"], tree(r)) for r in sorted(done.report.results, key=str_name)] == [
        (f"test_number[{n}]", [f"step {n}"]) for n in range(6)
    ]
    text = done.outcome.stdout.str()
    assert text.count(NOT_COMPLETE) == 1  # what workers could not do
    assert "allure.dynamic was used where no test runs" in text[text.index(NOT_COMPLETE) :]


def str_name(result):
    return result["name"]


def test_reruns(run):
    """pytest-rerunfailures: each attempt has a result, with nothing of the attempts before."""
    report = run(
        """
        import allure

        attempts = []

        def test_flaky():
            attempts.append(1)
            allure.dynamic.label("attempt", len(attempts))
            with allure.step(f"attempt {len(attempts)}"):
                assert len(attempts) == 3
        """,
        "--reruns=3",
        plugins=("rerunfailures",),
    ).report
    attempts = [
        (r["status"], tree(r), [la["value"] for la in r["labels"] if la["name"] == "attempt"])
        for r in report.results
    ]
    assert sorted(attempts, key=str) == [
        ("failed", ["failed: attempt 1"], ["1"]),
        ("failed", ["failed: attempt 2"], ["2"]),
        ("passed", ["attempt 3"], ["3"]),
    ]
    assert len({r["historyId"] for r in report.results}) == 1


def test_several_runs_in_a_process(pytester, monkeypatch):
    """Each `pytest.main` writes its report, whole when it returns, and leaves nothing behind."""
    pytester.makepyfile(
        test_it="""
        import allure
        from opentelemetry import trace

        def test_one():
            with allure.step("a step"), trace.get_tracer("app").start_as_current_span("a span"):
                pass
        """,
        main="""
        import allure_commons
        import allure_commons._allure
        import json
        import pytest
        import sys
        from opentelemetry import trace
        from otel_allure.testing.results import Results, tree

        def state():
            step = allure_commons._allure.StepContext
            plugins = allure_commons.plugin_manager.get_plugins()
            return (
                step.__enter__, step.__call__, len(plugins), trace._TRACER_PROVIDER,
                trace._PROXY_TRACER_PROVIDER, trace._TRACER_PROVIDER_SET_ONCE,
            )

        before, found = None, []
        for directory in "one", "two", "two":
            arguments = ["-p", "no:cacheprovider", "-p", "otel_allure", "test_it.py", "-q"]
            assert pytest.main([*arguments, f"--alluredir={directory}"]) == 0
            found.append([tree(result) for result in Results(directory).results])
            before = before or state()  # the decorator of titles stays after the first
        assert state() == before, (before, state())
        print(json.dumps(found))
        """,
    )
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    done = pytester.run(sys.executable, "main.py")
    assert done.ret == 0, done.stderr.str()
    once = [{"a step": ["a span"]}]
    assert json.loads(done.outlines[-1]) == [[once], [once], [once, once]]


# -- which tests run

SELECTION = """
    import allure
    import pytest

    @allure.epic("E1")
    @allure.feature("F1")
    @allure.severity(allure.severity_level.CRITICAL)
    @allure.id(1)
    def test_first():
        pass

    @allure.epic("E2", "E3")
    @allure.story("S1")
    @allure.label("layer", "unit")
    @pytest.mark.parametrize("n", [1])
    def test_second(n):
        pass

    @allure.id("3")
    def test_third():
        pass

    def test_report(request):
        pass
"""


def selected(pytester, options):
    """The tests that run, in this process, which is faster."""
    done = pytester.inline_run("-p", "otel_allure", "-p", "no:cacheprovider", *options)
    return sorted(report.nodeid.rsplit(":", 1)[1] for report in done.listoutcomes()[0])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--allure-epics=E1,E3"], ["test_first", "test_second[1]"]),
        (["--allure-features=F1", "--allure-stories=S1"], ["test_first", "test_second[1]"]),
        (["--allure-severities=normal"], ["test_report", "test_second[1]", "test_third"]),
        (["--allure-ids=3"], ["test_third"]),
        (
            ["--allure-label=layer=unit,none", "--allure-label=as_id=3"],
            ["test_second[1]", "test_third"],
        ),
    ],
    ids=["epics", "features or stories", "severities", "ids", "labels"],
)
def test_selection(pytester, monkeypatch, options, expected):
    """Tests that have one of the labels run. No report is needed for it."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile(SELECTION)
    assert selected(pytester, options) == expected


@pytest.mark.parametrize(
    ("plan", "options", "expected"),
    [
        (
            [{"id": 1}, {"selector": "test_test_plan#test_second"}],
            [],
            ["test_first", "test_second[1]"],
        ),
        ([{"id": "3"}], ["--inversion=1"], ["test_first", "test_report", "test_second[1]"]),
        ([{"id": 1}, {"id": 3}], ["--allure-epics=E1"], ["test_first"]),
    ],
    ids=["ids and selectors", "inversion", "with labels"],
)
def test_test_plan(pytester, monkeypatch, plan, options, expected):
    """ALLURE_TESTPLAN_PATH names a file of what to run."""
    path = pytester.path / "plan.json"
    path.write_text(json.dumps({"version": "1.0", "tests": plan}))
    monkeypatch.setenv("ALLURE_TESTPLAN_PATH", str(path))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile(SELECTION)
    assert selected(pytester, options) == expected


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--allure-severities=grave", "grave*blocker, critical, normal, minor, trivial"),
        ("--allure-label=layer", "'layer' is not of the form label_name=value1,value2"),
        ("--allure-link-pattern=issue", "Link pattern is mandatory"),
        ("--allure-link-pattern=:x", "Link type is mandatory"),
        (
            "--allure-otel-instrument=no-such",
            "no instrumentation named 'no-such' is installed*Installed are: *(or 'all')",
        ),
    ],
)
def test_bad_values(pytester, monkeypatch, option, message):
    """A wrong value is a usage error that names the right ones, and leaves nothing behind."""
    before = StepContext.__enter__, type(trace)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    done = pytester.runpytest_inprocess("-p", "otel_allure", "--alluredir=results", option)
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert (StepContext.__enter__, type(trace)) == before
    done.stderr.fnmatch_lines([f"*{message}*"])
    assert not (pytester.path / "results").exists()


# -- without a report, and with a report that the environment asks for


def test_without_a_report(run):
    """All of `import allure` works, nothing is written, and OpenTelemetry is not even imported."""
    run(
        """
        import allure
        import pytest
        import sys

        @allure.title("fixture")
        @pytest.fixture
        def fixture():
            with allure.step("in a fixture"):
                yield 1

        @allure.step("step of {argument}")
        def step(argument):
            allure.attach.file(__file__)
            return argument

        @allure.title("title")
        @allure.description("description")
        @allure.severity("minor")
        @allure.issue("1")
        @allure.testcase("2")
        @allure.tag("tag")
        @allure.label("name", "value")
        @allure.manual
        def test_all(fixture):
            with allure.step("outer"):
                assert step(2) == 2
            allure.attach("body", "name", allure.attachment_type.TEXT)
            allure.dynamic.title("title")
            allure.dynamic.link("https://example.test/")
            allure.dynamic.parameter("name", "value")
            allure.global_attach("body", "name")
            assert not [name for name in sys.modules if name.startswith("opentelemetry")]
        """,
        plugins=(),
        alluredir=False,
        passed=1,
    )


AUTO = importlib.util.find_spec("opentelemetry.distro") is not None


@pytest.mark.parametrize("alluredir", [False, True], ids=["", "alluredir"])
@pytest.mark.parametrize(
    "launcher",
    [
        "pytest",
        pytest.param(
            "opentelemetry-instrument",
            marks=pytest.mark.skipif(not AUTO, reason="opentelemetry-distro is not installed"),
        ),
    ],
)
def test_environment(pytester, monkeypatch, launcher, alluredir):
    """OTEL_TRACES_EXPORTER=allure asks for a report too; with both each result is written once.

    Under `opentelemetry-instrument` there are a provider and the exporter already.
    """
    source = """
        import allure
        from opentelemetry import trace

        def test_one():
            with allure.step("a step"), trace.get_tracer("app").start_as_current_span("a span"):
                pass
        """
    pytester.makepyfile(source)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    for name, value in {
        "OTEL_TRACES_EXPORTER": "allure",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_EXPORTER_ALLURE_RESULTS_DIR": "from-environment",
    }.items():
        monkeypatch.setenv(name, value)
    command = [sys.executable, "-m", "pytest", "-p", "otel_allure", "-p", "no:cacheprovider"]
    if alluredir:
        command.append("--alluredir=from-option")
    if launcher != "pytest":
        command = [Path(sysconfig.get_path("scripts")) / launcher, *command]
    done = pytester.run(*command)
    assert done.ret == 0, done.stdout.str() + done.stderr.str()
    assert NOT_COMPLETE not in done.stdout.str()
    found = {
        path.name: [tree(result) for result in Results(path).results]
        for path in pytester.path.glob("from-*")
    }
    expected = "from-option" if alluredir else "from-environment"
    assert found == {expected: [[{"a step": ["a span"]}]]}


@pytest.mark.skipif(
    importlib.util.find_spec("allure_pytest") is None, reason="allure-pytest is not installed"
)
@pytest.mark.parametrize(("first", "workers"), [("otel_allure", "0"), ("allure_pytest", "1")])
def test_beside_allure_pytest(pytester, first, workers):
    """Whichever is loaded first, its options are no trouble and the report is ours."""
    pytester.makepyfile(ONE_TEST)
    # `-p` comes before what is loaded because it is installed, which here is everything.
    options = ["-p", first, "-p", "no:asyncio-cooperative", "-p", "no:cacheprovider", "-n", workers]
    done = pytester.runpytest_subprocess(*options, "--alluredir=results")
    done.assert_outcomes(passed=1)
    report = Results(pytester.path / "results")
    assert [tree(result) for result in report.results] == [[{"a step": ["[an attachment]"]}]]
    # Only ours gives an attachment without a type one.
    assert report["test_one"]["steps"][0]["attachments"][0]["type"] == "text/plain"


CONFTEST = """
def pytest_configure(config):
    config.option.allure_report_dir = {directory!r}
    config.option.allure_link_pattern = [["issue", "https://issues.example/{{}}"]]
"""
LINKED = """
import allure

@allure.issue("1")
def test_linked():
    allure.dynamic.issue("2")
"""


@pytest.mark.parametrize("option", [[], ["--alluredir=other"]])
def test_conftest_decides_where_the_report_goes(run, pytester, option):
    """Its `pytest_configure` may set the options; nothing is left where they pointed before."""
    pytester.makeconftest(CONFTEST.format(directory="decided"))
    run(LINKED, *option, plugins=(), alluredir=False, passed=1)
    (result,) = Results(pytester.path / "decided").results
    urls = sorted(link["url"] for link in result["links"])
    assert urls == ["https://issues.example/1", "https://issues.example/2"]
    assert not (pytester.path / "other").exists()


def test_conftest_decides_that_there_is_no_report(run, pytester):
    pytester.makeconftest(CONFTEST.format(directory=None))
    run(LINKED, plugins=(), passed=1)
    assert not (pytester.path / "results").exists()


def test_what_runs_outside_of_tests_is_told(run, pytester):
    """A step in a conftest file, for instance: it is kept, and the summary says where."""
    pytester.makeconftest("import allure\nwith allure.step('in conftest'):\n    pass\n")
    done = run(ONE_TEST, plugins=(), passed=1)
    done.outcome.stdout.fnmatch_lines(["otel-allure: 1 steps or spans outside*in conftest*"])
    (entry,) = [a for g in done.report.globals for a in g["attachments"]]
    assert "in conftest" in done.report.body(entry)
