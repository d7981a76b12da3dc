"""What tests log and print -> attachments: each line at its place, and at no other.

pytest captures by phase: what is logged in a step, in a fixture or in a test that runs at the same
time is in there too. What has a place of its own is left out, and what nobody has seen is kept.
"""

from __future__ import annotations

import logging
import sys
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, TextIO, TypeVar

import pytest

from otel_allure import conventions as c
from otel_allure.compat.pytest import CAPTURING, LOG_FORMAT, LOG_HANDLER, LOG_LEVEL
from otel_allure.logger_provider import SessionLoggers
from otel_allure.logs import COLOURS, LogCapture
from otel_allure.recorder import Recorder
from otel_allure.scope import Scope, live_context, scope_in
from otel_allure.spans import Log

_T = TypeVar("_T")


def taken_from(queue: deque[_T]) -> list[_T]:
    """Take all that is in a queue; several threads may do so at the same time."""
    taken = []
    with suppress(IndexError):  # to ask first whether something is left helps one thread only
        while True:
            taken.append(queue.popleft())
    return taken


class Logs:
    """The log records of a session.

    Args:
        config: its option `--allure-no-capture`, and pytest's for the form of lines, count.
        recorder: knows where code runs.
    """

    def __init__(self, config: pytest.Config, recorder: Recorder) -> None:
        self._config = config
        self._recorder = recorder
        self._report = recorder.report
        self._waiting: deque[Log] = deque()  # of a list, what comes while it is taken may be lost
        self._seen = _Lines()
        self._capture = LogCapture(
            recorder, self._take, formatter=self._formatter, level=self._level
        )
        isolated = recorder.report.settings.otel_context == "isolated"
        self._loggers = SessionLoggers(
            self._capture.take_from_sdk, recorder.problems, isolated=isolated
        )
        self._pytests: Any = None  # the handler that makes the captured log
        self._least = 0
        self.on = False
        """Whether records are shown at their place; else as allure-pytest does."""

    def start(self) -> list[Callable[[], None]]:
        """Begin, if users want it; return who wants to know when a provider was set."""
        self.on = bool(
            self._config.option.attach_capture
            and self._report.presentation.settings.attach_logs
            and not self._config.option.collectonly
        )
        if not self.on:
            return []
        plugin = self._config.pluginmanager.get_plugin("logging-plugin")
        self._pytests = LOG_HANDLER.of(plugin)
        self._least = LOG_LEVEL.of(plugin) or 0
        users_own = _log_format(self._config) != _DEFAULT_FORMAT
        self._capture.form = "complete" if users_own else "line"
        self._capture.start()
        self._loggers.install()
        self._recorder.on_log_record = self._capture.take_from_sdk
        return [self._loggers.look]

    def stop(self) -> None:
        """Put everything back."""
        if self.on:
            self.on = False
            self._recorder.on_log_record = None
            self._loggers.uninstall()
            self._capture.stop()

    def look(self) -> None:
        """Follow what has been imported or configured by now."""
        if self.on:
            self._capture.look()
            self._loggers.look()

    def _take(self, log: Log) -> None:
        if self._report.redirect is not None:  # a child, which may end at any time
            self._report.add([log])
        else:
            self._waiting.append(log)
            # What is shown at a test that is over is captured for the one that runs, too.
            if not log.trace_id or self._recorder.is_open(log.trace_id):
                self._seen.add(log.text)

    def take(self) -> list[Log]:
        """Give away the records that the report has not been given."""
        return taken_from(self._waiting)

    def forget(self) -> None:
        """Drop what is the parent's, as a forked child does."""
        self._waiting.clear()

    def text(self, captured: str, own: Iterable[Log]) -> str:
        """Return the text of a test's attachment.

        Args:
            captured: what pytest has captured.
            own: the records of the test that are in none of its steps and fixtures.
        """
        presentation = self._report.presentation
        lines = [log.text if log.form != "message" else presentation.log_lines(log) for log in own]
        text = self._seen.without("\n".join(lines), COLOURS.sub("", captured))
        return presentation.redaction.text(text)

    def rest(self) -> None:
        """Note that no test runs: what was seen so far will not be captured any more."""
        self._seen.clear()

    # -- pytest's own options

    def _formatter(self) -> logging.Formatter:
        return getattr(self._pytests, "formatter", None) or _DEFAULT_FORMATTER

    def _level(self) -> int:
        return max(self._least, getattr(self._pytests, "level", 0))


_OURS = "%(levelname)-8s %(name)s:%(filename)s:%(lineno)d %(message)s"
_DEFAULT_FORMAT: str = LOG_FORMAT.imported(_OURS)
_DEFAULT_FORMATTER = logging.Formatter(_DEFAULT_FORMAT)


def _log_format(config: pytest.Config) -> str:
    try:
        return str(config.getoption("log_format") or config.getini("log_format"))
    except ValueError:  # pytest runs without its plugin for logging
        return _DEFAULT_FORMAT


class _Lines:
    """Lines that have a place of their own. pytest strips what it has captured, so they are."""

    def __init__(self) -> None:
        self._lines = {""}

    def add(self, text: str) -> None:
        if "\n" in text:
            self._lines.update(map(str.strip, text.split("\n")))
        else:
            self._lines.add(text.strip())

    def clear(self) -> None:
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
        self._seen = {"stdout": _Lines(), "stderr": _Lines()}
        self._texts: dict[int, dict[str, list[str]]] = {}  # by span id of the test
        self.on = False

    def start(self) -> None:
        """Begin to listen."""
        self.on = True
        self.look()

    def look(self) -> None:
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
        scope = scope_in(live_context())
        # In the test itself, not in a phase of it, it is pytest that prints how it went.
        if scope is not None and scope.test is not None and scope.kind != c.TEST:
            texts = self._texts.setdefault(_id(scope.test), {})
            texts.setdefault(name, []).append(text)

    def text(self, name: str, captured: str, test: Scope) -> str:
        """Return the text of a test's attachment."""
        for texts in self._texts.values():
            self._seen[name].add("".join(texts.get(name, ())))
        own = "".join(self._texts.get(_id(test), {}).get(name, ()))
        return self._seen[name].without(own, captured)

    def forget(self, test: Scope) -> None:
        """Note that a test has finished."""
        for name, texts in self._texts.pop(_id(test), {}).items():
            self._seen[name].add("".join(texts))

    def rest(self) -> None:
        """Note that no test runs."""
        for lines in self._seen.values():
            lines.clear()

    def stop(self) -> None:
        """Put everything back."""
        self.on = False
        while self._streams:
            with suppress(AttributeError):
                del self._streams.pop().write


def _id(test: Scope) -> int:
    return test.span.get_span_context().span_id
