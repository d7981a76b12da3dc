"""Greenlets: steps nest below the step that spawned or triggered them."""

from __future__ import annotations

import pytest

from otel_allure.testing.results import tree

pytestmark = pytest.mark.usefixtures("only_steps")

MODES = pytest.mark.parametrize("mode", ["shared", "isolated"])

WORK = """
    import allure
    from opentelemetry import trace

    def work(name):
        with allure.step(name):
            with trace.get_tracer("x").start_as_current_span(f"{name} calls"):
                switch()
            with allure.step(f"{name} inside"):
                switch()
"""
BELOW = [{name: [f"{name} calls", f"{name} inside"]} for name in ("one", "two")]
PROVIDER = """
    from opentelemetry.sdk.trace import TracerProvider
    trace.set_tracer_provider(TracerProvider())
"""


@MODES
@pytest.mark.parametrize("patched", [False, True], ids=["plain", "monkey-patched"])
def test_gevent(run, pytester, mode, patched):
    if patched:
        pytester.makeconftest("import gevent.monkey; gevent.monkey.patch_all()")
    done = run(
        WORK
        + PROVIDER
        + """
    import gevent
    from gevent.pool import Pool

    def switch():
        gevent.sleep(0)

    def test_spawn():
        with allure.step("outer"):
            gevent.joinall([gevent.spawn(work, n) for n in ("one", "two")], raise_error=True)

    def test_pool():
        with allure.step("outer"):
            Pool(2).map(work, ["one", "two"])

    def test_spawned_by_spawned():
        def first():
            with allure.step("first"):
                gevent.joinall([gevent.spawn(work, n) for n in ("one", "two")], raise_error=True)

        with allure.step("outer"):
            gevent.spawn(first).get()

    def test_later():
        with allure.step("outer"):
            one, two = (gevent.spawn_later(0, work, n) for n in ("one", "two"))
        with allure.step("waits"):
            gevent.joinall([one, two], raise_error=True)

    def test_variables_of_users_stay_theirs():
        import contextvars
        variable = contextvars.ContextVar("variable", default="default")
        variable.set("changed")
        assert gevent.spawn(variable.get).get() == "default"
        """,
        f"--allure-otel-context={mode}",
        plugins=(),
        passed=5,
    )
    report = done.report
    assert tree(report["test_spawn"]) == [{"outer": BELOW}]
    assert tree(report["test_pool"]) == [{"outer": BELOW}]
    assert tree(report["test_spawned_by_spawned"]) == [{"outer": [{"first": BELOW}]}]
    assert tree(report["test_later"]) == [{"outer": BELOW}, "waits"]


@MODES
def test_threads_under_gevent(run, pytester, mode):
    """Threads and pools are greenlets there."""
    pytester.makeconftest("import gevent.monkey; gevent.monkey.patch_all()")
    done = run(
        WORK
        + PROVIDER
        + """
    import threading
    import time
    from concurrent.futures import ThreadPoolExecutor

    def switch():
        time.sleep(0)

    def test_threads():
        with allure.step("outer"):
            threads = [threading.Thread(target=work, args=(n,)) for n in ("one", "two")]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

    def test_executor():
        with allure.step("outer"), ThreadPoolExecutor(2) as pool:
            list(pool.map(work, ["one", "two"]))
        """,
        f"--allure-otel-context={mode}",
        plugins=(),
        passed=2,
    )
    assert tree(done.report["test_threads"]) == [{"outer": BELOW}]
    assert tree(done.report["test_executor"]) == [{"outer": BELOW}]


@MODES
@pytest.mark.parametrize("patched", [False, True], ids=["plain", "monkey-patched"])
def test_threads_of_gevent(run, pytester, mode, patched):
    """Its pools of native threads: work is in the step that asks for it, and is what was given."""
    if patched:
        pytester.makeconftest("import gevent.monkey; gevent.monkey.patch_all()")
    done = run(
        WORK
        + PROVIDER
        + """
    import gevent
    import logging
    import pytest
    import traceback

    def switch():
        pass

    def fails():
        logging.getLogger("x").warning("about to fail")
        raise KeyError("x")

    @pytest.fixture(scope="module")
    def pool():
        return gevent.get_hub().threadpool

    @pytest.mark.parametrize("n", [1, 2])
    def test_threads(n, pool):
        with allure.step("hub's"):
            pool.spawn(work, "one").get()
            pool.apply(work, kwds={"name": "two"})
        with allure.step("map"):
            pool.map(work, ["one"])
            pool.map(work, ["two"])
        with allure.step("ask"):
            later = [gevent.spawn(pool.apply, work, (name,)) for name in ("one", "two")]
        with allure.step("wait"):
            gevent.joinall(later, raise_error=True)

    def test_executor_and_pool():
        from gevent.threadpool import ThreadPool, ThreadPoolExecutor
        with allure.step("pool"):
            own = ThreadPool(1)
            list(own.imap(work, ["one", "two"]))
            own.kill()
        with allure.step("executor"), ThreadPoolExecutor(1) as executor:
            for name in ("one", "two"):
                executor.submit(work, name).result()

    def test_fails(pool):
        with allure.step("ask"), pytest.raises(KeyError) as failed:
            pool.apply(fails)
        trace = traceback.format_exception(KeyError, failed.value, failed.value.__traceback__)
        assert "otel_allure" not in "".join(trace)
        """,
        f"--allure-otel-context={mode}",
        plugins=(),
        passed=4,
    )
    for n in (1, 2):
        *steps, ask, wait = tree(done.report[f"test_threads[{n}]"])
        assert steps == [{"hub's": BELOW}, {"map": BELOW}]
        assert sorted(ask["ask"], key=str) == BELOW
        assert wait == "wait"
    assert tree(done.report["test_executor_and_pool"]) == [{"pool": BELOW}, {"executor": BELOW}]
    (ask,) = done.report["test_fails"]["steps"]
    assert "about to fail" in done.report.body(ask["attachments"][0])


@MODES
def test_eventlet(run, mode):
    done = run(
        WORK
        + PROVIDER
        + """
    import warnings
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import eventlet

    def switch():
        eventlet.sleep(0)

    def test_spawn():
        with allure.step("outer"):
            for thread in [eventlet.spawn(work, n) for n in ("one", "two")]:
                thread.wait()

    def test_pool():
        with allure.step("outer"):
            list(eventlet.GreenPool(2).imap(work, ["one", "two"]))

    def test_spawn_n():
        def first():
            with allure.step("first"):
                for name in ("one", "two"):
                    eventlet.spawn_n(work, name)

        with allure.step("outer"):
            pool = eventlet.GreenPool(2)
            pool.spawn_n(first)
            pool.waitall()
            eventlet.sleep(0.01)
        """,
        f"--allure-otel-context={mode}",
        plugins=(),
        passed=3,
    )
    assert tree(done.report["test_spawn"]) == [{"outer": BELOW}]
    assert tree(done.report["test_pool"]) == [{"outer": BELOW}]
    assert tree(done.report["test_spawn_n"]) == [{"outer": [{"first": BELOW}]}]


@MODES
def test_handlers_in_greenlets_made_by_hand(run, mode):
    """As Playwright's synchronous API does it: a dispatcher runs while the test waits for it.

    Handlers run in greenlets that the dispatcher makes, so what waits is the place.
    """
    done = run(
        WORK
        + PROVIDER
        + """
    import pytest
    from greenlet import getcurrent, greenlet

    def switch():
        pass

    class Page:
        def __init__(self):
            self.handlers = []
            self.dispatcher = greenlet(self.dispatch)

        def on(self, handler):
            self.handlers.append(handler)

        def click(self, name):
            return self.dispatcher.switch(getcurrent(), name)

        def dispatch(self, caller, name):
            while True:
                for handler in self.handlers:
                    greenlet(handler).switch(name)
                caller, name = caller.switch(name)

    @pytest.fixture(scope="module")
    def page():
        page = Page()
        page.on(work)
        return page

    @pytest.mark.parametrize("n", [1, 2])
    def test_click(page, n):
        with allure.step(f"click {n}"):
            page.click("one")
            page.click("two")
        """,
        f"--allure-otel-context={mode}",
        plugins=(),
        passed=2,
    )
    for n, result in enumerate(done.report.results, 1):
        assert tree(result) == [{f"click {n}": BELOW}]


@MODES
def test_bridge_of_sqlalchemy(run, mode):
    """SQLAlchemy's asyncio runs synchronous code in a greenlet that has its caller's context."""
    done = run(
        WORK
        + PROVIDER
        + """
    import asyncio
    from sqlalchemy.util import await_only, greenlet_spawn

    def switch():
        await_only(asyncio.sleep(0))

    async def test_bridge():
        async def run(name):
            await greenlet_spawn(work, name)

        with allure.step("outer"):
            await asyncio.gather(run("one"), run("two"))
        """,
        f"--allure-otel-context={mode}",
        passed=1,
    )
    assert tree(done.report["test_bridge"]) == [{"outer": BELOW}]
