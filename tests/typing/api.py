"""The public API as type checkers see it. Checked by mypy and pyright, never run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, TypeVar, overload

import allure
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter
from typing_extensions import assert_type

from otel_allure import (
    AllureSpanExporter,
    AllureSpanProcessor,
    Selection,
    Trace,
    log_step,
    step,
    trace,
)
from otel_allure.model.spans import Span

exporter: SpanExporter = AllureSpanExporter()
exporter = AllureSpanExporter(results_dir="allure-results")
exporter = AllureSpanExporter("allure-results", max_steps=100, attach_http=False, fold="20")
exporter = AllureSpanExporter(max_stesp=100)  # type: ignore[call-arg]  # pyright: ignore
exporter = AllureSpanExporter(redact=3.5)  # type: ignore[arg-type]  # pyright: ignore
processor: SpanProcessor = AllureSpanProcessor("allure-results")
processor = AllureSpanProcessor(ignore_kinds=["internal"], min_duration_ms=0.5)


@step
def plain(a: int, *, b: str = "") -> float:
    return 0.5


@step("coroutine {a}")
async def coroutine(a: int) -> str:
    return ""


@step
def generator() -> Iterator[int]:
    yield 1


@step
async def async_generator() -> AsyncIterator[int]:
    yield 1


@step
class Thing:
    size: int = 0


T = TypeVar("T")


@step("generic {value}")
def generic(value: T) -> list[T]:
    return [value]


@overload
def overloaded(value: int) -> int: ...
@overload
def overloaded(value: str) -> str: ...
@step
def overloaded(value: int | str) -> int | str:
    return value


class Methods:
    @step
    def method(self, a: int) -> float:
        return 0.5

    @step("titled")
    async def coroutine(self, a: int) -> str:
        return ""

    @step
    async def async_generator(self) -> AsyncIterator[int]:
        yield 1

    @step
    @staticmethod
    def static(a: int) -> str:
        return ""

    @step("titled")
    @classmethod
    def of_class(cls, a: int) -> bytes:
        return b""

    @classmethod
    @step
    def inner_of_class(cls, a: int) -> bytes:
        return b""

    @property
    @step
    def value(self) -> int:
        return 1


async def calls() -> None:
    assert_type(plain(1, b=""), float)
    assert_type(await coroutine(1), str)
    assert_type(list(generator()), list[int])
    assert_type([each async for each in async_generator()], list[int])
    assert_type(generic(1), list[int])
    assert_type(generic(""), list[str])
    assert_type(overloaded(1), int)
    assert_type(overloaded(""), str)
    assert_type(Thing().size, int)
    assert_type(Methods().method(1), float)
    assert_type(await Methods().coroutine(1), str)
    assert_type([each async for each in Methods().async_generator()], list[int])
    assert_type(Methods.static(1), str)
    assert_type(Methods.of_class(1), bytes)
    assert_type(Methods().of_class(1), bytes)
    assert_type(Methods.inner_of_class(1), bytes)
    assert_type(Methods().value, int)
    # What is wrong without the decorator is wrong with it: an unneeded ignore is an error.
    plain("")  # type: ignore[arg-type]
    await coroutine()  # type: ignore[call-arg]
    Methods().method("")  # type: ignore[arg-type]
    Methods.of_class("")  # type: ignore[arg-type]


kept_plain: Callable[[int], float] = plain
kept_coroutine: Callable[[int], Coroutine[Any, Any, str]] = coroutine
kept_generator: Callable[[], Iterator[int]] = generator
kept_async_generator: Callable[[], AsyncIterator[int]] = async_generator
kept_class: type[Thing] = Thing


async def steps() -> None:
    with step("title") as s:
        s.title = "other title"
        s.parameter("name", object(), mode="masked")
        s.parameter("name", 1, mode=allure.parameter_mode.HIDDEN, excluded=True)
        s.parameter("name", 1, mode="mask")  # type: ignore[arg-type]
        s.set_status("green")  # type: ignore[arg-type]
        s.attach(b"body", name="name")
        s.set_status("failed", "soft check")
    log_step("seen", "skipped", "there was none")
    async with step("title") as t:
        t.parameter("name", 1)


async def asks(its: Trace) -> None:
    assert_type(its.sql.at_most(3).below("checkout"), Selection)
    assert_type(its.http("GET *", status=200)[0], Span)
    assert_type(its.step("pay").check, Trace)
    assert_type(await its.wait_for("process order", service="billing"), Selection)
    await its.eventually(lambda: trace.sql.exactly(3))
    its.wait_for("process order", timeout=2).once()
    with its.budget(sql=1):
        pass
    its.sql.at_most("3")  # type: ignore[arg-type]  # pyright: ignore
