"""Contexts inside coroutines: makes the scope current where an async test or fixture really runs.

A hook can make a scope current around a test, but that is not where its coroutine runs: anyio
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

Function = Callable[..., Any]


class StandIn:
    """Stands in for a function, and looks like it in every respect.

    pytest and its plugins look at a function's code, signature, marks and attributes, at what it
    is bound to, and bind it anew. A wrapper would have to copy all that, and could not say that it
    is a method. So whatever is asked is asked of the function itself; only calls are different.

    Args:
        function: any callable.
        call: called in its place, with the function (bound, if it is by now) and the arguments.
    """

    __slots__ = ("__weakref__", "_call", "_function")

    def __init__(self, function: Function, call: Callable[..., Any]) -> None:
        object.__setattr__(self, "_function", function)
        object.__setattr__(self, "_call", call)

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Call in its place."""
        __tracebackhide__ = True
        return _call_of(self)(_function_of(self), args, kwargs)

    def __getattribute__(self, name: str) -> Any:
        if name in _OWN:
            return object.__getattribute__(self, name)
        value = getattr(_function_of(self), name)
        return _standing_in(self, value) if name == "__func__" else value

    def __setattr__(self, name: str, value: object) -> None:
        setattr(_function_of(self), name, value)

    def __delattr__(self, name: str) -> None:
        delattr(_function_of(self), name)

    def __dir__(self) -> list[str]:
        return dir(_function_of(self))

    def __eq__(self, other: object) -> bool:
        return bool(_function_of(self) == original(other))

    def __hash__(self) -> int:
        return hash(_function_of(self))

    def __repr__(self) -> str:
        return repr(_function_of(self))

    def __reduce_ex__(self, protocol: object) -> tuple[Any, ...]:
        return original, (_function_of(self),)  # a copy is the function


class _BindableStandIn(StandIn):
    """For functions and methods. In partials, a `__get__` would make inspect see a builtin."""

    __slots__ = ()

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        """Bind what stands in as the function would be bound."""
        return _standing_in(self, _function_of(self).__get__(instance, owner))


def stand_in(function: Function, call: Callable[..., Any]) -> StandIn:
    """Return what stands in for any callable; see `StandIn`."""
    kind = _BindableStandIn if hasattr(type(function), "__get__") else StandIn
    return kind(function, call)


_OWN = {"__call__", "__get__", "__reduce_ex__"}
_function_of: Callable[[StandIn], Any] = StandIn.__dict__["_function"].__get__
_call_of: Callable[[StandIn], Any] = StandIn.__dict__["_call"].__get__


def _standing_in(before: StandIn, function: Any) -> Any:
    if function is _function_of(before):
        return before
    return stand_in(function, _call_of(before))


def original(function: Any) -> Any:
    """Return the function that `function` stands in for; itself, if it is the user's."""
    return _function_of(function) if is_stand_in(function) else function


def is_stand_in(function: object) -> bool:
    """Whether it is something of ours in the place of a function."""
    return issubclass(type(function), StandIn)


# -- coroutines


def is_async(function: object) -> bool:
    """Whether it is a coroutine function or an async generator function."""
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


Place = Callable[[bool], AbstractContextManager[object]]
"""Makes current what belongs to a function that is resumed; told whether for the first time."""


def in_place(function: Function, find_place: Callable[[], Place | None]) -> StandIn:
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

    return stand_in(function, call)


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
