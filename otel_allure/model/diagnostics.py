"""Our own errors: counted, the first kept, told once. They never break a user's run."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from types import TracebackType

from otel_allure.model.texts import text_of, type_name

_logger = logging.getLogger("otel_allure")


class _Caught:
    """A block whose errors are noted; a class, as there are many a test."""

    __slots__ = ("_diagnostics", "_doing")

    def __init__(self, diagnostics: Diagnostics, doing: str) -> None:
        self._diagnostics = diagnostics
        self._doing = doing

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        self._diagnostics.add(self._doing, error)
        return True


_MOST_BLOCKS = 100


class Diagnostics:
    """What went wrong while a report was written.

    Each kind of problem is logged when it is seen first and counted from there on.

    Args:
        log: whether to log at all. Not within pytest, where tests look at what is logged: the
            terminal summary tells instead.

    Attributes:
        counts: number of times, by what was being done.
        first: the first error's text, by what was being done.
        notes: what people may want to know although nothing is missing from the report.
        tell: told about each kind of problem once, in a process whose parent writes the report.
    """

    def __init__(self, *, log: bool = True) -> None:
        self._log = log
        self.counts: Counter[str] = Counter()
        self.first: dict[str, str] = {}
        self.notes: list[str] = []
        self.tell: Callable[[str, str], None] | None = None
        self._blocks: dict[str, _Caught] = {}  # they have no state, and come again

    def add(self, doing: str, detail: object) -> None:
        """Note that `doing` went wrong."""
        self.counts[doing] += 1
        if doing in self.first:
            return
        self.first[doing] = "?"  # a test may have put mocks in the place of what we call next
        text = text_of(detail)
        is_error = isinstance(detail, BaseException)
        self.first[doing] = f"{type_name(detail)}: {text}" if is_error else text
        if self.tell is not None:
            self.tell(doing, self.first[doing])
        if self._log:
            _logger.warning("otel-allure: %s: %s", doing, self.first[doing])

    def caught(self, doing: str) -> _Caught:
        """Keep an error raised in the block from the caller, and note it."""
        block = self._blocks.get(doing)
        if block is None:
            block = _Caught(self, doing)
            if len(self._blocks) < _MOST_BLOCKS:
                self._blocks[doing] = block
        return block

    def lines(self) -> list[str]:
        """Return one line for each kind of problem, for people."""
        return [
            f"{doing}: {self.first[doing]}" + (f" (and {count - 1} more)" if count > 1 else "")
            for doing, count in self.counts.items()
        ]
