"""What concurrent tests print, told apart."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any, TextIO

import pytest

from otel_allure.compat.pytest import CAPTURING
from otel_allure.model import conventions as c
from otel_allure.recording.running_item import RunningItem, item_in, live_context


class Lines:
    """Lines that have a place of their own. pytest strips what it has captured, so they are."""

    def __init__(self) -> None:
        self._lines = {""}

    def add(self, text: str) -> None:
        """Note lines that are shown."""
        if "\n" in text:
            self._lines.update(map(str.strip, text.split("\n")))
        else:
            self._lines.add(text.strip())

    def clear(self) -> None:
        """Forget them."""
        self._lines = {""}

    def without(self, own: str, captured: str) -> str:
        """Return `own`, and of `captured` the lines that have no place."""
        if own.strip() == captured.strip():
            return captured
        unseen = [line for line in captured.split("\n") if line.strip() not in self._lines]
        return "\n".join([own.strip("\n"), *unseen] if own else unseen)


class Output:
    """What tests print that run at the same time: pytest cannot tell them apart.

    It listens to `sys.stdout` and `sys.stderr`, and by the context knows whose lines they are. What
    gets there by another way (`os.write`, child processes) stays where pytest has put it.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._streams: list[TextIO] = []
        self._seen = {"stdout": Lines(), "stderr": Lines()}
        self._texts: dict[int, dict[str, list[str]]] = {}  # by span id of the test
        self.on = False

    def start(self) -> None:
        """Begin to listen."""
        self.on = True
        self.refresh()

    def refresh(self) -> None:
        """Listen to what is `sys.stdout` and `sys.stderr` now, and to what pytest makes of them.

        It puts its own there for the phases of tests, and takes them away, again and again.
        """
        if not self.on:
            return
        manager: Any = self._config.pluginmanager.get_plugin("capturemanager")
        capturing = CAPTURING.of(manager)
        for name, short in (("stdout", "out"), ("stderr", "err")):
            pytests = getattr(getattr(capturing, short, None), "tmpfile", None)
            for stream in (getattr(sys, name), pytests):
                if stream is not None and all(stream is not known for known in self._streams):
                    self._listen(name, stream)

    def _listen(self, name: str, stream: Any) -> None:
        write = stream.write

        def note_and_write(text: str) -> Any:
            written = write(text)
            if isinstance(text, str):
                self._note(name, text)
            return written

        with suppress(AttributeError):  # one that is not Python's own
            stream.write = note_and_write
            self._streams.append(stream)

    def _note(self, name: str, text: str) -> None:
        item = item_in(live_context())
        # In the test itself, not in a phase of it, it is pytest that prints how it went.
        if item is not None and item.test is not None and item.kind != c.TEST:
            texts = self._texts.setdefault(_id(item.test), {})
            texts.setdefault(name, []).append(text)

    def text(self, name: str, captured: str, test: RunningItem) -> str:
        """Return the text of a test's attachment."""
        for texts in self._texts.values():
            self._seen[name].add("".join(texts.get(name, ())))
        own = "".join(self._texts.get(_id(test), {}).get(name, ()))
        return self._seen[name].without(own, captured)

    def forget(self, test: RunningItem) -> None:
        """Note that a test has finished."""
        for name, texts in self._texts.pop(_id(test), {}).items():
            self._seen[name].add("".join(texts))

    def reset(self) -> None:
        """Note that no test runs."""
        for lines in self._seen.values():
            lines.clear()

    def stop(self) -> None:
        """Put everything back."""
        self.on = False
        while self._streams:
            with suppress(AttributeError):
                del self._streams.pop().write


def _id(test: RunningItem) -> int:
    return test.span.get_span_context().span_id
