"""A step is a span.

`step` does what `allure.step` does, in `with`, `async with` and as a decorator of functions of all
four kinds, and stays right under concurrency, because what is current is kept in the context.
"""

from __future__ import annotations

import enum
import functools
import inspect
import types
from collections.abc import AsyncGenerator, Callable, Generator
from types import FunctionType, TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, overload

from opentelemetry.context import Context

from otel_allure.compat.lookalike import looking_like
from otel_allure.compat.pytest import FIXTURE_FUNCTION, is_fixture
from otel_allure.model.texts import text_of
from otel_allure.output.allure_json import new_uuid
from otel_allure.recording import contexts
from otel_allure.recording.call_arguments import CallArguments
from otel_allure.recording.contexts import ITEM, attached, held
from otel_allure.recording.listeners import tell_others
from otel_allure.recording.running_step import (
    RunningStep,
    Status,
    failed_to_start,
    note_error,
    start_step,
)

if TYPE_CHECKING:
    pass

F = TypeVar("F", bound="Callable[..., Any] | classmethod[Any, ..., Any]")


class Step:
    """A step to be run, any number of times, also at the same time by several tasks.

    While a report is written, allure_commons' own class has these methods too: they must do with
    its attributes, and call nothing else on `self`.
    """

    def __init__(self, title: str, params: dict[str, str] | None = None) -> None:
        self.title = title
        self.params = params
        self._running: dict[RunningStep, bool] = {}  # by entry; tasks may share the step

    @property
    def uuid(self) -> str:
        """What allure_commons' own class has, for whoever reads it."""
        entries = list(self.__dict__.get("_running", ()))
        told = next((running.uuid for running in reversed(entries) if running.uuid), None)
        uuid: str = self.__dict__.setdefault("_uuid", told or new_uuid())
        for running in entries:
            running.uuid = running.uuid or uuid
        return uuid

    def __enter__(self) -> RunningStep:
        try:
            running = start_step(self.title, self.params)
        except Exception as error:
            running = failed_to_start(error)
        running.uuid = self.__dict__.get("_uuid")
        running.enter()
        # An instance of allure_commons that is older than the plugin has no such dict yet.
        self.__dict__.setdefault("_running", {})[running] = True
        tell_others("start_step", running, title=running.title, params=self.params or {})
        return running

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        running = _take(self)
        if running is None:
            return
        running.leave()
        try:
            running.finish(exc_val, exc_tb)
        except Exception as error:
            note_error("ending a step", error)
        tell_others("stop_step", running, exc_type=exc_type, exc_val=exc_val, exc_tb=exc_tb)

    async def __aenter__(self) -> RunningStep:
        return Step.__enter__(self)

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        Step.__exit__(self, exc_type, exc_val, exc_tb)

    def __call__(self, func: F) -> F:
        """Return `func`, as a function of the same kind that runs in a step."""
        return decorated(self.title, func)


def log_step(title: str, status: Status = "passed", message: str | None = None) -> None:
    """Note something as a step that has no duration, at its place in time.

    Args:
        title: what is noted.
        status: how it is marked; it changes nothing else.
        message: shown with it.

    Raises:
        ValueError: for a status that Allure does not know.
    """
    with Step(title) as noted:
        noted.set_status(status, message)


def _take(step: Step) -> RunningStep | None:
    """Take out the entry of `step` that is being left: of several, the one that is current here."""
    entries: dict[RunningStep, bool] = step.__dict__.get("_running", {})
    if len(entries) == 1:
        return entries.popitem()[0]
    item: Any = held(contexts.current(), ITEM)
    while item is not None:
        if entries.pop(item, False):
            return item  # type: ignore[no-any-return]
        item = item.parent
    return entries.popitem()[0] if entries else None


@overload
def step(title: str) -> Step: ...
@overload
def step(title: F) -> F: ...
def step(title: Any) -> Any:
    """Make a step of a block or a function.

    Used as `with step("…")`, `async with step("…")`, `@step` or `@step("… {argument}")`.

    Entering gives a `RunningStep`. Decorated functions keep their kind: a coroutine's step lasts
    until it has been awaited, a generator's while it is iterated. Placeholders in the title are
    filled with the arguments; they become parameters of the step.

    The step fails as the block it is around does: AssertionError and `pytest.fail` make it
    failed, `pytest.skip` skipped, any other exception broken.
    """
    if callable(title) or issubclass(type(title), tuple(_DESCRIPTORS)):
        return decorated(_name_of(title), title)
    return Step(title)


# -- decorated functions


def decorated(title: str, func: F) -> F:
    """Return `func`, as something of the same kind that runs in a step.

    What cannot run in one, and still be what it was, is left as it is.
    """
    function: Any = func
    for kind, redecorate in _DESCRIPTORS.items():
        if isinstance(function, kind):
            return redecorate(title, function)  # type: ignore[no-any-return]
    if isinstance(function, type):
        return _class_in_step(title, function)  # type: ignore[no-any-return]
    if isinstance(function, (FunctionType, functools.partial)):
        return _in_step(title, function)  # type: ignore[no-any-return]
    if is_fixture(function):
        return _fixture_in_step(title, function)  # type: ignore[no-any-return]
    return _object_in_step(title, function) if callable(function) else func


def _name_of(function: Any) -> str:
    """Return the name of a function, or of the one within a descriptor or a partial."""
    while not isinstance(getattr(function, "__name__", None), str):
        within = (getattr(function, name, None) for name in ("func", "fget", "__func__"))
        inner = next((each for each in within if callable(each)), None)
        if inner is None:
            return type(function).__name__
        function = inner
    return str(function.__name__)


def _in_step(title: str, function: Any, like: Any = None, *, without_first: bool = False) -> Any:
    """Return a function that runs `function` in a step.

    Args:
        title: the step's.
        function: any callable.
        like: says what kind of function it is. Default: itself does.
        without_first: whether its first argument is what it is called on, whatever its name.
    """
    call = _Call(title, function, without_first=without_first)

    @functools.wraps(function)
    def inner(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        with call.step(args, kwargs):
            return function(*args, **kwargs)

    @functools.wraps(function)
    async def coroutine_inner(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        with call.step(args, kwargs):
            return await function(*args, **kwargs)

    @functools.wraps(function)
    def generator_inner(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        return (yield from _iterated(call.start(args, kwargs), function(*args, **kwargs)))

    like = function if like is None else like
    if inspect.iscoroutinefunction(like):
        return coroutine_inner
    if inspect.isgeneratorfunction(like):
        is_awaitable = like.__code__.co_flags & inspect.CO_ITERABLE_COROUTINE
        return types.coroutine(generator_inner) if is_awaitable else generator_inner
    if inspect.isasyncgenfunction(like):
        return _async_generator(call, function)
    return inner


def _object_in_step(title: str, function: Any) -> Any:
    """Return what looks like a callable with attributes of its own, a builtin or a method."""
    like = function if inspect.isroutine(function) else type(function).__call__
    in_step = _in_step(title, function, like)

    def call(bound: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        __tracebackhide__ = True
        run = in_step if bound is function else _in_step(title, bound)
        return run(*args, **kwargs)

    return looking_like(function, call)


def _fixture_in_step(title: str, definition: Any) -> Any:
    """Run a fixture's function in a step; pytest knows what it has made of it by its exact type."""
    function: Any = FIXTURE_FUNCTION.of(definition)
    if function is not None:
        in_step = definition.__wrapped__ = decorated(title, function)
        setattr(definition, FIXTURE_FUNCTION.attribute, in_step)  # what `__get__` binds, too
    return definition


def _class_in_step(title: str, cls: Any) -> Any:
    """Make each instance of the class in a step; the class stays what it is.

    A class that has a `__new__` in place of an `__init__` is made in that, as object's `__init__`
    takes no arguments. The call of an enum makes nothing, and a protocol has no instances.
    """
    if isinstance(cls, enum.EnumMeta) or any(map(_is_protocol, cls.__bases__)):
        return cls
    init, new = cls.__init__, cls.__new__
    try:
        if init is object.__init__ and (new is not object.__new__ or _has_fields(cls)):
            cls.__new__ = staticmethod(_new_in_step(title, new))
        else:
            cls.__init__ = _in_step(title, init, without_first=True)
            if init is object.__init__:
                cls.__init__.__signature__ = _NO_ARGUMENTS
    except (AttributeError, TypeError):  # a builtin, or one that is closed to changes
        return _object_in_step(title, cls)
    return cls


def _is_protocol(base: type) -> bool:
    return base.__name__ == "Protocol" and base.__module__ in ("typing", "typing_extensions")


def _has_fields(cls: type) -> bool:
    """Whether it may be given an `__init__` later, by `@dataclass` above the step."""
    return any(name.startswith("__annot") for name in vars(cls))


_NO_ARGUMENTS = inspect.Signature([inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)])


def _new_in_step(title: str, new: Any) -> Any:
    call = _Call(title, new, without_first=True)

    def made(new: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        __tracebackhide__ = True
        if new is not object.__new__:
            with call.step(args, kwargs):
                return new(*args, **kwargs)
        cls, *more = args
        if cls.__init__ is object.__init__ and (more or kwargs):
            raise TypeError(f"{cls.__name__}() takes no arguments")
        with _Call(title, cls.__init__, without_first=True).step(args, kwargs):
            return object.__new__(cls)

    return looking_like(new, made)


class _DispatchingMethod(functools.singledispatchmethod):  # type: ignore[type-arg]
    """A `singledispatchmethod` that calls whatever it dispatches to in a step."""

    def __init__(self, title: str, method: functools.singledispatchmethod[Any]) -> None:
        self.dispatcher, self.func = method.dispatcher, method.func
        self._title = title

    def __get__(self, obj: Any, cls: Any = None) -> Any:
        return _in_step(self._title, super().__get__(obj, cls))


def _redecorated_cached(title: str, cached: Any) -> Any:
    cached.func = decorated(title, cached.func)
    return cached


# What is no function, but has one that it calls.
_DESCRIPTORS: dict[type, Callable[[str, Any], Any]] = {
    staticmethod: lambda title, it: type(it)(decorated(title, it.__func__)),
    classmethod: lambda title, it: type(it)(decorated(title, it.__func__)),
    property: lambda title, it: it if it.fget is None else it.getter(decorated(title, it.fget)),
    functools.cached_property: _redecorated_cached,
    functools.partialmethod: lambda title, it: functools.partialmethod(
        decorated(title, it.func), *it.args, **it.keywords
    ),
    functools.singledispatchmethod: _DispatchingMethod,
}


def _iterated(
    running: RunningStep, generator: Generator[Any, Any, Any]
) -> Generator[Any, Any, Any]:
    """Iterate `generator`; the step is current while it runs, not while its caller does."""
    __tracebackhide__ = True
    context: Context = running.context
    resume, value = generator.send, None
    try:
        while True:
            token = contexts.attach(context)
            try:
                produced = resume(value)
            finally:
                context = contexts.current()  # it may have a step open across its yield
                contexts.detach(token)
            try:
                resume, value = generator.send, (yield produced)
            except GeneratorExit:
                with attached(context):
                    generator.close()
                raise
            except BaseException as error:
                resume, value = generator.throw, error
    except StopIteration as stop:
        running.finish(None, None)
        return stop.value
    except BaseException as error:
        running.finish(error, error.__traceback__)
        raise


def _async_generator(
    call: _Call, function: Callable[..., AsyncGenerator[Any, Any]]
) -> Callable[..., AsyncGenerator[Any, Any]]:
    @functools.wraps(function)
    async def async_generator_inner(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        __tracebackhide__ = True
        running, generator = call.start(args, kwargs), function(*args, **kwargs)
        context: Context = running.context
        resume, value = generator.asend, None
        try:
            while True:
                token = contexts.attach(context)
                try:
                    produced = await resume(value)
                finally:
                    context = contexts.current()
                    contexts.detach(token)
                try:
                    resume, value = generator.asend, (yield produced)
                except GeneratorExit:
                    with attached(context):
                        await generator.aclose()
                    raise
                except BaseException as error:
                    resume, value = generator.athrow, error
        except StopAsyncIteration:
            running.finish(None, None)
        except BaseException as error:
            running.finish(error, error.__traceback__)
            raise

    return async_generator_inner


class _Call:
    """The steps of a decorated function, one for each call."""

    def __init__(
        self, title: str, function: Callable[..., Any], *, without_first: bool = False
    ) -> None:
        self._arguments = CallArguments(text_of(title), function, without_first=without_first)

    def step(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Step:
        """Return the step of a call."""
        return Step(*self._arguments.shown(args, kwargs))

    def start(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> RunningStep:
        """Start the step of a call, without making it current."""
        return start_step(*self._arguments.shown(args, kwargs))
