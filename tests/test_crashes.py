"""Workers of pytest-xdist that die leave a result of the test in which they did."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from otel_allure.model import conventions as c
from otel_allure.model.settings import Settings
from otel_allure.output.report import Report
from otel_allure.pytest_plugin.crashes import INPUT, NOT_BEGUN, Crashes, Journal
from otel_allure.testing.results import Results
from otel_allure.testing.spans import build_span
from otel_allure.translation.identity import item_uuid

pytest.importorskip("xdist")

SOURCE = """
    import os
    import signal
    import allure
    import pytest

    HOW = {
        "exit": lambda: os._exit(3),
        "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
        "crash": lambda: os.abort(),
    }

    def die(where):
        if where == os.environ["WHERE"]:
            HOW[os.environ["HOW"]]()

    @pytest.fixture(scope="module")
    def wide():
        with allure.step("connect"):
            pass
        yield

    @pytest.fixture(scope="module")
    def dies(wide):
        die("wide set-up")
        yield
        die("wide tear-down")

    @pytest.fixture
    def narrow(dies):
        allure.dynamic.label("component", "narrow")
        die("set-up")
        yield
        die("tear-down")

    def test_before(wide):
        pass

    @allure.feature("F")
    @pytest.mark.slow
    @pytest.mark.parametrize("value", [os.environ.get("VALUE", "it")])
    class TestIt:
        @allure.title("The one with {value}")
        def test_dies(self, narrow, value):
            "What it is."
            allure.dynamic.label("layer", "api")
            die("call")

    def test_after(wide):
        pass
"""


@pytest.fixture
def crash(run, pytester, monkeypatch, tmp_path):
    """Run the tests in workers, of which one dies."""

    def crash(where, how, *arguments):
        shutil.rmtree(pytester.path / "results", ignore_errors=True)
        monkeypatch.setenv("WHERE", where)
        monkeypatch.setenv("HOW", how)
        monkeypatch.setenv("TMPDIR", str(tmp_path))
        pytester.makeini("[pytest]\nmarkers = slow")
        done = run(SOURCE, "-p", "no:faulthandler", *(arguments or ("-n1",)), plugins=("xdist",))
        assert list(Path(os.environ["TMPDIR"]).glob("*workers*")) == []
        return done

    return crash


def the_test(report):
    return next(r for r in report.results if r["fullName"].endswith("TestIt#test_dies"))


def labels(result, *without):
    return sorted((x["name"], x["value"]) for x in result["labels"] if x["name"] not in without)


@pytest.mark.parametrize(
    ("where", "how"),
    [
        ("wide set-up", "kill"),
        ("set-up", "exit"),
        ("call", "exit"),
        ("call", "crash"),
        ("tear-down", "kill"),
    ],
)
def test_the_test_is_broken(crash, where, how, monkeypatch):
    """It is what it would have been, but broken, with xdist's message; fixtures are there."""
    monkeypatch.setenv("VALUE", "ghp_" + "a1B2c3D4e5F6" * 3)
    usual = the_test(crash("nowhere", "exit").report)
    report = crash(where, how).report
    result = the_test(report)
    assert result["status"] == "broken"
    message = result["statusDetails"]["message"]
    assert "crashed while running" in message
    assert "TestIt::test_dies[****" in message
    for field in ("name", "historyId", "testCaseId", "titlePath", "description"):
        assert result[field] == usual[field], field
    after_last_note = ["layer", *(["component"] if "set-up" in where else [])]
    assert labels(result, "thread", *after_last_note) == labels(usual, "thread", *after_last_note)
    assert result["parameters"] == usual["parameters"]
    for name in ("test_before", "test_after"):
        (one,) = [r for r in report.results if r["name"] == name]
        assert one["status"] == "passed"
    before = next(r for r in report.results if r["name"] == "test_before")
    (wide,) = report.fixtures_of(before)
    assert wide["name"] == "wide"
    assert [step["name"] for step in wide["steps"]] == ["connect"]
    if where != "wide set-up":
        assert "dies" in [fixture["name"] for fixture in report.fixtures_of(result)]


@pytest.mark.parametrize(
    "arguments",
    [
        ("-n2", "--dist=loadfile", "--max-worker-restart=1"),
        ("-n2", "--dist=loadgroup", "--max-worker-restart=1"),
        ("-n2", "--dist=worksteal", "--max-worker-restart=1"),
        ("-n1", "--max-worker-restart=0"),
        ("-n1", "-x"),
    ],
)
def test_however_tests_are_shared_out(crash, arguments):
    """There is a result for each time that the test has died: some schedulers start it again."""
    done = crash("call", "kill", *arguments)
    results = done.report.results
    died = [result for result in results if result["status"] == "broken"]
    outcomes = done.outcome.parseoutcomes()
    assert len(died) == outcomes["failed"]
    assert len(results) == len({r["uuid"] for r in results}) == sum(outcomes.values())
    assert {result["name"] for result in died} == {"The one with it"}
    assert len({result["historyId"] for result in died}) == 1


def test_a_tear_down_of_a_wide_fixture(crash):
    """It is the last test of all that is broken; the others stay as they are."""
    report = crash("wide tear-down", "kill", "-n1", "--max-worker-restart=0").report
    statuses = {result["name"]: result["status"] for result in report.results}
    assert statuses == {
        "test_before": "passed",
        "The one with it": "passed",
        "test_after": "broken",
    }
    names = {f["name"] for f in report.fixtures_of(the_test(report))}
    assert names == {"wide", "dies", "narrow"}
    assert len(report.containers) == len({each["uuid"] for each in report.containers})


def test_a_fixture_that_was_torn_down_before(run, pytester):
    """The worker has written all of it; what is known of its set-up does not take its place."""
    pytester.makepyfile(
        test_one="""
        import pytest

        @pytest.fixture(scope="module")
        def wide():
            yield

        def test_one(wide):
            pass
        """,
        test_two="""
        import os

        def test_two():
            os._exit(1)
        """,
    )
    (container,) = run(None, "-n1", plugins=("xdist",)).report.containers
    assert [part["name"] for part in container["afters"]] == ["wide::0"]


def test_a_worker_that_dies_between_tests(run, pytester):
    """Pytest counts the next one as failed; its result says that it has not begun."""
    pytester.makeconftest(
        """
        import os
        import pytest

        @pytest.hookimpl(wrapper=True, tryfirst=True)
        def pytest_runtest_protocol(item):
            if item.name == "test_two":
                os._exit(1)
            yield
        """
    )
    source = """
        import allure

        def test_one():
            with allure.step("done"):
                pass

        def test_two():
            pass
    """
    report = run(source, "-n1", plugins=("xdist",)).report
    one, two = sorted(report.results, key=lambda result: result["name"])
    assert (one["status"], [step["name"] for step in one["steps"]]) == ("passed", ["done"])
    assert (two["name"], two["status"]) == ("test_two", "broken")
    assert "crashed" in two["statusDetails"]["message"]
    ended = "The worker ended with exit code 1."
    assert two["statusDetails"]["message"].endswith(f"{NOT_BEGUN}\n{ended}")


def test_a_result_that_was_written_already(run, pytester):
    """It keeps its steps, and pytest's last word is its status."""
    pytester.makeconftest(
        """
        import os
        import pytest

        @pytest.hookimpl(wrapper=True, tryfirst=True)
        def pytest_runtest_protocol(item):
            yield
            if item.name == "test_one":
                os._exit(1)
        """
    )
    source = """
        import allure

        def test_one():
            with allure.step("done"):
                pass
    """
    report = run(source, "-n1", plugins=("xdist",)).report
    (result,) = report.results
    assert result["status"] == "broken"
    assert "crashed" in result["statusDetails"]["message"]
    assert [step["name"] for step in result["steps"]] == ["done"]


def test_a_worker_that_cannot_leave_anything(run, pytester, monkeypatch):
    """The result has what the test's name says."""
    pytester.makeconftest(
        """
        def pytest_configure_node(node):
            node.workerinput.pop("otel_allure_journal", None)
        """
    )
    source = """
        import os

        class TestIt:
            def test_one(self):
                os._exit(1)
    """
    (result,) = run(source, "-n1", plugins=("xdist",)).report.results
    assert (result["name"], result["status"]) == ("test_one", "broken")
    assert result["fullName"].endswith(".TestIt#test_one")
    assert ("subSuite", "TestIt") in labels(result)


def test_nothing_is_left_of_workers_that_end_well(crash):
    report = crash("nowhere", "exit", "-n2").report
    assert json.dumps(report.results).count("crashed") == 0
    assert [r["status"] for r in report.results] == ["passed"] * 3


# -- what a worker leaves, and what its controller makes of it


class Worker:
    """A worker and its controller, without processes."""

    def __init__(self, path: Path) -> None:
        self.report = Report(path, only_tests=True, settings=Settings(waterfall="off"))
        self.crashes = Crashes(self.report)
        self.gateway, self.workerinput = SimpleNamespace(id="gw0", _io=None), {}
        self.config = SimpleNamespace(pluginmanager=pytest.PytestPluginManager())
        self.workerinfo = {"id": "gw0", "sysplatform": "", "version_info": "312", "executable": ""}
        self.crashes.tell(self)
        told = self.workerinput[INPUT]
        self.directory = Path(told[0])
        self.journal = Journal(told, "gw0")

    def goes_down(self, error: str | None = "Not properly terminated") -> Results:
        self.crashes.pytest_testnodedown(self, error)
        assert not self.report.diagnostics.first
        return Results(self.report.directory.path)

    def is_reported(self, nodeid: str, when: str = "???") -> Results:
        report = pytest.TestReport(nodeid, ("", 0, ""), {}, "failed", "crashed", when)
        report.node = self
        hook = self.crashes.pytest_runtest_logreport(report)
        next(hook)
        with pytest.raises(StopIteration):
            hook.send(None)
        assert not self.report.diagnostics.first
        return Results(self.report.directory.path)


@pytest.fixture
def worker(tmp_path):
    worker = Worker(tmp_path / "results")
    yield worker
    worker.crashes.close()


def fixture_of(trace_id):
    kinds = ({c.KIND: c.CONTAINER}, {c.KIND: c.FIXTURE, c.PHASE_NAME: "before"})
    name = f"fixture {trace_id}"
    container = build_span(name, 1, trace_id=trace_id, end_ns=None, attributes=kinds[0])
    return [container, build_span(name, 2, 1, trace_id=trace_id, attributes=kinds[1])]


def running(nodeid, span_id, **fields):
    attributes = {c.KIND: c.TEST, c.TEST_CASE_NAME: nodeid}
    return build_span(nodeid, span_id, trace_id=span_id, attributes=attributes, **fields)


def test_fixtures_that_were_open(worker):
    """Those that the worker has written itself are not written again, whoever has used them."""
    test = running("test_one", 7)
    for trace_id in (1, 2):
        worker.journal.note_fixture(fixture_of(trace_id))
        worker.journal.note_uses([(trace_id, 1)], test)
    worker.journal.note_end((2, 1))
    path = worker.directory / "gw0.fixtures"
    written = path.read_bytes()
    worker.journal.note_end((1, 1))
    path.write_bytes(path.read_bytes()[: len(written) + 20])  # it died here
    (container,) = worker.goes_down().containers
    (before,) = container["befores"]
    assert before["name"] == "fixture 1"
    assert before["stop"] == fixture_of(1)[1].end_ns // 1_000_000
    assert container["stop"] > before["stop"]
    assert container["children"] == [item_uuid(test)]
    assert worker.goes_down().containers == [container]


def test_a_worker_that_goes_down_as_it_should(worker):
    worker.journal.note_fixture(fixture_of(1))
    worker.journal.note_uses([(1, 1)], running("test_one", 7))
    assert worker.goes_down(error=None).containers == []
    worker.journal.close()
    assert list(worker.directory.iterdir()) == []


def test_what_is_known_of_the_test(worker):
    """The last note counts, however long the one before was."""
    worker.journal.note_running(running("test_with_a_long_name", 7))
    worker.journal.note_running(running("test_one", 8, end_ns=None))
    (result,) = worker.is_reported("test_one").results
    assert (result["name"], result["uuid"]) == ("test_one", item_uuid(running("test_one", 8)))
    assert result["status"] == "broken"
    assert result["statusDetails"]["message"] == "crashed"
    assert result["stop"] > result["start"]
    assert not (worker.directory / "gw0.running").exists()


def test_another_test_than_the_one_that_was_noted(worker):
    worker.journal.note_running(running("test_one", 7))
    (result,) = worker.is_reported("test_two").results
    assert (result["name"], result["status"]) == ("test_two", "broken")
    assert result["statusDetails"]["message"] == f"crashed\n{NOT_BEGUN}"


def test_what_workers_report_themselves(worker):
    worker.journal.note_running(running("test_one", 7))
    assert worker.is_reported("test_one", "call").results == []


def test_a_test_of_which_there_is_a_result(worker):
    """It gets the status, and stays what it is."""
    test = running("test_one", 7)
    worker.journal.note_running(test)
    worker.report.add([test, build_span("step", 9, 7, trace_id=7)])
    (result,) = worker.is_reported("test_one").results
    assert [step["name"] for step in result["steps"]] == ["step"]
    assert result["status"] == "broken"
    assert result["statusDetails"]["message"] == "crashed"
