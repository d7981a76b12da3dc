"""Contexts inside coroutines: makes the item current where an async test or fixture really runs.

A hook can make an item current around a test, but that is not where its coroutine runs: anyio
runs all of them in one long-lived task with the context of whoever came first, and pytest-asyncio
tears async generators down in the context of their set-up. So something stands in for the
coroutine function while pytest runs it, and its coroutine attaches when it is resumed what is
current *for it* at that time.

Other plugins do the same for reasons of their own, and keep what they find: what stands in looks
like the function to them, and does no harm if it is called when we are long gone.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractContextManager
from typing import Any

from otel_allure.compat.lookalike import Function, looking_like


def is_async(function: object) -> bool:
    """Whether it is a coroutine function or an async generator function."""
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


Place = Callable[[bool], AbstractContextManager[object]]
"""Makes current what belongs to a function that is resumed; told whether for the first time."""


def in_place(function: Function, find_place: Callable[[], Place | None]) -> Any:
    """Return what stands in for the async `function`, in its place whenever it is resumed.

    Args:
        function: the user's.
        find_place: asked at each call; for None, it is as if nothing stood in.
    """
    resumed = _async_generator if inspect.isasyncgenfunction(function) else _coroutine

    def call(function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        __tracebackhide__ = True
        place = find_place()
        if place is None:
            return function(*args, **kwargs)
        running: Any = resumed(place, function, args, kwargs)
        for name in ("__name__", "__qualname__"):  # tasks are shown by them
            if isinstance(value := getattr(function, name, None), str):
                setattr(running, name, value)
        return running

    return looking_like(function, call)


async def _coroutine(
    place: Place, function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    __tracebackhide__ = True
    with place(True):
        return await function(*args, **kwargs)


async def _async_generator(
    place: Place, function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> AsyncGenerator[Any, Any]:
    __tracebackhide__ = True
    generator = function(*args, **kwargs)
    resume, value, first = generator.asend, None, True
    while True:
        with place(first):
            try:
                produced = await resume(value)
            except StopAsyncIteration:
                return
        first = False
        try:
            resume, value = generator.asend, (yield produced)
        except GeneratorExit:
            with place(False):
                await generator.aclose()
            raise
        except BaseException as error:
            resume, value = generator.athrow, error
