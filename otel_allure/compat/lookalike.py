"""Something that runs in the place of a callable and looks like it in every respect.

Others look at functions: pytest and its plugins at a function's code, signature, marks and what it
is bound to, which they bind anew; users at `cache_info` of what is cached, or at their own objects
with a `__call__`. A wrapper would have to copy all that, and could not say that it is a method. So
whatever is asked of a lookalike is asked of the callable itself; only calls are different.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable
from types import MethodType
from typing import Any

Function = Callable[..., Any]


class Lookalike:
    """Stands in for a callable; made by `looking_like`."""

    __slots__ = ("__weakref__", "_call", "_function")

    def __init__(self, function: Function, call: Function) -> None:
        object.__setattr__(self, "_function", function)
        object.__setattr__(self, "_call", call)

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Run in the callable's place."""
        __tracebackhide__ = True
        return _call_of(self)(_function_of(self), args, kwargs)

    def __getattribute__(self, name: str) -> Any:
        if name in _OWN:
            return object.__getattribute__(self, name)
        function = _function_of(self)
        if name == "__signature__" and not hasattr(function, name):
            return _signature_of(function)
        value = getattr(function, name)
        return _like(self, value) if name == "__func__" else value

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
        return original, (_function_of(self),)  # a copy is the callable


class _OfDescriptor(Lookalike):
    """For functions and methods. In others, a `__get__` would make inspect see a builtin."""

    __slots__ = ()

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        """Bind it as the callable would be bound."""
        function = _function_of(self)
        bound = function.__get__(instance, owner)
        if type(bound) is MethodType and bound.__func__ is function:
            return MethodType(self, bound.__self__)
        return _like(self, bound)


class _OfClass(Lookalike):
    """For classes that cannot be changed: has instances and subclasses, as they have."""

    __slots__ = ()

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance(instance, _function_of(self))

    def __subclasscheck__(self, subclass: type) -> bool:
        return issubclass(subclass, _function_of(self))

    def __mro_entries__(self, bases: object) -> tuple[Any, ...]:
        return (_function_of(self),)


_OWN = {"__call__", "__get__", "__mro_entries__", "__reduce_ex__"}
_function_of: Function = Lookalike.__dict__["_function"].__get__
_call_of: Function = Lookalike.__dict__["_call"].__get__


def looking_like(function: Function, call: Function) -> Any:
    """Return what looks like `function`.

    Args:
        function: any callable.
        call: called in its place: with the function (bound to something else, if it has been), a
            tuple of its arguments and a dict of the named ones.
    """
    if isinstance(function, type):
        return _OfClass(function, call)
    kind = _OfDescriptor if hasattr(type(function), "__get__") else Lookalike
    return kind(function, call)


def _signature_of(function: Any) -> inspect.Signature:
    # Of an object that is called, inspect looks at the type's `__call__`, which is ours.
    if not inspect.isroutine(function) and not isinstance(function, functools.partial):
        with contextlib.suppress(ValueError, TypeError):
            return inspect.signature(function)
    raise AttributeError("__signature__")


def _like(before: Lookalike, function: Any) -> Any:
    return before if function is _function_of(before) else looking_like(function, _call_of(before))


def is_lookalike(function: object) -> bool:
    """Whether it is one of ours."""
    return issubclass(type(function), Lookalike)


def original(function: Any) -> Any:
    """Return what `function` stands in for; itself, if it is the user's."""
    return _function_of(function) if is_lookalike(function) else function
