"""Coroutines: one after the other, and at the same time."""

import asyncio
import time

import allure
import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio


@allure.step("await {x}")
async def decorated(x):
    await asyncio.sleep(0)
    with allure.step("inside"):
        allure.attach(str(x), "attached", allure.attachment_type.TEXT)
    return x


async def test_one_after_the_other():
    with allure.step("first"):
        await asyncio.sleep(0)
        with allure.step("inside"):
            pass
    with allure.step("second"):
        await asyncio.sleep(0)


@allure.title("titled {x}")
@allure.epic("async")
@pytest.mark.parametrize("x", [1])
async def test_metadata(x):
    """A docstring."""
    allure.dynamic.label("told", "yes")
    allure.dynamic.parameter("y", 2)


async def test_decorated():
    assert await decorated(1) == 1


async def test_decorated_fails():
    @allure.step("fail")
    async def fail():
        await asyncio.sleep(0)
        raise ValueError("late")

    await fail()


async def test_gather():
    turn = [asyncio.Event(), asyncio.Event()]

    async def branch(i):
        with allure.step(f"outer {i}"):
            turn[i].set()
            await turn[1 - i].wait()
            with allure.step(f"inner {i}"):
                await asyncio.sleep(0)
                allure.attach(str(i), f"attached {i}", allure.attachment_type.TEXT)

    await asyncio.gather(branch(0), branch(1))


async def test_one_object_in_two_tasks():
    step = allure.step("shared")
    both = asyncio.Event()
    entered = []

    async def branch(i):
        with step:
            entered.append(i)
            if len(entered) == 2:
                both.set()
            await both.wait()

    await asyncio.gather(branch(0), branch(1))


async def test_async_with():
    async with allure.step("async with"):
        await asyncio.sleep(0)


async def test_async_generator():
    @allure.step("generate")
    async def generate():
        with allure.step("first"):
            yield 1

    async for _ in generate():
        with allure.step("consume"):
            pass


async def test_fails():
    with allure.step("fails"):
        await asyncio.sleep(0)
        assert False, "async"


async def test_skips():
    pytest.skip("async")


async def test_to_thread():
    def work():
        with allure.step("in the thread"):
            pass

    with allure.step("parent"):
        await asyncio.to_thread(work)


@pytest_asyncio.fixture
async def fixture():
    with allure.step("set up"):
        await asyncio.sleep(0)
    yield 1
    with allure.step("tear down"):
        await asyncio.sleep(0)


@pytest_asyncio.fixture
async def across():
    with allure.step("across"):
        yield
        with allure.step("after"):
            pass


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def wide():
    with allure.step("set up"):
        pass
    yield
    with allure.step("tear down"):
        pass


async def test_fixture(fixture):
    with allure.step("body"):
        pass


async def test_step_across_yield(across):
    with allure.step("body"):
        pass


@pytest.mark.asyncio(loop_scope="module")
async def test_wide(wide):
    with allure.step("body"):
        pass


@pytest.mark.asyncio(loop_scope="module")
async def test_wide_again(wide):
    pass


async def test_steps_that_overlap_for_long():
    async def worked(name):
        with allure.step(name):
            until = time.monotonic() + 0.005
            while time.monotonic() < until:
                await asyncio.sleep(0)

    await asyncio.gather(worked("a"), worked("b"))
