"""Steps in threads nest below the step that started the work."""

from __future__ import annotations

import asyncio
import concurrent.futures.thread
import contextvars
import inspect
import queue
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

import anyio
import anyio.from_thread
import anyio.to_thread
import pytest
from opentelemetry import context, propagate

from otel_allure import step
from otel_allure.model import conventions as c
from otel_allure.recording import contexts, threads
from otel_allure.recording.running_item import RunningItem
from otel_allure.testing.results import tree

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


class Later:
    """A thread that works when it is told to."""

    def __init__(self):
        self._go_on = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def _work(self):
        self._go_on.wait(10)
        work()

    def finish(self):
        self._go_on.set()
        self._thread.join()


def test_thread_that_outlives_its_test(recording):
    """What it does then belongs to the one test that runs: it may be a client's reader, say."""
    with recording.test("one"):
        later = Later()
    with recording.test("two"):
        later.finish()
    results = recording.read()
    assert "steps" not in results["one"]
    assert [s["name"] for s in results["two"]["steps"]] == ["work"]


def test_thread_that_outlives_its_test_while_none_runs(recording):
    """Nobody else is there: the result of the test that started it is amended."""
    with recording.test("one"):
        later = Later()
    later.finish()
    assert recording.tree("one") == ["work"]


def test_thread_that_outlives_its_test_while_two_run(recording):
    """Nobody can say which of them it would be: it stays with the test that started it."""
    with recording.test("one"):
        later = Later()
    with recording.test("two"), recording.test("three"):
        later.finish()
    results = recording.read()
    assert [s["name"] for s in results["one"]["steps"]] == ["work"]
    assert "steps" not in results["two"]
    assert "steps" not in results["three"]


def test_open_step_of_a_thread_that_outlives_its_test(recording):
    """While a step is open, what is in it is its own, whichever test runs."""
    inside, go_on = threading.Event(), threading.Event()

    def later():
        with step("long"):
            inside.set()
            go_on.wait(10)
            work()

    with recording.test("one"):
        thread = threading.Thread(target=later)
        thread.start()
        inside.wait(10)
    with recording.test("two"):
        go_on.set()
        thread.join()
    results = recording.read()
    assert tree(results["one"]) == [{"long": ["work"]}]
    assert "steps" not in results["two"]


def test_open_span_of_users_in_a_thread_that_outlives_its_test(recording):
    """So it is with a span that users have made current there."""
    inside, go_on = threading.Event(), threading.Event()

    def later():
        with recording.tracer.start_as_current_span("long"):
            inside.set()
            go_on.wait(10)
            work()

    with recording.test("one"):
        thread = threading.Thread(target=later)
        thread.start()
        inside.wait(10)
    with recording.test("two"):
        go_on.set()
        thread.join()
    results = recording.read()
    assert tree(results["one"]) == [{"long": ["work"]}]
    assert "steps" not in results["two"]


def test_span_of_users_in_a_step_outside_of_tests(recording):
    with step("outer"), recording.tracer.start_as_current_span("call"):
        work("inner")
    spans = {span.name: span for span in recording.ended}
    assert spans["inner"].parent_id == spans["call"].span_id
    assert spans["call"].parent_id == spans["outer"].span_id


def test_thread_of_a_fixture_that_is_over_is_its_test_s_while_others_run(recording):
    go_on = threading.Event()

    def later():
        go_on.wait(10)
        work()

    with recording.test("one"):
        here = contexts.current()
        span = recording.tracer.start_span("fixture", here)
        fixture = RunningItem(c.FIXTURE, "fixture", span, here)
        with contexts.attached(fixture.context):
            thread = threading.Thread(target=later)
            thread.start()
        fixture.end()
        with recording.test("two"):
            go_on.set()
            thread.join()
    results = recording.read()
    assert tree(results["one"]) == ["work"]
    assert tree(results["two"]) == []


def test_worker_threads_that_outlive_their_test(recording):
    """A job that begins to work after the test that submitted it is the running test's."""
    go_on = threading.Event()

    def later():
        go_on.wait(10)
        work()

    with ThreadPoolExecutor(1) as pool:
        with recording.test("one"), step("submit"):
            pool.submit(later)
        with recording.test("two"):
            go_on.set()
            pool.submit(work, "of two").result()
    results = recording.read()
    assert tree(results["one"]) == ["submit"]
    assert tree(results["two"]) == ["work", "of two"]


def test_workers_of_a_queue_that_were_there_before(recording):
    """No context reaches them: they belong to the one test that runs."""
    jobs = queue.Queue()

    def worker():
        while (name := jobs.get()) is not None:
            work(name)
            jobs.task_done()

    thread = threading.Thread(target=worker)
    thread.start()
    for name in ("one", "two"):
        with recording.test(name), step("waits"):
            jobs.put(f"job of {name}")
            jobs.join()
    jobs.put(None)
    thread.join()
    results = recording.read()
    for name in ("one", "two"):
        assert sorted(tree(results[name])) == [f"job of {name}", "waits"]


def test_callbacks_of_a_pool_are_not_those_of_the_test_that_started_its_worker(recording):
    """They are of the step that submitted the work, in whichever test the worker was started."""
    called = threading.Event()

    def call_back(_):
        work("called back")
        called.set()

    go_on = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        with recording.test("one"), step("starts the worker"):
            pool.submit(work).result()
        with recording.test("two"), step("submits"):
            pool.submit(go_on.wait, 10).add_done_callback(call_back)
            go_on.set()
            called.wait(10)
    results = recording.read()
    assert tree(results["one"]) == [{"starts the worker": ["work"]}]
    assert tree(results["two"]) == [{"submits": ["called back"]}]


def test_call_soon_threadsafe(recording):
    """A callback belongs to the thread that asked for it."""

    async def body():
        loop = asyncio.get_running_loop()
        done = asyncio.Event()

        def ask():
            with step("asks"):
                loop.call_soon_threadsafe(work)
            loop.call_soon_threadsafe(done.set)

        with step("parent"):
            thread = threading.Thread(target=ask)
            thread.start()
            await done.wait()
            thread.join()

    with recording.test():
        asyncio.run(body())
    assert recording.tree() == [{"parent": [{"asks": ["work"]}]}]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_threads_of_anyio(recording, backend):
    """Out to a thread, and from there back into the loop."""

    async def back():
        work("back in the loop")

    def out():
        with step("in the thread"):
            anyio.from_thread.run(back)

    async def branch(n):
        with step(f"outer {n}"):
            await anyio.to_thread.run_sync(out)

    async def body():
        async with anyio.create_task_group() as group:
            group.start_soon(branch, 1)
            group.start_soon(branch, 2)

    with recording.test():
        anyio.run(body, backend=backend)
    inside = [{"in the thread": ["back in the loop"]}]
    assert sorted(recording.tree(), key=str) == [{"outer 1": inside}, {"outer 2": inside}]


def test_async_to_sync_and_back(recording):
    """As asgiref does it: a loop in a thread runs the coroutine, in the caller's context."""

    def async_to_sync(coroutine):
        context = contextvars.copy_context()
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(context.run, asyncio.run, coroutine).result()

    async def inner():
        with step("inner"):
            await asyncio.to_thread(work)

    def view():
        with step("view"):
            async_to_sync(inner())

    async def outer():
        with step("outer"):
            await asyncio.to_thread(view)

    with recording.test():
        asyncio.run(outer())
    assert recording.tree() == [{"outer": [{"view": [{"inner": ["work"]}]}]}]


def test_a_step_left_by_another_thread(recording):
    """It ends, and is current in neither."""

    def leave(moved):
        with step("leaving"):
            moved.__exit__(None, None, None)
            work("in the one that left")
        work("after, in the thread")

    with recording.test(), step("outer"):
        moved = step("moved")
        moved.__enter__()
        run_thread(threading.Thread(target=leave, args=(moved,)))
        work("after")
    inside = [{"leaving": ["in the one that left"]}]
    assert recording.tree() == [{"outer": [{"moved": inside}, "after, in the thread", "after"]}]


def test_one_step_object_used_by_64_threads(recording):
    """Each thread ends its own entry, while all of them are inside."""
    shared = step("shared")
    barrier = threading.Barrier(64)

    def use(n):
        with shared:
            barrier.wait(60)
            work(f"work {n}")
            barrier.wait(60)

    with recording.test():
        users = [threading.Thread(target=use, args=(n,)) for n in range(64)]
        for user in users:
            user.start()
        for user in users:
            user.join()
    shown = recording.tree()
    assert sorted(map(str, shown)) == sorted(str({"shared": [f"work {n}"]}) for n in range(64))


def serve(headers):
    token = context.attach(propagate.extract(headers))
    work("served")
    context.detach(token)


def test_work_that_headers_tell_where_it_belongs(recording):
    """Where nothing else is known, they say it more exactly than the test that runs."""
    headers = {}
    with recording.test(), step("client"):
        propagate.inject(headers)
        contextvars.Context().run(serve, headers)
    assert recording.tree() == [{"client": ["served"]}]


def test_work_in_one_test_that_headers_tell_to_be_of_another(recording):
    headers = {}
    with recording.test("one"):
        of_one = contextvars.copy_context()
        with recording.test("two"), step("client"):
            propagate.inject(headers)
            of_one.run(serve, headers)
    results = recording.read()
    assert tree(results["two"]) == [{"client": ["served"]}]
    assert tree(results["one"]) == []


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


class WithoutRun(threading.Thread):
    """A thread whose `run` is none that could be replaced."""

    @property
    def run(self):
        return self._target


class OwnExecutor(concurrent.futures.Executor):
    """One that works at once, in a piece of work of a pool for instance."""

    def submit(self, function, /, *args):
        future = concurrent.futures.Future()
        future.set_running_or_notify_cancel()
        future.set_result(function(*args))
        return future


def stacks():
    """What the stack is in work of every kind."""
    seen = []

    def look():
        seen.append([(frame.filename, frame.lineno, frame.function) for frame in inspect.stack()])

    class Looking(threading.Thread):
        def run(self):
            look()

    for thread in (
        threading.Thread(target=look),
        threading.Timer(0, look),
        WithoutRun(target=look),
        Looking(),
    ):
        run_thread(thread)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(look).result()
        list(pool.map(lambda _: look(), [1]))
        pool.submit(OwnExecutor().submit, look).result()
    return seen


def test_stacks_are_as_always(recording_without_threads):
    """Not a single frame is there that would not be without a report."""
    before = stacks()
    undo = threads.hand_over_contexts()
    with recording_without_threads.test(), step("outer"):
        inside = stacks()
    undo()
    assert len(inside) == 7
    assert inside == before


def test_what_a_thread_is_asked_for_stays_the_user_s(recording):
    with recording.test(), step("outer"):
        thread = threading.Thread()
        with mock.patch.object(thread, "run") as run:
            run_thread(thread)
        run.assert_called_once_with()


def test_an_executor_of_ones_own_in_a_piece_of_work(recording):
    """Its futures are begun as those of pools are, and change nothing of where the work is."""

    def outer():
        OwnExecutor().submit(work, "inline")
        work("after")

    with recording.test(), ThreadPoolExecutor(1) as pool, step("submits"):
        pool.submit(outer).result()
    assert recording.tree() == [{"submits": ["inline", "after"]}]


def test_thread_that_cannot_be_started(recording):
    """Another one that is at its address later, and begins unasked, has nothing of it."""
    thread, another = threading.Thread(), threading.Thread()
    name = "_start_joinable_thread" if sys.version_info >= (3, 13) else "_start_new_thread"
    refuse = mock.patch.object(threading, name, side_effect=RuntimeError("no more"))
    with recording.test():
        with step("parent"), refuse, pytest.raises(RuntimeError, match="no more"):
            thread.start()
        assert "run" not in vars(thread)
        threads._waiting[id(another)] = threads._waiting.pop(id(thread))
        another._set_ident()
        work()
    assert recording.tree() == ["parent", "work"]


def test_work_of_a_pool_is_what_was_submitted(recording):
    class Executor(ThreadPoolExecutor):
        def _adjust_thread_count(self):
            pass

    executor = Executor(1)
    with recording.test(), step("outer"):
        executor.submit(abs, -3)
    item = executor._work_queue.get_nowait()
    assert getattr(item, "fn", None) in (abs, None)


def test_undone():
    start, submit = threading.Thread.start, ThreadPoolExecutor.submit
    threads.hand_over_contexts()()
    assert threading.Thread.start is start
    assert ThreadPoolExecutor.submit is submit
