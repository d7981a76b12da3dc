"""Waiting for what comes later, in code of all kinds: where a loop runs it has to be awaited."""

from __future__ import annotations

import sys
import threading
from abc import abstractmethod
from collections.abc import Callable, Coroutine, Generator
from typing import Any, TypeVar

from otel_allure.assertions.errors import TraceUsageError, hidden
from otel_allure.assertions.selection import Selection
from otel_allure.model.clock import now_ns

__tracebackhide__ = hidden

T = TypeVar("T")

_FIRST_PAUSE = 0.01  # seconds
_LONGEST_PAUSE = 0.2


class Wait:
    """A question that is asked again until it has an answer, or its time is over.

    Args:
        asked: as it is written in code.
        look: returns the answer; told whether it is the last time. None is none yet.
        timeout: in seconds.
        forgotten: takes `asked` of what was never awaited.
    """

    def __init__(
        self,
        asked: str,
        look: Callable[[bool], Any],
        timeout: float,
        forgotten: list[str],
    ) -> None:
        self.asked = asked
        self.is_done = False
        self.is_awaited = False
        self._look = look
        self._timeout = timeout
        self._forgotten = forgotten

    def _pauses(self) -> Generator[float, None, Any]:
        """Yield how long to pause until the next look; return the answer."""
        self.is_awaited = True
        until_ns = now_ns() + int(self._timeout * 1e9)
        pause = _FIRST_PAUSE
        while True:
            left = (until_ns - now_ns()) / 1e9
            answer = self._look(left <= 0)
            if answer is not None or left <= 0:
                self.is_done = True
                return answer
            yield min(pause, left)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def block(self) -> Any:
        """Wait for the answer, and keep the thread waiting."""
        pauses = self._pauses()
        never = threading.Event()  # not `time.sleep`, which tests replace
        while True:
            try:
                never.wait(next(pauses))
            except StopIteration as stop:
                return stop.value

    async def wait(self) -> Any:
        """Wait for the answer, and let the loop run."""
        pauses = self._pauses()
        sleep = _trio_sleep() if _in_trio() else _asyncio_sleep
        while True:
            try:
                pause = next(pauses)
            except StopIteration as stop:
                return stop.value
            await sleep(pause)

    @property
    def is_waiting(self) -> bool:
        """Whether nobody has waited for it."""
        return not (self.is_done or self.is_awaited)

    def __del__(self) -> None:
        if self.is_waiting:
            self._forgotten.append(self.asked)


async def _asyncio_sleep(seconds: float) -> None:
    """Sleep, also where a test has replaced `asyncio.sleep`."""
    import asyncio

    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    handle = loop.call_later(seconds, over.set)
    try:
        await over.wait()
    finally:
        handle.cancel()


def _trio_sleep() -> Callable[[float], Any]:
    return sys.modules["trio"].sleep  # type: ignore[no-any-return]


def _in_trio() -> bool:
    trio = sys.modules.get("trio")
    if trio is None:
        return False
    try:
        trio.lowlevel.current_task()
    except RuntimeError:
        return False
    return True


def is_in_loop() -> bool:
    """Whether the caller is called by an event loop, which must not be kept waiting."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is not None:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            pass
        else:
            return True
    return _in_trio()


class _Awaited(Coroutine[Any, None, T]):
    """What has to be awaited where a loop runs; a task can be made of it, too."""

    __slots__ = ()
    _wait: Wait
    _steps: Generator[Any, None, T] | None

    def _driven(self) -> Generator[Any, None, T]:
        self._wait.is_awaited = True
        if self._steps is None:
            self._steps = self.__await__()
        return self._steps

    def send(self, value: Any) -> Any:
        """Go on, as an event loop has a coroutine go on."""
        return self._driven().send(value)

    def throw(self, *error: Any) -> Any:
        """Raise an error where it waits."""
        return self._driven().throw(*error)

    def close(self) -> None:
        """Wait no more."""
        self._driven().close()

    @abstractmethod
    def __await__(self) -> Generator[Any, None, T]: ...


class Waited(Selection, _Awaited[Selection]):
    """What was waited for: in plain code it is there, where a loop runs it has to be awaited."""

    __slots__ = ("_steps", "_wait")
    __hash__ = object.__hash__  # type: ignore[assignment]  # by which `asyncio.gather` keeps them

    @classmethod
    def started(cls, wait: Wait) -> Waited:
        """Return what `wait` gives; where a loop runs, what has to be awaited for it."""
        made: Waited = cls.__new__(cls)
        made._wait, made._steps = wait, None
        if not is_in_loop():
            made._take(wait.block())
        return made

    def _take(self, found: Selection | None) -> None:
        for name in Selection.__slots__[1:] if found is not None else ():
            setattr(self, name, getattr(found, name))

    def __await__(self) -> Generator[Any, None, Selection]:
        if not self._wait.is_done:
            self._take((yield from self._wait.wait().__await__()))
        return self

    def __getattr__(self, name: str) -> Any:
        if self._wait.is_done or name not in Selection.__slots__:
            raise AttributeError(name)
        raise TraceUsageError(not_awaited(self._wait.asked))

    def __repr__(self) -> str:
        if self._wait.is_done:
            return super().__repr__()
        return f"<{self._wait.asked}, not awaited>"


class Eventual(_Awaited[None]):
    """An expectation that is met by and by; where a loop runs it has to be awaited."""

    def __init__(self, wait: Wait) -> None:
        self._wait, self._steps = wait, None
        if not is_in_loop():
            wait.block()

    def __await__(self) -> Generator[Any, None, None]:
        if not self._wait.is_done:
            yield from self._wait.wait().__await__()

    def __repr__(self) -> str:
        return f"<{self._wait.asked}>"


def not_awaited(asked: str) -> str:
    """Return what is told of something that had to be awaited."""
    return f"{asked} was not awaited: in a coroutine it is `await {asked}`"
