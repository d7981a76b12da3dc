"""Many at once: threads, processes and sessions that write to one directory."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from otel_allure.inputs.span_processor import AllureSpanProcessor
from otel_allure.testing.results import Results, tree

from . import instrumentations

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")


@pytest.mark.usefixtures("only_steps")
def test_64_threads(tmp_path: Path) -> None:
    """Each has traces of its own, and spans in a trace that is everybody's."""
    provider = TracerProvider()
    provider.add_span_processor(AllureSpanProcessor(tmp_path))
    tracer = provider.get_tracer("app")
    barrier = threading.Barrier(64)
    shared = tracer.start_span("shared")
    everybodys = trace.set_span_in_context(shared)

    def work(number: int) -> None:
        barrier.wait(60)
        for again in range(3):
            with tracer.start_as_current_span(f"{number}.{again}") as own:
                tracer.start_span("below").end()
            tracer.start_span(own.name, everybodys).end()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    shared.end()
    provider.shutdown()
    found = {result["name"]: tree(result) for result in Results(tmp_path).results}
    names = {f"{number}.{again}" for number in range(64) for again in range(3)}
    assert sorted(found.pop("shared")) == sorted(names)
    assert found == {name: ["below"] for name in names}


PROCESSES = """
import os, sys
import pytest
from opentelemetry.sdk.trace import TracerProvider
from otel_allure import AllureSpanExporter, AllureSpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor

def service(number):
    provider = TracerProvider()
    mine = AllureSpanProcessor, lambda path: BatchSpanProcessor(AllureSpanExporter(path))
    provider.add_span_processor(mine[number % 2]("results"))
    tracer = provider.get_tracer("app")
    for again in range(5):
        with tracer.start_as_current_span(f"{number}.{again}"):
            tracer.start_span("below").end()
    provider.shutdown()

def session(number):
    options = ["-q", "-p", "no:cacheprovider", "-p", "otel_allure", "--alluredir=results"]
    assert pytest.main([*options, f"test_{number}.py"]) == 0

together, begin = os.pipe()
children = []
for work in [(service, n) for n in range(8)] + [(session, n) for n in range(3)]:
    child = os.fork()
    if not child:
        os.close(begin)
        os.read(together, 1)  # nothing comes: it is closed when all are there
        work[0](work[1])
        sys.stdout.flush()
        os._exit(0)
    children.append(child)
os.close(begin)
codes = [os.waitpid(child, 0)[1] for child in children]
assert codes == [0] * 11, codes
"""
SESSION = """
import allure, pytest

@pytest.fixture(scope="module")
def wide():
    with allure.step("connect"):
        pass

@pytest.mark.parametrize("n", range(5))
def test_it(wide, n):
    with allure.step(f"step {n}"):
        allure.attach("body", "note")
"""


@needs_fork
def test_8_processes_and_three_sessions(tmp_path: Path) -> None:
    """In one directory: nobody takes away, or writes over, what another one has written."""
    (tmp_path / "main.py").write_text(PROCESSES)
    for number in range(3):
        (tmp_path / f"test_{number}.py").write_text(SESSION)
    done = subprocess.run(
        [sys.executable, "main.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = Results(tmp_path / "results")
    of_tests = [result for result in report.results if "#test_it" in result.get("fullName", "")]
    assert sorted(result["fullName"] for result in of_tests) == sorted(
        f"test_{number}#test_it" for number in range(3) for _ in range(5)
    )
    for result in of_tests:
        assert result["status"] == "passed"
        (step,) = result["steps"]
        assert report.body(step["attachments"][0]) == "body"
        assert [fixture["name"] for fixture in report.fixtures_of(result)] == ["wide"]
    names = {result["name"] for result in report.results} - {r["name"] for r in of_tests}
    assert names == {f"{number}.{again}" for number in range(8) for again in range(5)}
    assert not list((tmp_path / "results").glob("*.tmp"))


STRICT = """
import asyncio, faulthandler, subprocess, sys, threading
import allure, pytest
from opentelemetry import trace
import otel_allure

@pytest.fixture(scope="session", autouse=True)
def wide():
    with allure.step("connect"):
        yield

@pytest.mark.parametrize("n", range(3))
def test_steps(n, tmp_path):
    file = tmp_path / "it.txt"
    file.write_text("x")
    with allure.step("outer"), trace.get_tracer("app").start_as_current_span("a span"):
        allure.attach.file(str(file))
        thread = threading.Thread(target=lambda: allure.attach("body", "note"))
        thread.start()
        thread.join()

def test_tasks():
    async def one():
        with allure.step("in a task"):
            await asyncio.sleep(0)

    async def both():
        await asyncio.gather(one(), one())

    asyncio.run(both())

def test_child():
    environment = otel_allure.environment()
    program = "import otel_allure\\nwith otel_allure.step('there'): pass"
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)

def test_it_is_strict():
    assert faulthandler.is_enabled() and sys.flags.dev_mode
"""


def test_strictly(tmp_path: Path) -> None:
    """In development mode, with warnings as errors: nothing is left open, and nothing is said."""
    pytest.importorskip("xdist")  # so it is the case in a controller, in a worker and in a child
    (tmp_path / "test_it.py").write_text(STRICT)
    options = ["-q", "-p", "otel_allure", "-p", "no:cacheprovider", "-p", "xdist", "-n1"]
    done = subprocess.run(
        [sys.executable, "-Werror", "-m", "pytest", "-Werror", *options, "--alluredir=results"],
        cwd=tmp_path,
        env={
            **os.environ,
            **instrumentations.NONE,
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTHONDEVMODE": "1",
            "PYTHONWARNINGS": "error",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert "arning" not in done.stdout
    assert "6 passed" in done.stdout
    assert len(Results(tmp_path / "results").results) == 6
