"""The arguments of a call -> title and parameters of its step."""

from __future__ import annotations

import contextlib
import functools
import inspect
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from allure_commons.utils import SafeFormatter

if TYPE_CHECKING:
    pass
from otel_allure.recording.running_step import represented


class CallArguments:
    """What a call shows of its arguments: the title that they fill, and the parameters.

    Args:
        title: with placeholders in braces.
        function: what is called.
        without_first: whether its first argument is what it is called on, whatever its name.
    """

    def __init__(self, title: str, function: Callable[..., Any], *, without_first: bool) -> None:
        self._title = title
        self._without_first = without_first
        self._spec = _spec_of(function)

    def shown(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[str, dict[str, str]]:
        """Return the title and the parameters of a call."""
        parameters = self._parameters(args, kwargs)
        return self._filled(args, parameters), parameters

    def _filled(self, args: tuple[Any, ...], parameters: dict[str, str]) -> str:
        if "{" not in self._title:
            return self._title
        shown = [represented(value) for value in args[self._without_first :]]
        try:
            return str(SafeFormatter().format(self._title, *shown, **parameters))
        except Exception:  # a placeholder that fits no argument stays as it is
            return self._title

    def _parameters(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, str]:
        """Return the arguments by name: in order, defaults too, without `self` and `cls`."""
        spec = self._spec
        if spec is None:
            return {name: represented(value) for name, value in kwargs.items()}
        values: dict[str, Any] = {}
        if spec.defaults:
            values.update(zip(spec.args[-len(spec.defaults) :], spec.defaults, strict=False))
        values.update(kwargs)
        # Later, as a name that is given twice is that of an argument that has no name for callers.
        values.update(zip(spec.args, args, strict=False))
        if spec.args and (self._without_first or spec.args[0] in ("self", "cls")):
            values.pop(spec.args[0], None)
        first_of_rest = max(len(spec.args), self._without_first)
        if spec.varargs and len(args) > first_of_rest:
            values[spec.varargs] = args[first_of_rest:]
        order = [*spec.args, *([spec.varargs] if spec.varargs else []), *kwargs]
        return {name: represented(values[name]) for name in order if name in values}


def _spec_of(function: Any) -> inspect.FullArgSpec | None:
    """Return the names of its arguments; None if it, or what it wraps, cannot say them."""
    is_plain = inspect.isroutine(function) or isinstance(function, (functools.partial, type))
    is_bound = not is_plain or isinstance(function, types.MethodType)
    for unwrap in (False, True):
        with contextlib.suppress(Exception):
            spec = inspect.getfullargspec(inspect.unwrap(function) if unwrap else function)
            return spec._replace(args=spec.args[1:]) if is_bound else spec
    return None
