"""Other runners of async tests, and plugins that fake the clock."""

from __future__ import annotations

import pytest

from otel_allure.model import clock
from otel_allure.testing.results import steps, tree

pytestmark = pytest.mark.usefixtures("only_steps")

BRANCHES = [{f"outer {n}": [{f"inner {n}": [f"[attachment {n}]"]}]} for n in (1, 2)]


def test_unittest(run):
    """IsolatedAsyncioTestCase copies its context in set-up: it is the call's all the same."""
    done = run(
        """
        import allure
        import asyncio
        import unittest

        class TestIt(unittest.IsolatedAsyncioTestCase):
            async def asyncSetUp(self):
                with allure.step("asyncSetUp"):
                    self.fence = asyncio.Event()

            async def branch(self, n):
                with allure.step(f"outer {n}"):
                    await self.fence.wait()
                    with allure.step(f"inner {n}"):
                        allure.attach("body", f"attachment {n}")

            async def test_branches(self):
                async def release():
                    self.fence.set()

                await asyncio.gather(self.branch(1), self.branch(2), release())

            async def test_title(self):
                allure.dynamic.title("Title")

            async def asyncTearDown(self):
                with allure.step("asyncTearDown"):
                    pass
        """,
        plugins=(),
        passed=2,
    )
    assert tree(done.report["test_branches"]) == ["asyncSetUp", *BRANCHES, "asyncTearDown"]
    assert tree(done.report["Title"]) == ["asyncSetUp", "asyncTearDown"]


def test_trio(run):
    """pytest-trio runs both halves of a fixture around the body, in one context."""
    done = run(
        """
        import allure
        import pytest
        import trio

        @pytest.fixture
        async def resource():
            with allure.step("open"):
                pass
            yield
            with allure.step("close"):
                pass

        async def branch(n, fence):
            with allure.step(f"outer {n}"):
                await fence.wait()
                with allure.step(f"inner {n}"):
                    allure.attach("body", f"attachment {n}")

        @pytest.mark.trio
        async def test_branches(resource):
            fence = trio.Event()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(branch, 1, fence)
                nursery.start_soon(branch, 2, fence)
                fence.set()

        @pytest.mark.trio
        async def test_other(resource):
            with allure.step("other"):
                pass
        """,
        plugins=("trio",),
        passed=2,
    )
    branches, other = done.report["test_branches"], done.report["test_other"]
    assert sorted(tree(branches), key=str) == BRANCHES
    assert tree(other) == ["other"]
    for result in (branches, other):
        assert [tree(f) for f in done.report.fixtures_of(result)] == [["open"]]
        assert [tree(f) for f in done.report.fixtures_of(result, "afters")] == [["close"]]


def test_pytest_aiohttp(run):
    """Its client fixture, and a server that nobody instruments."""
    done = run(
        """
        import allure
        import asyncio
        from aiohttp import web

        async def test_requests(aiohttp_client):
            async def handle(request):
                return web.Response(text="hello")

            app = web.Application()
            app.router.add_get("/", handle)
            client = await aiohttp_client(app)

            async def get(n):
                with allure.step(f"get {n}"):
                    response = await client.get("/")
                    allure.attach(await response.text(), f"answer {n}")

            await asyncio.gather(get(1), get(2))
        """,
        plugins=("asyncio", "aiohttp"),
        passed=1,
    )
    assert tree(done.report["test_requests"]) == [
        {"get 1": ["[answer 1]"]},
        {"get 2": ["[answer 2]"]},
    ]


def test_asyncio_concurrent_output(run):
    """pytest captures what a group prints for the group: each test has its own lines."""
    done = run(
        """
        import asyncio
        import pytest

        events = {}

        @pytest.mark.asyncio_concurrent(group="group")
        async def test_one():
            event = events["one"] = asyncio.Event()
            await event.wait()
            print("printed by one")

        @pytest.mark.asyncio_concurrent(group="group")
        async def test_two():
            while "one" not in events:
                await asyncio.sleep(0)
            print("printed by two")
            events["one"].set()
        """,
        plugins=("asyncio-concurrent",),
        passed=2,
    )
    printed = {
        result["name"]: [done.report.body(a).strip() for a in result.get("attachments", ())]
        for result in done.report.results
    }
    assert printed == {"test_one": ["printed by one"], "test_two": ["printed by two"]}


def test_asyncio_concurrent(run):
    """Tests of a group run at the same time: each has its own title, step and attachment."""
    done = run(
        """
        import allure
        import asyncio
        import pytest

        events = {}

        @pytest.mark.asyncio_concurrent(group="group")
        async def test_one():
            allure.dynamic.title("One")
            with allure.step("step of one"):
                event = events["one"] = asyncio.Event()
                await event.wait()
                allure.attach("1", "attachment of one")

        @pytest.mark.asyncio_concurrent(group="group")
        async def test_two():
            allure.dynamic.title("Two")
            with allure.step("step of two"):
                while "one" not in events:
                    await asyncio.sleep(0)
                events["one"].set()
                allure.attach("2", "attachment of two")
        """,
        plugins=("asyncio-concurrent",),
        passed=2,
    )
    assert {r["name"]: tree(r) for r in done.report.results} == {
        "One": [{"step of one": ["[attachment of one]"]}],
        "Two": [{"step of two": ["[attachment of two]"]}],
    }


def test_many_tests_in_one_loop(run):
    """200 tests, all of them open at the same time."""
    done = run(
        """
        import allure
        import asyncio
        import pytest

        arrived = []

        @pytest.mark.asyncio_cooperative
        @pytest.mark.parametrize("n", range(200))
        async def test_many(n):
            allure.dynamic.label("number", n)
            with allure.step(f"outer {n}"):
                arrived.append(n)
                while len(arrived) < 200:
                    await asyncio.sleep(0)
                with allure.step(f"inner {n}"):
                    allure.attach(str(n), f"attachment {n}")
        """,
        "--max-asyncio-tasks=200",
        plugins=("asyncio-cooperative",),
        passed=200,
    )
    assert len(done.report.results) == 200
    for result in done.report.results:
        (n,) = (label["value"] for label in result["labels"] if label["name"] == "number")
        assert result["name"] == f"test_many[{n}]"
        assert tree(result) == [{f"outer {n}": [{f"inner {n}": [f"[attachment {n}]"]}]}]


FAKES = {
    "freezegun": "freezegun.freeze_time('2012-01-14')",
    "freezegun, ticking": "freezegun.freeze_time('2012-01-14', tick=True)",
    "freezegun, at each look": "freezegun.freeze_time('2012-01-14', auto_tick_seconds=15)",
    "time-machine": "time_machine.travel(0, tick=False)",
    "time-machine, ticking": "time_machine.travel('2050-01-14', tick=True)",
}


@pytest.mark.parametrize("fake", FAKES.values(), ids=list(FAKES))
def test_faked_clocks(run, fake):
    """Times of tests, steps and instrumented spans are those of the real clock."""
    done = run(
        f"""
        import allure
        import freezegun
        import threading
        import time_machine
        from opentelemetry import trace

        tracer = trace.get_tracer("instrumentation")

        def wait():
            threading.Event().wait(0.02)

        def test_frozen():
            with tracer.start_as_current_span("around"):
                wait()
                with {fake}:
                    with allure.step("first"):
                        wait()
                    with tracer.start_as_current_span("second") as second:
                        wait()
                        second.add_event("event")
                    with allure.step("third"):
                        with tracer.start_as_current_span("inside"):
                            wait()
                    left_open = tracer.start_span("left open")
                    into = tracer.start_span("into")
                wait()
                into.end()
        """,
        plugins=(),
        passed=1,
    )
    result = done.report["test_frozen"]
    assert tree(result) == [
        {"around": ["first", "second", {"third": ["inside"]}, "unknown: left open", "into"]}
    ]
    shown = [result, *steps(result)]
    for item in shown:
        assert 15 <= item["stop"] - item["start"] < 10_000, item["name"]
        assert result["start"] <= item["start"] <= item["stop"] <= result["stop"] + 1_000
    before = 0
    for item in result["steps"][0]["steps"][:3]:  # one after the other, as they ran
        assert item["start"] >= before
        before = item["stop"]


def test_spans_of_users_keep_their_times(run):
    """Only the report is put right: what the user's exporter is given is as the user faked it."""
    run(
        """
        import time_machine
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

        def test_frozen():
            exporter = InMemorySpanExporter()
            provider = TracerProvider()
            provider.add_span_processor(SimpleSpanProcessor(exporter))
            trace.set_tracer_provider(provider)
            with time_machine.travel(1, tick=False):
                with trace.get_tracer("theirs").start_as_current_span("theirs"):
                    pass
            (span,) = exporter.get_finished_spans()
            assert span.start_time == span.end_time == 1_000_000_000
        """,
        plugins=(),
        passed=1,
    )


def test_times_that_spans_are_given(run):
    """A span that is made afterwards keeps its times, also real ones in a fake clock."""
    done = run(
        """
        import time
        import time_machine
        from opentelemetry import trace

        tracer = trace.get_tracer("instrumentation")
        SECOND = 1_000_000_000

        def test_given():
            now = time.time_ns()
            tracer.start_span("real", start_time=now - 5 * SECOND).end(now - 3 * SECOND)
            with time_machine.travel(1, tick=False):
                tracer.start_span("real, faked", start_time=now - 2 * SECOND).end(now - SECOND)
        """,
        plugins=(),
        passed=1,
    )
    first, second = done.report["test_given"]["steps"]
    assert (first["name"], second["name"]) == ("real", "real, faked")
    assert first["stop"] - first["start"] == 2_000
    assert second["stop"] - second["start"] == 1_000
    assert second["start"] - first["start"] == 3_000


def test_a_machine_that_slept(run):
    """After it the wall clock is ahead of every counter: what comes next has the time of the wall.

    The spans of one test are in their order all the same.
    """
    done = run(
        """
        import allure
        import time
        import otel_allure.model.clock
        from opentelemetry import trace

        HOUR = 3_600_000_000_000
        tracer = trace.get_tracer("instrumentation")

        def test_sleeps():
            with allure.step("before"):
                pass
            otel_allure.model.clock._epoch_ns -= HOUR  # as if our counter had stood still
            for n in range(2):
                with tracer.start_as_current_span(f"span {n}"):
                    pass
                with allure.step(f"step {n}"):
                    pass

        def test_next():
            with allure.step("later"):
                pass
            allure.dynamic.parameter("now", time.time_ns() // 1_000_000)
        """,
        plugins=(),
        passed=2,
    )
    order = ["before", "span 0", "step 0", "span 1", "step 1"]
    names = tree(done.report["test_sleeps"])
    assert sorted(names, key=order.index)[1:] == [n for n in names if n != "before"]
    later = done.report["test_next"]
    (now,) = (int(p["value"]) for p in later["parameters"])
    for item in (later, *steps(later)):
        assert abs(now - item["start"]) < 60_000


def test_clocks_that_are_set_back():
    """Ours never goes back, so nothing ends before it started."""
    before = clock.now_ns()
    clock.catch_up(lambda: before - 3_600_000_000_000)
    assert clock.now_ns() >= before


# -- pytest-asyncio, and pytest-xdist on top of all of them


@pytest.mark.parametrize("scope", ["function", "class", "module", "package", "session"])
def test_asyncio_loop_scopes(run, pytester, scope):
    """Tests, and both halves of async fixtures whose loop is of any scope."""
    pytester.makepyfile(__init__="")
    done = run(
        f"""
        import allure
        import asyncio
        import pytest
        import pytest_asyncio

        pytestmark = pytest.mark.asyncio(loop_scope={scope!r})

        @pytest_asyncio.fixture(scope={scope!r}, loop_scope={scope!r})
        async def generator():
            with allure.step("open"):
                await asyncio.sleep(0)
            with allure.step("held while the test runs"):
                yield
            with allure.step("close"):
                await asyncio.sleep(0)

        @pytest_asyncio.fixture(scope={scope!r}, loop_scope={scope!r})
        async def coroutine(generator):
            with allure.step("made"):
                await asyncio.sleep(0)

        async def branch(n, mine, other):
            with allure.step(f"outer {{n}}"):
                other.set()
                await mine.wait()
                with allure.step(f"inner {{n}}"):
                    allure.attach("body", f"attachment {{n}}")

        class TestIt:
            @pytest.mark.parametrize("number", [1, 2])
            async def test_branches(self, coroutine, number):
                a, b = asyncio.Event(), asyncio.Event()
                await asyncio.gather(branch(1, a, b), branch(2, b, a))
        """,
        passed=2,
    )
    assert len(done.report.results) == 2
    for result in done.report.results:
        assert tree(result) == BRANCHES
        befores = {f["name"]: tree(f) for f in done.report.fixtures_of(result)}
        assert befores["generator"] == ["open", "held while the test runs"]
        assert befores["coroutine"] == ["made"]
        afters = done.report.fixtures_of(result, "afters")
        assert [tree(f) for f in afters if f["name"].startswith("generator")] == [["close"]]


BODY = """
            with allure.step(f"outer {number}"):
                await NAME.sleep(0)
                with allure.step(f"inner {number}"):
                    allure.attach("body", f"attachment {number}")
"""
XDIST = {
    "asyncio": ("@pytest.mark.asyncio", "asyncio"),
    "anyio": ("@pytest.mark.anyio", "anyio"),
    "trio": ("@pytest.mark.trio", "trio"),
    "unittest": ("", "asyncio"),
}


@pytest.mark.parametrize("plugin", XDIST)
def test_xdist(run, plugin):
    """Under two workers the results are complete, each with its own steps.

    pytest-asyncio-cooperative and -concurrent themselves do not run under pytest-xdist.
    """
    mark, library = XDIST[plugin]
    body = BODY.replace("NAME", library)
    if plugin == "unittest":
        tests = "class TestIt(unittest.IsolatedAsyncioTestCase):" + "".join(
            f"\n          async def test_{n}(self):\n            number = {n}{body}"
            for n in range(20)
        )
    else:
        tests = f"""
        {mark}
        @pytest.mark.parametrize("number", range(20))
        async def test_it(number):{body}"""
    done = run(
        f"""
        import allure
        import asyncio
        import anyio
        import pytest
        import trio
        import unittest

        {tests}
        """,
        "-n2",
        plugins=("xdist", *([plugin] if plugin != "unittest" else [])),
    )
    assert len(done.report.results) in (20, 40)  # anyio's tests run under both of its backends
    seen = [number for r in done.report.results for number in _numbers(r)]
    assert sorted(seen) == sorted(list(range(20)) * (len(done.report.results) // 20))
    assert {r["status"] for r in done.report.results} == {"passed"}


def _numbers(result):
    (outer,) = tree(result)
    ((name, below),) = outer.items()
    number = int(name.removeprefix("outer "))
    assert below == [{f"inner {number}": [f"[attachment {number}]"]}]
    return [number]
