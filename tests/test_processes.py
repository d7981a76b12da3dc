"""Child processes: their steps come back into the test that started them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType

import pytest

from otel_allure.model.diagnostics import Diagnostics
from otel_allure.model.spans import Event, Link
from otel_allure.output.spool import Spool, is_read
from otel_allure.testing.results import Results, tree
from otel_allure.testing.spans import build_span

from . import instrumentations

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
METHODS = ["spawn"] if sys.platform == "win32" else ["fork", "forkserver", "spawn"]


# -- multiprocessing

WORK = """
    import allure
    import multiprocessing

    def work(n):
        with allure.step(f"outer {n}"):
            with allure.step(f"inner {n}"):
                allure.attach(str(n), f"attachment {n}")
                assert n != 2, "two"
"""


def worked(n: int) -> dict[str, object]:
    return {f"outer {n}": [{f"inner {n}": [f"[attachment {n}]"]}]}


FAILED = {"failed: outer 2": [{"failed: inner 2": ["[attachment 2]"]}]}


@pytest.mark.parametrize("method", METHODS)
def test_process(method, run):
    """Steps, attachments and failures of children are below the step that started them."""
    done = run(
        WORK
        + f"""
    class OwnRun(multiprocessing.get_context({method!r}).Process):
        def run(self):
            allure.attach("bare", "no step around it")
            work(3)

    def run_process(process):
        process.start()
        process.join()

    def test_process():
        context = multiprocessing.get_context({method!r})
        with allure.step("start"):
            for n in (1, 2):
                run_process(context.Process(target=work, args=(n,)))
        with allure.step("subclass"):
            run_process(OwnRun())
        with allure.step("after"):
            pass
        """,
        "--allure-no-capture",  # a failing process prints its traceback
        plugins=(),
        passed=1,
    )
    result = done.report["test_process"]
    assert tree(result) == [
        {"start": [worked(1), FAILED]},
        {"subclass": [{"no step around it": ["[no step around it]"]}, worked(3)]},
        "after",
    ]
    (inner,) = result["steps"][0]["steps"][0]["steps"]
    assert done.report.body(inner["attachments"][0]) == "1"
    assert len(done.report.results) == 1


@pytest.mark.parametrize("method", METHODS)
def test_pools(method, run):
    """Each piece of work is in the step that asked for it, not in that which started the worker.

    Two tests share a pool, and two threads use it at the same time, in different steps.
    """
    done = run(
        WORK
        + f"""
    import pytest
    import threading
    from concurrent.futures import ProcessPoolExecutor

    @pytest.fixture(scope="module")
    def executor():
        context = multiprocessing.get_context({method!r})
        with ProcessPoolExecutor(1, mp_context=context) as executor:
            executor.submit(int).result()
            yield executor

    def test_executor(executor):
        both = threading.Barrier(2)

        def ask(n):
            with allure.step(f"ask for {{n}}"):
                both.wait(20)
                executor.submit(work, n).result()
                both.wait(20)

        with allure.step("threads"):
            threads = [threading.Thread(target=ask, args=(n,)) for n in (1, 3)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

    def test_same_executor(executor):
        with allure.step("map"):
            list(executor.map(work, [4, 5]))
        with allure.step("fails"), pytest.raises(AssertionError):
            executor.submit(work, 2).result()

    def test_pool():
        with multiprocessing.get_context({method!r}).Pool(1) as pool:
            with allure.step("map"):
                pool.map(work, [1])
            with allure.step("apply"):
                pool.apply(work, (3,))
            with allure.step("starmap"):
                pool.starmap(work, [(4,)])
            with allure.step("imap"):
                list(pool.imap(work, [5], 2)), list(pool.imap_unordered(work, [6]))
        """,
        plugins=(),
        passed=3,
    )
    (threads,) = done.report["test_executor"]["steps"]
    asked = sorted(tree(threads), key=str)
    assert asked == [{"ask for 1": [worked(1)]}, {"ask for 3": [worked(3)]}]
    assert tree(done.report["test_same_executor"]) == [
        {"map": [worked(4), worked(5)]},
        {"fails": [FAILED]},
    ]
    assert tree(done.report["test_pool"]) == [
        {"map": [worked(1)]},
        {"apply": [worked(3)]},
        {"starmap": [worked(4)]},
        {"imap": [worked(5), worked(6)]},
    ]


LOOKS = """
    import allure
    import concurrent.futures
    import multiprocessing
    import multiprocessing.pool
    import pytest
    import traceback
    from concurrent.futures import ProcessPoolExecutor
    from unittest import mock

    CONTEXT = multiprocessing.get_context("METHOD")
    POOLS = [CONTEXT.Pool, multiprocessing.pool.ThreadPool]

    def files(**named):
        with allure.step("work"):
            return {frame.filename for frame in traceback.extract_stack()}, type(named), named

    def fails(_=None):
        raise KeyError("x")

    def of_ours(names):
        return [name for name in names if "otel_allure" in name]
"""


@pytest.mark.parametrize("method", METHODS)
def test_pools_look_as_always(method, run):
    """Functions are what was given; no frame of ours is below them or in a traceback."""
    done = run(
        LOOKS.replace("METHOD", method)
        + """
    def trace_of(error):
        return "".join(traceback.format_exception(type(error), error, error.__traceback__))

    def test_executor():
        class Executor(ProcessPoolExecutor):
            def submit(self, fn, /, *args, **kwargs):
                submitted.append(fn)
                return super().submit(fn, *args, **kwargs)

        submitted = []
        with Executor(1, mp_context=CONTEXT) as executor, allure.step("outer"):
            executor.submit(int).result()
            seen, kind, named = executor.submit(files, a=1).result()
            future = executor.submit(fails)
            with pytest.raises(KeyError) as failed:
                future.result()
            unpicklable = lambda: 1
            with pytest.raises(Exception, match="lambda") as refused:
                executor.submit(unpicklable).result()
        assert submitted == [int, files, fails, unpicklable]
        assert (kind, named) == (dict, {"a": 1})
        if "METHOD" == "spawn":
            assert of_ours(seen) == []
        assert of_ours(trace_of(failed.value).splitlines()) == []
        assert of_ours(trace_of(refused.value).splitlines()) == []

    @pytest.mark.parametrize("pool", POOLS)
    def test_pool(pool):
        with pool(1) as pool, allure.step("outer"):
            seen, kind, named = pool.apply(files, (), {"a": 1})
            assert (kind, named) == (dict, {"a": 1})
            if "METHOD" == "spawn":
                assert of_ours(seen - {__file__}) == []
            for ask in pool.apply, lambda f: pool.map(f, [1]), lambda f: list(pool.imap(f, [1])):
                with pytest.raises(KeyError) as failed:
                    ask(fails)
                assert of_ours(trace_of(failed.value).splitlines()) == []

    def wait(event):
        event.wait(60)

    def test_what_is_submitted_is_compared():
        go_on = CONTEXT.Event()
        with ProcessPoolExecutor(1, CONTEXT, wait, (go_on,)) as executor:
            first = executor.submit(int)
            with mock.patch.object(executor, "submit") as submit:
                executor.submit(files)
            submit.assert_called_once_with(files)
            with mock.patch.object(executor, "_start_executor_manager_thread"):
                future = executor.submit(files, 1, b=2)
            item = executor._pending_work_items[max(executor._pending_work_items)]
            go_on.set()
            assert first.result() == 0
            assert (item.fn, item.args, item.kwargs) == (files, (1,), {"b": 2})
            assert isinstance(future.exception(), TypeError)
        """.replace("METHOD", method),
        plugins=(),
        passed=4,
    )
    assert tree(done.report["test_executor"]) == [{"outer": ["work"]}]


def test_thread_pools_of_multiprocessing(run):
    """They need no process, and each piece of work is in the step that asked for it."""
    done = run(
        WORK
        + """
    import pytest
    from multiprocessing.pool import ThreadPool

    @pytest.fixture(scope="module")
    def pool():
        with ThreadPool(1) as pool:
            yield pool

    @pytest.mark.parametrize("number", [1, 2])
    def test_pool(pool, number):
        with allure.step("map"):
            pool.map(work, [1])
        with allure.step("apply"):
            pool.apply(work, (), {"n": 3})
        with allure.step("ask"):
            later = pool.imap(work, [4, 5], 2)
            mixed = pool.apply_async(allure.step("decorated")(lambda: None), ())
        with allure.step("wait"):
            list(later), mixed.get()
        """,
        plugins=(),
        passed=2,
    )
    for result in done.report.results:
        assert tree(result) == [
            {"map": [worked(1)]},
            {"apply": [worked(3)]},
            {"ask": [worked(4), worked(5), "decorated"]},
            "wait",
        ]


@needs_fork
def test_pool_that_is_terminated_while_it_has_work(run):
    """It takes work out of its queue itself then: nothing of that is current where it is ended."""
    done = run(
        """
        import allure
        import multiprocessing

        context = multiprocessing.get_context("fork")
        begun, never = context.Event(), context.Event()

        def wait(_):
            begun.set()
            never.wait()

        def test_terminate():
            pool = context.Pool(1)
            with allure.step("ask"):
                pool.map_async(wait, [b"more than a pipe holds" * 1000] * 20, 1)
                assert begun.wait(20)
            pool.terminate()
            pool.join()
            with allure.step("after"):
                pass
        """,
        plugins=(),
        passed=1,
    )
    assert tree(done.report["test_terminate"]) == ["ask", "after"]


def test_children_of_children(run):
    """Initializers, grandchildren, and forks of spawned children."""
    methods = METHODS[::-1]
    done = run(
        WORK
        + f"""
    def below(methods):
        with allure.step("in a child"):
            context = multiprocessing.get_context(methods[0])
            rest = methods[1:]
            target, args = (below, (rest,)) if rest else (work, (1,))
            process = context.Process(target=target, args=args)
            process.start()
            process.join()

    def test_all():
        with multiprocessing.get_context("spawn").Pool(1, initializer=work, initargs=(4,)) as pool:
            pool.apply(int)
        with allure.step("start"):
            below({methods})
        """,
        plugins=(),
        passed=1,
    )
    expected = worked(1)
    for _ in methods:
        expected = {"in a child": [expected]}
    assert tree(done.report["test_all"]) == [worked(4), {"start": [expected]}]


def test_instrumentations(run):
    """What is activated for the report is active in a spawned child; its own threads too."""
    done = run(
        """
        import aiohttp
        import allure
        import asyncio
        import multiprocessing
        import pytest
        import threading

        async def ask():
            async with aiohttp.ClientSession() as session:
                with pytest.raises(aiohttp.ClientConnectionError):
                    await session.get("http://127.0.0.1:1/nobody")

        def work():
            thread = threading.Thread(target=asyncio.run, args=(ask(),))
            thread.start()
            thread.join()

        def test_child():
            with allure.step("start"):
                child = multiprocessing.get_context("spawn").Process(target=work)
                child.start()
                child.join()
        """,
        "--allure-otel-instrument=aiohttp-client",
        plugins=(),
        passed=1,
    )
    (start,) = done.report["test_child"]["steps"]
    assert [step["name"].split()[0] for step in start["steps"]] == ["GET"]


@needs_fork
def test_bare_fork(run):
    """A step that is open at the fork ends in both processes, and is there once."""
    done = run(
        """
        import allure
        import os

        def test_fork():
            with allure.step("parent"):
                pid = os.fork()
                if not pid:
                    allure.attach("text", "attached in the child")
                    with allure.step("child"):
                        pass
            if not pid:
                os._exit(0)
            os.waitpid(pid, 0)
            with allure.step("after"):
                pass
        """,
        plugins=(),
        passed=1,
    )
    assert tree(done.report["test_fork"]) == [
        {"parent": [{"attached in the child": ["[attached in the child]"]}, "child"]},
        "after",
    ]
    assert len(done.report.results) == 1


@needs_fork
def test_fork_between_phases(run, pytester):
    """The child has a copy of the test that nobody reads; what it attaches is sent on its own."""
    pytester.makeconftest(
        """
        import allure
        import os

        def pytest_runtest_logstart():
            pid = os.fork()
            if not pid:
                allure.attach("text", "attached in the child")
                os._exit(0)
            os.waitpid(pid, 0)
        """
    )
    done = run("def test_it(): pass", plugins=(), passed=1)
    assert tree(done.report["test_it"]) == [{"attached in the child": ["[attached in the child]"]}]


@needs_fork
@pytest.mark.parametrize("mode", ["shared", "isolated"])
@pytest.mark.parametrize("scope", ["function", "module", "session"])
def test_fork_by_a_fixture(run, scope, mode):
    """All that the child does is the fixture's: it cannot know which test runs by then."""
    done = run(
        f"""
        import allure
        import logging
        import os
        import pytest

        class Child:
            def __init__(self):
                (to_child, self.ask), (self.answer, from_child) = os.pipe(), os.pipe()
                self.pid = os.fork()
                if self.pid:
                    return
                os.close(self.ask)
                while name := os.read(to_child, 1).decode():
                    with allure.step(name):
                        with allure.step("inside"):
                            logging.warning("in %s", name)
                        allure.attach(name, "seen")
                    os.write(from_child, b".")
                os._exit(0)

            def do(self, name):
                os.write(self.ask, name.encode())
                os.read(self.answer, 1)

        @pytest.fixture(scope={scope!r})
        def child():
            with allure.step("start"):
                child = Child()
                child.do("a")
            child.do("b")
            yield child
            os.close(child.ask)
            os.waitpid(child.pid, 0)

        def test_one(child):
            with allure.step("ask"):
                child.do("c")

        def test_two(child):
            child.do("d")
        """,
        f"--allure-otel-context={mode}",
        plugins=(),
        passed=2,
    )
    assert tree(done.report["test_one"]) == ["ask"]
    assert tree(done.report["test_two"]) == []
    for name in ("one", "two"):
        (before,) = done.report.fixtures_of(done.report[f"test_{name}"])
        asked = (
            ["a", "b", "c", "d"]
            if scope != "function"
            else ["a", "b", "c" if name == "one" else "d"]
        )
        assert tree(before) == [{"start": [{n: [{"inside": ["[log]"]}, "[seen]"]} for n in asked]}]


@pytest.mark.parametrize("method", METHODS)
def test_killed(method, run):
    """What ended before is there, what did not is shown as unfinished."""
    done = run(
        f"""
        import allure
        import multiprocessing
        import os
        import signal

        def work():
            with allure.step("killed"):
                with allure.step("done"):
                    pass
                os.kill(os.getpid(), signal.SIGKILL)

        def test_killed():
            child = multiprocessing.get_context({method!r}).Process(target=work)
            child.start()
            child.join()
            assert child.exitcode == -signal.SIGKILL
        """,
        plugins=(),
        passed=1,
    )
    (killed,) = done.report["test_killed"]["steps"]
    assert tree(killed) == ["done"]
    assert (killed["name"], killed["status"]) == ("killed", "unknown")


def test_program_of_a_fixture(run, pytester):
    """It lives as long as the fixture, and is killed: what it had done is there."""
    pytester.makepyfile(
        server=WITH_PROVIDER.format(processor="AllureSpanProcessor()")
        + """
    import allure

    with allure.step("serve"):
        with allure.step("ready"):
            pass
        print("ready", flush=True)
        input()
        """
    )
    done = run(
        """
        import allure, otel_allure, pytest, subprocess, sys

        @pytest.fixture(scope="session")
        def server():
            command = [sys.executable, "server.py"]
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
            with allure.step("start"):
                child = subprocess.Popen(command, env=otel_allure.environment(), **pipes)
                assert child.stdout.readline() == b"ready\\n"
            with child:
                yield
                child.kill()

        def test_server(server):
            pass
        """,
        plugins=(),
        passed=1,
    )
    result = done.report["test_server"]
    (fixture,) = done.report.fixtures_of(result)
    assert tree(fixture) == [{"start": [{"unknown: serve": ["ready"]}]}]
    assert (tree(result), len(done.report.results)) == ([], 1)


@pytest.mark.parametrize("method", METHODS)
def test_dynamic_in_a_child(method, run):
    """The test is the parent's: what a child says of it is told to be missing."""
    done = run(
        f"""
        import allure
        import multiprocessing

        def work():
            allure.dynamic.title("by the child")

        def test_title():
            child = multiprocessing.get_context({method!r}).Process(target=work)
            child.start()
            child.join()
            assert child.exitcode == 0
        """,
        plugins=(),
        passed=1,
    )
    assert done.report["test_title"]
    done.outcome.stdout.fnmatch_lines(["*allure.dynamic was used where no test runs*"])


# -- children that live longer


@pytest.mark.parametrize("method", METHODS)
def test_child_that_outlives_its_test(method, run):
    """The result of its test is amended, not that of the test that runs by then."""
    done = run(
        f"""
        import allure
        import multiprocessing

        context = multiprocessing.get_context({method!r})
        children = []

        def work(go_on):
            with allure.step("work"):
                go_on.wait(20)

        def test_one():
            with allure.step("start"):
                go_on = context.Event()
                child = context.Process(target=work, args=(go_on,))
                child.start()
                children.append((child, go_on))

        def test_two():
            ((child, go_on),) = children
            go_on.set()
            child.join()
        """,
        plugins=(),
        passed=2,
    )
    assert tree(done.report["test_one"]) == [{"start": ["work"]}]
    assert tree(done.report["test_two"]) == []


LATE = """
    import allure
    import os
    import sys

    def work(after, done):
        with allure.step("in time"):
            os.write(done, b"x")
        os.read(after, 1)  # until the session is over
        with allure.step("late"):
            with allure.step("inner"):
                pass
        os.write(done, b"x")

    if __name__ == "__main__":
        work(*map(int, sys.argv[1:]))
"""

AFTER_THE_SESSION = """
    import atexit
    import os
    import select

    def pytest_configure(config):
        config.pipes = os.pipe()
        config.ends = os.pipe()

        @atexit.register
        def let_it_go_on():
            os.write(config.pipes[1], b"x")
            config.wait_for_child()

        def wait_for_child():
            assert select.select([config.ends[0]], [], [], 20)[0], "the child said nothing"
            os.read(config.ends[0], 1)

        config.wait_for_child = wait_for_child
"""


@needs_fork
@pytest.mark.parametrize("kind", ["fork", "spawn", "program"])
def test_child_that_outlives_the_session(kind, run, pytester):
    """What ends then is not lost: it is outside of tests, or a result of the program's own."""
    pytester.makepyfile(late=LATE, other=WITH_PROVIDER.format(processor="AllureSpanProcessor()"))
    pytester.makeconftest(AFTER_THE_SESSION)
    done = run(
        f"""
        import multiprocessing
        import os
        import subprocess
        import sys

        import late
        import otel_allure

        def spawned(after, done):
            late.work(after.detach(), done.detach())

        def test_child(request):
            after, done = request.config.pipes[0], request.config.ends[1]
            if {kind!r} == "fork":
                if not os.fork():
                    late.work(after, done)
                    os._exit(0)
            elif {kind!r} == "spawn":
                from multiprocessing.reduction import DupFd
                context = multiprocessing.get_context("spawn")
                ends = DupFd(after), DupFd(done)
                child = context.Process(target=spawned, args=ends, daemon=None)
                child.start()
                # So that multiprocessing does not wait for it at exit.
                multiprocessing.process._children.discard(child)
            else:
                script = "import other, late; late.work({{}}, {{}})".format(after, done)
                command = [sys.executable, "-c", script]
                subprocess.Popen(command, env=otel_allure.environment(), pass_fds=(after, done))
            request.config.wait_for_child()
        """,
        "-W",
        "ignore",
        plugins=(),
        passed=1,
    )
    report = done.report
    assert tree(report["test_child"]) == ["in time"]
    late = [result for result in report.results if result["name"] != "test_child"]
    texts = [
        report.body(attachment)
        for item in report.globals
        for attachment in item["attachments"]
        if attachment["name"] == "Outside of tests"
    ]
    if kind == "program":
        assert [(r["name"], tree(r)) for r in late] == [("late", ["inner"])]
        assert texts == []
    else:
        assert late == []
        lines = "".join(texts)
        assert (lines.count("late"), lines.count("inner")) == (1, 1)


# -- programs

APP = """
    import sys
    import threading
    import allure
    from opentelemetry import trace

    tracer = trace.get_tracer("app")
    thread = threading.Thread(target=lambda: tracer.start_span("span in a thread").end())
    thread.start()
    thread.join()
    with allure.step(sys.argv[1]):
        with allure.step("inner"):
            allure.attach("body", "attached")
        try:
            with allure.step("fails"):
                raise AssertionError("no")
        except AssertionError:
            pass
"""
APP_STEPS = [{"inner": ["[attached]"]}, "failed: fails"]
IN_THREAD = "span in a thread"

WITH_PROVIDER = """
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from otel_allure import AllureSpanExporter
    from otel_allure import AllureSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor({processor})
    trace.set_tracer_provider(provider)
"""


def provided(processor: str) -> str:
    return WITH_PROVIDER.format(processor=processor) + APP


RUN = ["-m", "otel_allure.cli.main", "run", sys.executable]
INSTRUMENT = [
    "-c",
    "from opentelemetry.instrumentation.auto_instrumentation import run; run()",
    sys.executable,
]
ONLY_TRACES = {
    "OTEL_TRACES_EXPORTER": "allure",
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none",
    **instrumentations.NONE,
}


@pytest.mark.parametrize(
    ("app", "options", "variables"),
    [
        pytest.param(APP, RUN, instrumentations.NONE, id="otel-allure run"),
        pytest.param(APP, INSTRUMENT, ONLY_TRACES, id="opentelemetry-instrument"),
        pytest.param(provided("BatchSpanProcessor(AllureSpanExporter())"), [], {}, id="exporter"),
        pytest.param(provided("AllureSpanProcessor()"), [], {}, id="processor"),
        pytest.param(provided("AllureSpanProcessor('results')"), [], {}, id="directory named"),
    ],
)
def test_program(app, options, variables, run, pytester):
    """Its steps are below the step that started it, and it writes no results of its own."""
    pytester.makepyfile(app=app)
    done = run(
        f"""
        import allure, otel_allure, subprocess, sys

        def test_program():
            with allure.step("before"):
                pass
            with allure.step("start"):
                command = [sys.executable, *{options}, "app.py", "app"]
                environment = {{**otel_allure.environment(), **{variables}}}
                subprocess.run(command, env=environment, check=True)
        """,
        "--allure-no-capture",
        plugins=(),
        passed=1,
    )
    result = done.report["test_program"]
    steps = {"steps": result["steps"]}  # there may be a picture of them, too
    assert tree(steps) == ["before", {"start": [IN_THREAD, {"app": APP_STEPS}]}]
    assert len(done.report.results) == 1
    start = result["steps"][1]
    _, app_step = start["steps"]
    assert done.report.body(app_step["steps"][0]["attachments"][0]) == "body"
    assert start["start"] <= app_step["start"] <= app_step["stop"] <= start["stop"]


def test_programs_of_concurrent_steps(run, pytester):
    """Each is below the step that started it, also under xdist."""
    pytester.makepyfile(app=provided("AllureSpanProcessor()"))
    done = run(
        """
        import allure, asyncio, otel_allure, pytest, sys

        async def start(name):
            with allure.step(f"start {name}"):
                command = [sys.executable, "app.py", name]
                environment = otel_allure.environment()
                child = await asyncio.create_subprocess_exec(*command, env=environment)
                assert await child.wait() == 0

        @pytest.mark.parametrize("number", [1, 2])
        async def test_programs(number):
            await asyncio.gather(start(f"{number}a"), start(f"{number}b"))
        """,
        "-n",
        "2",
        plugins=("asyncio", "xdist"),
        passed=2,
    )
    for number in (1, 2):
        steps = {"steps": done.report[f"test_programs[{number}]"]["steps"]}
        assert sorted(tree(steps), key=str) == [
            {f"start {number}{letter}": [IN_THREAD, {f"{number}{letter}": APP_STEPS}]}
            for letter in "ab"
        ]
    assert len(done.report.results) == 2


def test_programs_of_their_own(run, pytester):
    """A run of pytest, another directory, no environment from us: they write what they do else."""
    pytester.makepyfile(
        app=provided("AllureSpanProcessor()"),
        elsewhere=provided("AllureSpanProcessor('elsewhere')"),
        nested="""
            import allure

            def test_nested():
                with allure.step("nested"):
                    pass
        """,
    )
    done = run(
        """
        import allure, os, otel_allure, subprocess, sys

        def start(*arguments, env):
            subprocess.run([sys.executable, *arguments], env=env, check=True)

        def test_programs():
            environment = otel_allure.environment()
            options = ["-p", "otel_allure", "-p", "no:cacheprovider", "--alluredir=of-nested"]
            start("-m", "pytest", *options, "nested.py", env=environment)
            start("elsewhere.py", "app", env=environment)
            start("app.py", "app", env={**os.environ})
        """,
        plugins=(),
        passed=1,
    )
    assert tree(done.report["test_programs"]) == ["[stdout]"]
    assert len(done.report.results) == 1
    own = {name: Results(name) for name in ("of-nested", "elsewhere", "allure-results")}
    assert tree(own["of-nested"]["test_nested"]) == ["nested"]
    assert tree(own["elsewhere"]["app"]) == tree(own["allure-results"]["app"]) == APP_STEPS
    assert [len(results.results) for results in own.values()] == [1, 2, 2]  # the thread's too


def test_program_with_traces_of_its_own(run, pytester):
    """What it begins anew is outside of tests, like such a span in the test's own process."""
    pytester.makepyfile(
        app=WITH_PROVIDER.format(processor="AllureSpanProcessor()")
        + """
    from opentelemetry.context import Context

    with trace.get_tracer("app").start_as_current_span("anew", Context()):
        pass
        """
    )
    done = run(
        """
        import otel_allure, subprocess, sys

        def test_program():
            subprocess.run([sys.executable, "app.py"], env=otel_allure.environment(), check=True)
        """,
        plugins=(),
        passed=1,
    )
    assert tree(done.report["test_program"]) == []
    done.outcome.stdout.fnmatch_lines(["*1 steps or spans outside of tests*the first is 'anew'*"])


def test_example_of_the_documentation(run, pytester, monkeypatch):
    page = Path(__file__).parent.parent / "docs" / "processes.md"
    (snippet,) = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    scripts = str(Path(sys.executable).parent)
    monkeypatch.setenv("PATH", scripts, prepend=os.pathsep)
    (pytester.path / "import.py").write_text("import allure\nwith allure.step('one'): pass\n")
    done = run(snippet, "--allure-no-capture", plugins=(), passed=1)
    assert tree(done.report["test_import"]) == [{"import the catalogue": ["one"]}]


# -- the files in between


@pytest.fixture
def spools() -> Iterator[tuple[Spool, Spool]]:
    """A parent's, and a child's."""
    parent = Spool(lambda: None)
    parent.prepare(Diagnostics())
    child = Spool(lambda: None, parent.for_child(""))
    yield parent, child
    child.close()
    parent.close()


def test_a_child_that_comes_too_late(spools, monkeypatch):
    """It hears so, also where a directory with an open file in it cannot be renamed (Windows)."""

    def in_use(path: str, target: str) -> None:
        raise PermissionError(13, "in use", path)

    parent, child = spools
    assert child.write([build_span("early", 1)])
    monkeypatch.setattr("otel_allure.compat.kept.rename", in_use)
    parent.seal()
    assert not child.write([build_span("late", 2)])
    assert read(parent)[:1] == ["early"]
    assert not is_read(directory_of(parent))


def directory_of(parent: Spool) -> str:
    told = parent.for_child("")
    assert told is not None
    return told.spool


def read(parent: Spool) -> list[str]:
    diagnostics = Diagnostics()
    names = [span.name for span in parent.read(diagnostics)]
    return names + diagnostics.lines()


def test_nothing_is_read_or_written_at_a_fork(run):
    """It may be in an event loop, under something that watches for calls that block."""
    run(
        """
        import os
        import sys

        seen, watching = [], []

        def watch(event, arguments):
            if watching:
                seen.append((event, str(arguments)))

        def test_fork():
            sys.addaudithook(watch)
            watching.append(True)
            child = os.fork()
            if not child:
                os._exit(seen != [("os.fork", "()")])
            watching.clear()
            assert os.waitpid(child, 0)[1] == 0
            assert seen == [("os.fork", "()")]
        """,
        "-s",
        plugins=(),
        passed=1,
    )


CHILDREN = """
    import allure
    import multiprocessing
    import os
    import otel_allure
    import pytest
    import subprocess
    import sys

    def child():
        with allure.step("in a child"):
            pass

    def test_fork():
        with allure.step("fork"):
            pid = os.fork()
            if not pid:
                child()
                os._exit(0)
            assert os.waitpid(pid, 0)[1] == 0

    @pytest.mark.parametrize("method", ["fork", "spawn"])
    def test_process(method):
        with allure.step(method):
            process = multiprocessing.get_context(method).Process(target=child)
            process.start()
            process.join()
            assert process.exitcode == 0

    def test_program():
        with allure.step("program"):
            subprocess.run([sys.executable, "-c", ""], env=otel_allure.environment(), check=True)
"""

NOT_FOLLOWED = "following child processes, whose steps are missing*: FileNotFoundError*"


def test_without_a_usable_temporary_directory(run, pytester):
    """Children are not followed, which is said once; they run as they would without a report."""
    pytester.makepyfile(nowhere="import tempfile\ntempfile.tempdir = '/no/such/directory'")
    done = run(CHILDREN, "-s", plugins=("nowhere",), passed=4)
    done.outcome.stdout.fnmatch_lines([NOT_FOLLOWED])
    assert len([line for line in done.outcome.outlines if "child processes" in line]) == 1
    assert {r["name"]: tree(r) for r in done.report.results} == {
        "test_fork": ["fork"],
        "test_process[fork]": ["fork"],
        "test_process[spawn]": ["spawn"],
        "test_program": ["program"],
    }


def test_nobody_asks_for_a_temporary_directory(run, pytester):
    """Then nothing is said."""
    pytester.makepyfile(nowhere="import tempfile\ntempfile.tempdir = '/no/such/directory'")
    done = run("def test(): pass", "-s", plugins=("nowhere",), passed=1)
    done.outcome.stdout.no_fnmatch_line("*not complete*")


def test_the_directory_is_removed_by_somebody(run, pytester):
    """By a test that tidies up: noted, and nothing breaks; what children do is not lost."""
    pytester.makepyfile(elsewhere="import tempfile\ntempfile.tempdir = tempfile.mkdtemp()")
    pytester.makeconftest(
        """
        import pathlib
        import shutil
        import tempfile

        def pytest_runtest_setup(item):
            for path in pathlib.Path(tempfile.tempdir).glob("otel-allure-*"):
                shutil.rmtree(path)
        """
    )
    done = run(CHILDREN, "-s", plugins=("elsewhere",), passed=4)
    done.outcome.stdout.fnmatch_lines([NOT_FOLLOWED])
    assert len(done.report.results) == 4


def test_each_record_is_read_once(spools):
    """Whatever its attributes are; and what a child could not do."""
    parent, child = spools
    event = Event("event", 1, MappingProxyType({"bytes": b"\x00\xff"}))
    link = Link(3, 4, {"lone": "\udc80"})
    attributes = {"big": 2**127, "map": MappingProxyType({"none": None}), "object": object}
    span = build_span("one", 1, events=(event,), links=(link,), attributes=attributes)
    assert child.write([span])
    (found,) = parent.read(Diagnostics())
    assert found.events == [event]
    assert found.links == [link]
    assert found.attributes == {**attributes, "object": str(object)}
    child.note("attaching", "no such file")
    assert child.write([build_span("two", 2)])
    assert read(parent) == ["two", "attaching: no such file"]
    assert read(parent) == []


def files_of_children(parent: Spool) -> list[Path]:
    """Return the files that children write to: all but the mark that somebody reads them."""
    directory = Path(directory_of(parent))
    return [path for path in directory.iterdir() if path.name != "is-read"]


def test_half_a_record_is_left_until_the_rest_has_come(spools):
    parent, child = spools
    assert child.write([build_span("one", 1), build_span("two", 2)])
    (path,) = files_of_children(parent)
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    assert read(parent) == ["one"]
    path.write_bytes(whole)
    assert read(parent) == ["two"]


@needs_fork
def test_files_of_children_that_have_ended_are_removed(spools):
    """Else each test would look at those of all before."""
    parent, child = spools
    assert child.write([build_span("of a child that lives", 1)])
    code = (
        "import sys; from otel_allure.output.spool import ParentReport, Spool;"
        "Spool(id, ParentReport(*sys.argv[1:])).note('a', 'b')"
    )
    options = ["-W", "error"]
    told = parent.for_child("")
    assert told is not None
    subprocess.run([sys.executable, *options, "-c", code, *told], check=True)
    assert sorted(read(parent)) == ["a: b", "of a child that lives"]
    assert len(files_of_children(parent)) == 1
    assert child.write([build_span("of a child that still lives", 2)])
    assert read(parent) == ["of a child that still lives"]


def test_what_is_written_when_nobody_reads_any_more(spools):
    """The child is told, and what it has written before is still read."""
    parent, child = spools
    assert child.write([build_span("in time", 1)])
    parent.seal()
    assert not child.write([build_span("late", 2)])
    assert read(parent) == ["in time"]


# -- what is left alone


def test_pools_are_imported_by_who_uses_them(run):
    """Only the start of a process is needed to be there first; nobody looks at imports."""
    run(
        """
        import sys

        def test_before():
            assert not {"multiprocessing.pool", "concurrent.futures.process"} & set(sys.modules)
            finders = [type(finder).__module__ for finder in sys.meta_path]
            assert not [name for name in finders if name.startswith("otel_allure")]
        """,
        plugins=(),
        passed=1,
    )


def test_undone():
    """Without a report everything is as it was, also what was imported meanwhile."""
    code = """
import sys

from otel_allure.processes.multiprocessing_hooks import follow_processes

from multiprocessing.pool import Pool
from multiprocessing.process import BaseProcess
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import _WorkItem

def followed():
    return BaseProcess.start, _WorkItem.__init__, Pool.apply_async, Pool._guarded_task_generation

def left_alone():
    methods = [ProcessPoolExecutor.submit, Pool.apply, Pool.imap, Pool._map_async]
    return [(method, method.__code__) for method in methods]

methods, others = followed(), left_alone()
codes = [method.__code__ for method in methods]
finders = list(sys.meta_path)
undo = follow_processes()
assert methods == followed()
assert all(method.__code__ is not code for method, code in zip(methods, codes))
assert others == left_alone()
assert sys.meta_path == finders
undo()
assert methods == followed()
assert [method.__code__ for method in methods] == codes
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_environment_outside_of_a_session(monkeypatch):
    """It is `os.environ`, with the current span."""
    from opentelemetry.sdk.trace import TracerProvider

    import otel_allure

    monkeypatch.setenv("TRACEPARENT", "of the parent")
    assert otel_allure.environment() == dict(os.environ)
    with TracerProvider().get_tracer("test").start_as_current_span("span") as span:
        environment = otel_allure.environment()
        context = span.get_span_context()
        expected = f"00-{context.trace_id:032x}-{context.span_id:016x}-"
        assert environment.pop("TRACEPARENT").startswith(expected)
    assert environment == {name: os.environ[name] for name in os.environ if name != "TRACEPARENT"}
