"""Other runners of async tests, and plugins that fake the clock."""

from __future__ import annotations

import pytest

from otel_allure.testing import steps, tree

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


@pytest.mark.parametrize(
    "freeze",
    [
        "import freezegun\n    frozen = freezegun.freeze_time('2012-01-14')",
        "import time_machine\n    frozen = time_machine.travel(0, tick=False)",
    ],
    ids=["freezegun", "time-machine"],
)
def test_faked_clocks(run, freeze):
    """Times of tests and steps are those of the real clock."""
    done = run(
        f"""
        import allure
        import datetime
        import threading

        def test_frozen():
            {freeze}
            with frozen:
                assert datetime.datetime.now().year < 2020
                with allure.step("takes a while"):
                    threading.Event().wait(0.02)
        """.replace("\n    frozen", "\n            frozen"),
        plugins=(),
        passed=1,
    )
    result = done.report["test_frozen"]
    for item in (result, *steps(result)):
        assert item["start"] > 1_700_000_000_000
        assert 15 <= item["stop"] - item["start"] < 10_000
