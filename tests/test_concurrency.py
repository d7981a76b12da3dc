"""Concurrent steps and concurrent tests: each step in its test and its branch.

Real pytest runs; the order is forced by events, so that what would nest wrongly, does.
"""

from __future__ import annotations

import sys

import pytest

from otel_allure.testing.results import tree

pytestmark = pytest.mark.usefixtures("only_steps")

COOPERATIVE = ("asyncio-cooperative",)


def test_tests_at_the_same_time(run):
    """The first scenario of allure-python issue 720: each result has exactly its own step."""
    done = run(
        """
        import allure
        import asyncio
        import pytest

        @pytest.fixture(scope="session")
        async def fence():
            yield asyncio.Event()

        @pytest.mark.asyncio_cooperative
        async def test_with_async_operation(fence):
            with allure.step("Wait for a fence"):
                await fence.wait()

        @pytest.mark.asyncio_cooperative
        async def test_without_async_operation(fence):
            with allure.step("Setting a fence"):
                fence.set()
        """,
        plugins=COOPERATIVE,
        passed=2,
    )
    assert tree(done.report["test_with_async_operation"]) == ["Wait for a fence"]
    assert tree(done.report["test_without_async_operation"]) == ["Setting a fence"]


def test_steps_at_the_same_time(run):
    """The second scenario of allure-python issue 720: the two steps are siblings."""
    done = run(
        """
        import allure
        import asyncio
        import pytest

        fence = asyncio.Event()

        async def run_with_step(name):
            with allure.step(name):
                await fence.wait()

        async def release_fence():
            fence.set()

        @pytest.mark.asyncio
        async def test_concurrent_steps():
            await asyncio.gather(
                run_with_step("Step 1"), run_with_step("Step 2"), release_fence()
            )
        """,
        passed=1,
    )
    assert tree(done.report["test_concurrent_steps"]) == ["Step 1", "Step 2"]


BRANCHES = """
    import allure
    import asyncio
    import pytest

    # Both branches are inside both of their steps before either goes on.
    arrived = []

    async def meet(event):
        arrived.append(1)
        if len(arrived) == 2:
            event.set()
        await event.wait()

    async def branch(n, event):
        with allure.step(f"outer {n}"):
            allure.attach(f"outer body {n}", f"outer attachment {n}")
            with allure.step(f"inner {n}"):
                await meet(event)
                allure.attach(f"inner body {n}", f"inner attachment {n}")
                assert n != 2, "branch two"
"""
EXPECTED = [
    {"outer 1": [{"inner 1": ["[inner attachment 1]"]}, "[outer attachment 1]"]},
    {
        "failed: outer 2": [
            {"failed: inner 2": ["[inner attachment 2]"]},
            "[outer attachment 2]",
        ]
    },
]


def assert_branches(report, result):
    """Every child, attachment and error is in its own branch."""
    assert tree(result) == EXPECTED
    for n, outer in enumerate(result["steps"], start=1):
        (inner,) = outer["steps"]
        assert report.body(outer["attachments"][0]) == f"outer body {n}"
        assert report.body(inner["attachments"][0]) == f"inner body {n}"
        messages = [step.get("statusDetails", {}).get("message") for step in (outer, inner)]
        if n == 1:
            assert messages == [None, None]
        else:
            assert all("branch two" in message for message in messages)


@pytest.mark.parametrize(
    "body",
    [
        "await asyncio.gather(branch(1, event), branch(2, event), return_exceptions=True)",
        """tasks = [asyncio.create_task(branch(n, event)) for n in (1, 2)]
        await asyncio.wait(tasks)
        assert str(tasks[1].exception()).startswith('branch two')""",
    ],
    ids=["gather", "create_task"],
)
def test_two_levels_with_a_failure(run, body):
    done = run(
        BRANCHES
        + f"""
    async def test_branches():
        event = asyncio.Event()
        {body}
    """,
        passed=1,
    )
    assert_branches(done.report, done.report["test_branches"])


@pytest.mark.skipif(sys.version_info < (3, 11), reason="TaskGroup is new in Python 3.11")
def test_two_levels_in_a_task_group(run):
    """The failing branch cancels nothing that has finished, and the group fails the test."""
    done = run(
        BRANCHES
        + """
    async def test_branches():
        event = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(branch(1, event))
            group.create_task(branch(2, event))
    """,
        failed=1,
    )
    assert_branches(done.report, done.report["test_branches"])
    assert done.report["test_branches"]["status"] == "failed"


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_two_levels_with_anyio(run, backend):
    """Under anyio's plugin, whose tests all run in one task, and with a fixture that came first."""
    done = run(
        f"""
        import allure
        import anyio
        import pytest

        @pytest.fixture(scope="module")
        def anyio_backend():
            return {backend!r}

        @pytest.fixture(scope="module")
        async def first_in_the_task():
            with allure.step("module set-up"):
                yield
            with allure.step("module tear-down"):
                pass

        async def branch(n, arrived):
            with allure.step(f"outer {{n}}"):
                with allure.step(f"inner {{n}}"):
                    arrived[n].set()
                    await arrived[3 - n].wait()
                    allure.attach("body", f"attachment {{n}}")

        @pytest.mark.anyio
        @pytest.mark.parametrize("number", [1, 2])
        async def test_branches(first_in_the_task, number):
            arrived = {{1: anyio.Event(), 2: anyio.Event()}}
            async with anyio.create_task_group() as group:
                group.start_soon(branch, 1, arrived)
                group.start_soon(branch, 2, arrived)
        """,
        plugins=("anyio",),
        passed=2,
    )
    for number in (1, 2):
        (result,) = [
            r
            for r in done.report.results
            if {"name": "number", "value": str(number)} in r["parameters"]
        ]
        branches = sorted(tree(result), key=str)  # trio starts tasks in random order
        assert branches == [
            {"outer 1": [{"inner 1": ["[attachment 1]"]}]},
            {"outer 2": [{"inner 2": ["[attachment 2]"]}]},
        ]
        (before,) = [f for f in done.report.fixtures_of(result) if f["name"] == "first_in_the_task"]
        assert tree(before) == ["module set-up"]
        afters = done.report.fixtures_of(result, "afters")
        (after,) = [f for f in afters if f["name"].startswith("first_in_the_task")]
        assert tree(after) == ["module tear-down"]


def test_threads_of_a_pool(run):
    """Work that no context reaches belongs to the only test that runs."""
    done = run(
        """
        import allure
        from concurrent.futures import ThreadPoolExecutor

        pool = ThreadPoolExecutor(1)

        def work():
            with allure.step("in the pool"):
                pass

        def test_pool():
            pool.submit(work).result()
        """,
        passed=1,
    )
    assert tree(done.report["test_pool"]) == ["in the pool"]


def test_a_task_that_outlives_its_test(run):
    """A step amends the test in which it began; what begins later is the running test's."""
    done = run(
        """
        import allure
        import asyncio
        import pytest

        pytestmark = pytest.mark.asyncio(loop_scope="module")
        go_on, tasks = asyncio.Event(), []

        async def background():
            with allure.step("started in time"):
                await go_on.wait()
            with allure.step("after the end"):
                pass

        async def test_one():
            with allure.step("start it"):
                tasks.append(asyncio.create_task(background()))
            await asyncio.sleep(0)

        async def test_two():
            with allure.step("own step"):
                go_on.set()
                await tasks[0]
        """,
        passed=2,
    )
    assert tree(done.report["test_one"]) == [{"start it": ["started in time"]}]
    assert tree(done.report["test_two"]) == ["own step", "after the end"]


def test_cooperative_phases(run):
    """Fixtures of concurrent tests, their steps, titles and attachments stay with their test."""
    done = run(
        """
        import allure
        import asyncio
        import pytest

        arrived = {}

        async def meet(name):
            arrived[name] = True
            while len(arrived) % 2:
                await asyncio.sleep(0)

        @pytest.fixture
        async def resource(request):
            yield "resource"
            with allure.step("close"):
                pass

        @pytest.mark.asyncio_cooperative
        async def test_a(resource):
            with allure.step("a"):
                await meet("a")
                allure.attach("text of a", "attachment a")
                allure.dynamic.title("Title A")
                allure.dynamic.label("who", "a")

        @pytest.mark.asyncio_cooperative
        async def test_b(resource):
            with allure.step("b"):
                await meet("b")
                allure.attach("text of b", "attachment b")
                allure.dynamic.title("Title B")
                assert False, "b fails"
        """,
        plugins=COOPERATIVE,
        passed=1,
        failed=1,
    )
    a, b = done.report["Title A"], done.report["Title B"]
    assert tree(a) == [{"a": ["[attachment a]"]}, "close"]
    assert tree(b) == [{"failed: b": ["[attachment b]"]}, "close"]
    assert {"name": "who", "value": "a"} in a["labels"]
    assert {"name": "who", "value": "a"} not in b["labels"]
    assert (a["status"], b["status"]) == ("passed", "failed")
