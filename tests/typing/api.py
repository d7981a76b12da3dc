"""The public API as type checkers see it. Checked by mypy and pyright, never run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter

from otel_allure import AllureSpanExporter, AllureSpanProcessor, log_step, step

exporter: SpanExporter = AllureSpanExporter()
exporter = AllureSpanExporter(results_dir="allure-results")
processor: SpanProcessor = AllureSpanProcessor("allure-results")


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


kept_plain: Callable[[int], float] = plain
kept_coroutine: Callable[[int], Coroutine[Any, Any, str]] = coroutine
kept_generator: Callable[[], Iterator[int]] = generator
kept_async_generator: Callable[[], AsyncIterator[int]] = async_generator
kept_class: type[Thing] = Thing


async def steps() -> None:
    with step("title") as s:
        s.title = "other title"
        s.parameter("name", object(), mode="masked")
        s.attach(b"body", name="name")
        s.set_status("failed", "soft check")
    log_step("seen", "skipped", "there was none")
    async with step("title") as t:
        t.parameter("name", 1)
