"""A result says what pytest counts in the end, whoever has a say in it."""

from __future__ import annotations

import importlib.util
import re
import signal
from collections import Counter

import pytest

from otel_allure.testing.results import Results

COUNTED = {
    "passed": "passed",
    "xpassed": "passed",
    "failed": "failed",
    "error": "failed",
    "rerun": "failed",
    "retried": "failed",
    "skipped": "skipped",
    "xfailed": "skipped",
}
"""pytest's word for what it counts -> how the report shows it, broken being failed here."""


def needs(module):
    return pytest.mark.skipif(
        importlib.util.find_spec(module) is None, reason=f"{module} is not installed"
    )


def counted(done):
    """What pytest counts in its last line, the one before ours."""
    last = done.outcome.outlines[-2]
    return {
        word.rstrip("s") if word == "errors" else word: int(number)
        for number, word in re.findall(r"(\d+) (\w+)", last)
        if word.rstrip("s") in {*COUNTED, "error"}
    }


def outcomes(report: Results) -> list[tuple[str, str, str]]:
    """Name, status and first line of the message of all results, in the order of their start."""
    return [
        (r["name"], r["status"], r.get("statusDetails", {}).get("message", "").split("\n")[0])
        for r in sorted(report.results, key=lambda r: (r["name"], r["start"]))
    ]


# -- a broad table

PLAIN = """
    import unittest
    import pytest

    def raises(error):
        raise error

    @pytest.fixture
    def before(request):
        raises(request.param)

    @pytest.fixture
    def after(request):
        yield
        raises(request.param)

    KINDS = [AssertionError("no"), ValueError("no"), SystemExit(3), pytest.fail.Exception("no"),
             pytest.skip.Exception("no"), pytest.xfail.Exception("no"), GeneratorExit()]

    @pytest.mark.parametrize("error", KINDS)
    def test_body(error):
        raises(error)

    @pytest.mark.parametrize("before", KINDS, indirect=True)
    def test_before(before):
        pass

    def test_passes():
        pass

    @pytest.mark.xfail(strict=True)
    def test_strict_xpass():
        pass

    @pytest.mark.xfail
    def test_xpass():
        pass

    @pytest.mark.xfail(raises=KeyError)
    def test_xfail_of_another_kind():
        raise ValueError("no")

    @pytest.mark.xfail(run=False)
    def test_not_run():
        pass

    class TestUnit(unittest.TestCase):
        @unittest.expectedFailure
        def test_expected(self):
            self.fail("no")

        @unittest.expectedFailure
        def test_unexpected(self):
            pass

        def test_skips(self):
            self.skipTest("no")

    def test_changed_to_skipped():
        raise ValueError("no")

    def test_changed_to_xfailed():
        raise ValueError("no")

    def test_changed_to_passed():
        raise ValueError("no")

    def test_changed_to_failed():
        pass
"""
CHANGES = """
    import pytest

    def changed(report):
        if report.when == "call" and "test_changed_to_" in report.nodeid:
            to = report.nodeid.rpartition("_")[2]
            report.outcome = "skipped" if to == "xfailed" else to
            if to == "xfailed":
                report.wasxfail = "a known defect"
            if to == "failed":
                report.longrepr = "somebody says so"
        return report
"""
WAYS = {
    "an old wrapper": """
    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(item, call):
        changed((yield).get_result())
    """,
    "the outermost wrapper": """
    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_makereport(item, call):
        changed((yield).get_result())
    """,
    "a new wrapper": """
    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(item, call):
        return changed((yield))
    """,
    "a listener": """
    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(report):
        changed(report)
    """,
}


@pytest.mark.parametrize("way", WAYS)
def test_what_pytest_counts(run, pytester, way):
    """Of tests that come to one thing each, the report has as many of each status as pytest."""
    pytester.makeconftest(CHANGES + WAYS[way])
    done = run(PLAIN, plugins=())
    expected: Counter[str] = Counter()
    for word, number in counted(done).items():
        expected[COUNTED[word]] += number
    found = Counter(
        "failed" if result["status"] == "broken" else result["status"]
        for result in done.report.results
    )
    assert found == expected
    changed = [row for row in outcomes(done.report) if row[0].startswith("test_changed")]
    assert changed == [
        ("test_changed_to_failed", "failed", "somebody says so"),
        ("test_changed_to_passed", "passed", "ValueError: no"),
        ("test_changed_to_skipped", "skipped", "ValueError: no"),
        ("test_changed_to_xfailed", "skipped", "XFAIL a known defect"),
    ]


# -- attempts

FLAKY = """
    import allure
    import pytest

    attempts = []

    @pytest.fixture(scope="module")
    def wide():
        yield

    @pytest.fixture
    def fixture(wide):
        with allure.step("set up"):
            yield

    @{mark}
    def test_flaky(fixture):
        attempts.append(1)
        print("attempt", len(attempts))
        with allure.step(f"step {{len(attempts)}}"):
            assert len(attempts) == {passes_at}, f"attempt {{len(attempts)}}"
"""
REPEATERS = {
    "pytest-retry": ("pytest_retry", "pytest-retry", "pytest.mark.flaky(retries=2)"),
    "pytest-rerunfailures": (
        "pytest_rerunfailures",
        "rerunfailures",
        "pytest.mark.flaky(reruns=2)",
    ),
    "flaky": ("flaky", "flaky", "pytest.mark.flaky(max_runs=3)"),
}


@pytest.mark.parametrize("passes_at", [1, 2, 3, 4])
@pytest.mark.parametrize("repeater", REPEATERS)
def test_attempts(run, repeater, passes_at):
    """Each attempt has a result of its own, with its steps and what it has printed."""
    module, plugin, mark = REPEATERS[repeater]
    pytest.importorskip(module)
    done = run(FLAKY.format(mark=mark, passes_at=passes_at), plugins=(plugin,))
    assert done.outcome.ret == (passes_at > 3)
    results = sorted(done.report.results, key=lambda result: result["start"])
    attempts = min(passes_at, 3)
    numbers = range(1, attempts + 1)
    assert [result["status"] for result in results] == [
        "passed" if number == passes_at else "failed" for number in numbers
    ]
    assert [[step["name"] for step in result["steps"]] for result in results] == [
        [f"step {number}"] for number in numbers
    ]
    for number, result in zip(numbers, results, strict=True):
        (stdout,) = [done.report.body(a) for a in result["attachments"] if a["name"] == "stdout"]
        assert stdout.strip() == f"attempt {number}"
        if number != passes_at:
            assert f"attempt {number}" in result["statusDetails"]["message"]
            assert "test_attempts.py" in result["statusDetails"]["trace"]
    assert len({result["historyId"] for result in results}) == 1


def test_an_attempt_that_is_skipped(run):
    """pytest-retry has pytest report the first and the last only."""
    pytest.importorskip("pytest_retry")
    done = run(
        """
        import pytest

        attempts = []

        @pytest.mark.flaky(retries=2, delay=0)
        def test_flaky():
            attempts.append(1)
            assert len(attempts) > 1
            pytest.skip("later")
        """,
        plugins=("pytest-retry",),
    )
    results = sorted(done.report.results, key=lambda result: result["start"])
    assert [result["status"] for result in results] == ["failed", "skipped", "skipped"]


# -- runs that are cut short

CUT_SHORT = """
    import allure
    import pytest

    @pytest.fixture(scope="module")
    def wide():
        stop("wide set-up")
        yield

    @pytest.fixture
    def fixture(wide):
        stop("set-up")
        yield
        stop("tear-down")

    @allure.feature("F")
    def test_stops(fixture):
        stop("call")

    def stop(where):
        if where == {where!r}:
            {how}
"""
HOOKS = """
    import pytest

    def stop():
        {how}

    def pytest_runtest_{hook}:
        stop()
"""
HOW = {
    "exit": ("import pytest; pytest.exit('enough')", "Exit: enough"),
    "interrupt": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
}


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("where", ["wide set-up", "set-up", "call", "tear-down"])
def test_a_run_that_ends_in_a_test(run, how, where):
    """The test is broken, says why and where, and has its labels."""
    code, message = HOW[how]
    done = run(CUT_SHORT.format(where=where, how=code), plugins=())
    (result,) = done.report.results
    assert result["status"] == "broken"
    assert message in result["statusDetails"]["message"]
    assert "in stop" in result["statusDetails"]["trace"] or code in result["statusDetails"]["trace"]
    assert {"name": "feature", "value": "F"} in result["labels"]


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize(
    ("hook", "status"),
    [
        ("logstart(nodeid)", "broken"),
        ("setup(item)", "broken"),
        ("call(item)", "broken"),
        ("teardown(item)", "broken"),
        ("makereport(item, call)", "broken"),
        ("logfinish(nodeid)", "passed"),
    ],
)
def test_a_run_that_ends_in_a_hook(run, pytester, how, hook, status):
    """So it is if a hook of a phase ends it; a test that pytest has counted is what it counts."""
    code, message = HOW[how]
    pytester.makeconftest(HOOKS.format(how=code, hook=hook))
    done = run("def test_one(): pass", plugins=())
    (result,) = done.report.results
    assert result["status"] == status
    assert status == "passed" or message in result["statusDetails"]["message"]


# -- subtests

SUBTESTS = """
    import pytest
    import unittest

    def test_first_is_broken(subtests):
        with subtests.test("one"):
            raise ValueError("one")
        with subtests.test("two"):
            assert False, "two"

    def test_skips_only(subtests):
        with subtests.test("one"):
            pytest.skip("one")
        with subtests.test("two"):
            pytest.xfail("two")

    def test_fails_and_skips(subtests):
        with subtests.test("one"):
            assert False, "one"
        pytest.skip("the rest")

    class TestUnit(unittest.TestCase):
        def test_unit(self):
            with self.subTest("one"):
                raise ValueError("one")
"""


@needs("_pytest.subtests")
def test_subtests(run):
    """A failed subtest fails the test, with the status of the first one; each keeps its own."""
    report = run(SUBTESTS, plugins=()).report
    statuses = {
        result["name"]: (result["status"], [step["status"] for step in result["steps"]])
        for result in report.results
    }
    assert statuses == {
        "test_first_is_broken": ("broken", ["broken", "failed"]),
        "test_skips_only": ("passed", ["skipped", "skipped"]),
        "test_fails_and_skips": ("failed", ["failed"]),
        "test_unit": ("broken", ["broken"]),
    }


# -- other plugins that have a say


@needs("pytest_rerunfailures")
def test_rerunfailures_of_some_errors_only(run):
    """What is not run again counts as it is."""
    source = """
        attempts = []

        def test_again():
            attempts.append(1)
            if len(attempts) < 3:
                raise ConnectionError("down")

        def test_once():
            raise ValueError("wrong")
    """
    done = run(source, "--reruns=2", "--only-rerun=ConnectionError", plugins=("rerunfailures",))
    assert outcomes(done.report) == [
        ("test_again", "broken", "ConnectionError: down"),
        ("test_again", "broken", "ConnectionError: down"),
        ("test_again", "passed", ""),
        ("test_once", "broken", "ValueError: wrong"),
    ]


@needs("pytest_repeat")
def test_repeated_tests(run):
    """Each repetition is a test of its own."""
    source = """
        import pytest

        seen = []

        @pytest.mark.repeat(3)
        def test_one():
            seen.append(1)
            assert len(seen) != 2, "the second"
    """
    done = run(source, plugins=("repeat",), passed=2, failed=1)
    results = sorted(done.report.results, key=lambda result: result["start"])
    assert [result["status"] for result in results] == ["passed", "failed", "passed"]
    assert len({result["historyId"] for result in results}) == 3


@needs("pytest_check")
def test_soft_checks(run):
    """A check that fails lets the test go on, and fails it once its body has ended."""
    source = """
        import allure
        from pytest_check import check

        def test_fails():
            with allure.step("step"):
                check.equal(1, 2, "not the same")
            with allure.step("goes on"):
                check.equal(3, 3)

        def test_raises_too():
            check.equal(1, 2, "not the same")
            raise ValueError("wrong")

        def test_passes():
            check.equal(1, 1)
    """
    done = run(source, plugins=("check",), passed=1, failed=2)
    assert [row[:2] for row in outcomes(done.report)] == [
        ("test_fails", "failed"),
        ("test_passes", "passed"),
        ("test_raises_too", "failed"),
    ]
    result = done.report["test_fails"]
    assert "not the same" in str(result["statusDetails"])
    assert [step["name"] for step in result["steps"]] == ["step", "goes on"]
    assert "ValueError: wrong" in str(done.report["test_raises_too"]["statusDetails"])


# What pytest-timeout does is done here when the test says so: a time could pass anywhere.
TIMEOUT = """
    import signal
    import threading
    import pytest

    def wait(where):
        if where == {where!r}:
            {how}

    @pytest.fixture
    def fixture():
        wait("set-up")
        yield
        wait("tear-down")

    def test_before():
        pass

    def test_waits(fixture):
        wait("call")
"""


@needs("pytest_timeout")
@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="there are no signals")
@pytest.mark.parametrize("where", ["set-up", "call", "tear-down"])
def test_a_timeout_by_a_signal(run, where):
    """The test fails where it waits, and the run goes on."""
    source = TIMEOUT.format(where=where, how="signal.raise_signal(signal.SIGALRM)")
    arguments = ("--timeout=600", "--timeout-method=signal")
    done = run(source, *arguments, plugins=("timeout",))
    before, (name, status, message) = outcomes(done.report)
    assert before == ("test_before", "passed", "")
    assert (name, status) == ("test_waits", "failed")
    assert "Timeout" in message
    assert "raise_signal" in done.report["test_waits"]["statusDetails"]["trace"]


@needs("pytest_timeout")
@needs("xdist")
@pytest.mark.parametrize("where", ["set-up", "call", "tear-down"])
def test_a_timeout_that_ends_the_process(run, where):
    """As its thread does it: under pytest-xdist that is a worker that dies."""
    how = "import pytest_timeout; pytest_timeout.timeout_timer(*timer_of())"
    source = (
        TIMEOUT.format(where=where, how=how)
        + """
    def timer_of():
        (timer,) = [t for t in threading.enumerate() if isinstance(t, threading.Timer)]
        return timer.args
    """
    )
    arguments = ("--timeout=600", "--timeout-method=thread", "-n1")
    done = run(source, *arguments, plugins=("timeout", "xdist"))
    before, (name, status, _) = outcomes(done.report)
    assert before == ("test_before", "passed", "")
    assert (name, status) == ("test_waits", "broken")
    assert "crashed while running" in done.report["test_waits"]["statusDetails"]["message"]
