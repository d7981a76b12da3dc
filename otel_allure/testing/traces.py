"""Spans that are not of the running test, asked as those are: of a file, or made up."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager

from otel_allure.assertions.trace import BaseTrace, Block
from otel_allure.assertions.view import View
from otel_allure.model.spans import Span, service_of
from otel_allure.presentation.presentation import Presentation


class _Given:
    """Spans that are known."""

    def __init__(self, spans: Iterable[Span], presentation: Presentation) -> None:
        self._spans = list(spans)
        self._presentation = presentation

    def view(self, *, wider_fixtures: bool = False) -> View:
        return View(self._spans, self._presentation)

    def services(self) -> Collection[str]:
        return set(map(service_of, self._spans))

    def note(self, asked: str, text: str, offenders: Sequence[Span], *, is_soft: bool) -> None:
        """Nobody is told."""

    @contextmanager
    def block(self, title: str) -> Iterator[Block]:
        raise NotImplementedError(f"{title}: nothing runs here")


def trace_of(spans: Iterable[Span], presentation: Presentation | None = None) -> BaseTrace:
    """Return spans to be asked as a test asks its own, by all that does not wait or run.

    Args:
        spans: of one trace.
        presentation: how the report shows them; default: by the default settings.
    """
    return BaseTrace(_Given(spans, presentation or Presentation()))
