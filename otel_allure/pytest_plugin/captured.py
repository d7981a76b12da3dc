"""What tests log and print -> attachments: each line at its place, and at no other.

pytest captures by phase: what is logged in a step, in a fixture or in a test that runs at the same
time is in there too. What has a place of its own is left out, and what nobody has seen is kept.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, TypeVar

import pytest

from otel_allure.compat.pytest import LOG_FORMAT, LOG_HANDLER, LOG_LEVEL
from otel_allure.model.spans import Log
from otel_allure.otel.session_loggers import SessionLoggers
from otel_allure.pytest_plugin.captured_output import Lines
from otel_allure.recording.log_capture import COLOURS, LogCapture
from otel_allure.recording.recorder import Recorder

_T = TypeVar("_T")


def taken_from(queue: deque[_T]) -> list[_T]:
    """Take all that is in a queue; several threads may do so at the same time."""
    taken: list[_T] = []
    with suppress(IndexError):  # another thread may have taken what was there a moment ago
        while queue:
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
        self._seen = Lines()
        self._capture = LogCapture(
            recorder, self._take, formatter=self._formatter, level=self._level
        )
        isolated = recorder.report.settings.otel_context == "isolated"
        self._loggers = SessionLoggers(
            self._capture.take_from_sdk, recorder.diagnostics, isolated=isolated
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
        return [self._loggers.refresh]

    def stop(self) -> None:
        """Put everything back."""
        if self.on:
            self.on = False
            self._recorder.on_log_record = None
            self._loggers.uninstall()
            self._capture.stop()

    def refresh(self) -> None:
        """Follow what has been imported or configured by now."""
        if self.on:
            self._capture.refresh()
            self._loggers.refresh()

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

    def reset(self) -> None:
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
