"""What we put in the place of others' is taken away again, whatever tests have done meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from otel_allure.compat.patches import replace, undo_all
from otel_allure.testing.results import Results

TIDIES_NOTHING_UP = """
import logging
import sys
import threading
import allure
import allure_commons
from allure_commons._allure import StepContext
from opentelemetry import trace
from opentelemetry._logs import _internal as logs

def on_top(owner, name):
    inside = getattr(owner, name)
    def outside(*args, **kwargs):
        return inside(*args, **kwargs)
    setattr(owner, name, outside)

def test_keeps_its_patches():
    for owner, name in (
        (logging.Logger, "filter"),
        (logging.Logger, "callHandlers"),
        (threading.Thread, "start"),
        (StepContext, "__enter__"),
        (StepContext, "__call__"),
    ):
        on_top(owner, name)
    for proxy, name in ((trace.ProxyTracer, "_tracer"), (logs.ProxyLogger, "_logger")):
        inside = proxy.__dict__[name]
        setattr(proxy, name, property(lambda self, inside=inside: inside.fget(self)))
    sys.meta_path[:] = list(sys.meta_path)
    allure_commons.plugin_manager.unregister(name="otel_allure")

def test_goes_on():
    logging.getLogger("app").warning("said")
    with allure.step("step"):
        thread = threading.Thread(target=lambda: allure.attach("a"))
        thread.start()
        thread.join()
        trace.get_tracer("app").start_span("call").end()
"""

TWICE = """
import sys
import pytest

def run(number):
    return pytest.main(["-p", "no:cacheprovider", f"--alluredir=results{number}", *sys.argv[1:]])

codes = [int(run(number)) for number in range(3)]

import allure

with allure.step("after the runs"):
    pass

@allure.step
def decorated(): return 5

assert decorated() == 5
print("codes", codes)
"""


def test_runs_after_tests_that_tidy_nothing_up(pytester):
    """Each run of the process ends well and has its whole report, and steps go on working."""
    pytester.makepyfile(test_untidy=TIDIES_NOTHING_UP, twice=TWICE)
    done = subprocess.run(
        [sys.executable, "twice.py", "-p", "otel_allure", "test_untidy.py"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )
    assert "codes [0, 0, 0]" in done.stdout, done.stdout + done.stderr
    for number in range(3):
        report = Results(pytester.path / f"results{number}")
        assert [step["name"] for step in report["test_goes_on"]["steps"]][-1:] == ["step"]


def test_only_what_is_on_top_is_undone():
    class Owner:
        plain = 1

    undo = [replace(Owner, "plain", 2), replace(Owner, "new", 3)]
    undo_all(undo)
    assert (Owner.plain, vars(Owner).get("new")) == (1, None)
    undo = [replace(Owner, "plain", 2), replace(Owner, "new", 3)]
    Owner.plain = 4
    del Owner.new  # type: ignore[attr-defined]
    undo_all(undo)
    assert (Owner.plain, vars(Owner).get("new")) == (4, None)


def test_all_is_undone_whatever_fails():
    done = list[str]()

    def fails() -> None:
        done.append("fails")
        raise RuntimeError

    undo_all([lambda: done.append("last"), fails, lambda: done.append("first")])
    assert done == ["first", "fails", "last"]


@pytest.mark.parametrize("fails", ["_logs", "_greenlets", "provider"])
def test_one_failing_end_keeps_nothing_else_from_ending(run, pytester, fails):
    """The report is whole, the run's exit code that of its tests."""
    pytester.makeconftest(
        f"""
        def pytest_sessionstart(session):
            def stop():
                raise RuntimeError("not to be put back")
            part = session.config.pluginmanager.get_plugin("allure_listener").{fails}
            part.stop = part.uninstall = stop
        """
    )
    done = run("def test_passes(): pass", passed=1)
    assert done.outcome.ret == 0
    assert done.report["test_passes"]["status"] == "passed"
    assert "Traceback" not in done.outcome.stderr.str()
