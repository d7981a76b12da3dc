"""Steps in threads nest below the step that started the work."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from otel_allure import step, threads

from .test_step import Recording
from .test_step import recording as bare_recording

recording_without_threads = bare_recording


@pytest.fixture
def recording(recording_without_threads) -> Recording:
    undo = threads.hand_over_contexts()
    yield recording_without_threads
    undo()


def work(name="work"):
    with step(name):
        pass


class OwnRun(threading.Thread):
    def run(self):
        work()


def run_thread(thread):
    thread.start()
    thread.join()


@pytest.mark.parametrize(
    "start",
    [
        lambda: run_thread(threading.Thread(target=work)),
        lambda: run_thread(OwnRun()),
        lambda: run_thread(threading.Timer(0, work)),
        lambda: ThreadPoolExecutor(1).submit(work).result(),
        lambda: list(ThreadPoolExecutor(1).map(work, ["work"])),
        lambda: asyncio.run(asyncio.to_thread(work)),
        lambda: asyncio.run(_in_executor()),
    ],
    ids=["Thread", "subclass", "Timer", "submit", "map", "to_thread", "run_in_executor"],
)
def test_below_the_step_that_started_it(recording, start):
    with recording.test(), step("parent"):
        start()
    assert recording.tree() == [{"parent": ["work"]}]


async def _in_executor():
    await asyncio.get_running_loop().run_in_executor(None, work)


def test_threads_started_by_threads(recording):
    """allure-python issue 872: the child is in the step of the thread that started it."""

    def first():
        with step("in the first thread"):
            run_thread(threading.Thread(target=work))

    with recording.test(), step("parent"):
        run_thread(threading.Thread(target=first))
    assert recording.tree() == [{"parent": [{"in the first thread": ["work"]}]}]


def test_pool_shared_by_tests(recording):
    """A worker belongs to whoever gives it work, not to the test in which it was started."""
    with ThreadPoolExecutor(1) as pool:
        with recording.test("one"), step("in one"):
            pool.submit(work).result()
        with recording.test("two"), step("in two"):
            pool.submit(work).result()
    results = recording.read()
    assert [s["name"] for s in results["one"]["steps"][0]["steps"]] == ["work"]
    assert [s["name"] for s in results["two"]["steps"][0]["steps"]] == ["work"]


def test_concurrent_tests_and_their_threads(recording):
    """Two tests at the same time: each thread's step is in its own test."""
    barrier = threading.Barrier(2)

    def meet(name):
        with step(name):
            barrier.wait(10)

    with recording.test("one"):
        first = threading.Thread(target=meet, args=("of one",))
        first.start()
        with recording.test("two"):
            run_thread(threading.Thread(target=meet, args=("of two",)))
        first.join()
    results = recording.read()
    assert [s["name"] for s in results["one"]["steps"]] == ["of one"]
    assert [s["name"] for s in results["two"]["steps"]] == ["of two"]


def test_thread_that_outlives_its_test(recording):
    """Its steps amend the result of the test that started it, not the next one's."""
    go_on = threading.Event()

    def later():
        go_on.wait(10)
        work()

    with recording.test("one"):
        thread = threading.Thread(target=later)
        thread.start()
    with recording.test("two"):
        go_on.set()
        thread.join()
    results = recording.read()
    assert [s["name"] for s in results["one"]["steps"]] == ["work"]
    assert "steps" not in results["two"]


def test_other_context_variables_are_not_handed_over(recording):
    variable = contextvars.ContextVar("variable", default="default")
    seen = []
    with recording.test():
        variable.set("changed")
        run_thread(threading.Thread(target=lambda: seen.append(variable.get())))
    assert seen == ["default"]


def test_exceptions_and_results_are_the_work_s(recording):
    def fails():
        raise KeyError("x")

    with recording.test(), ThreadPoolExecutor(1) as pool:
        assert pool.submit(divmod, 7, 2).result() == (3, 1)
        with pytest.raises(KeyError):
            pool.submit(fails).result()


def test_undone():
    start, submit = threading.Thread.start, ThreadPoolExecutor.submit
    threads.hand_over_contexts()()
    assert threading.Thread.start is start
    assert ThreadPoolExecutor.submit is submit
