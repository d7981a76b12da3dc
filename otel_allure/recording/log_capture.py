"""Log records -> `Log`, with the span that was current when they were emitted.

stdlib logging, loguru and structlog's printing loggers; OpenTelemetry's own records come through
`log_exporter`. Nothing here decides which records are emitted, nor is anything visible to whoever
configures logging:

* **stdlib**: a logger gives each record that it handles to its handlers by one method, in the
  thread and context that emit it. There we look at it first. A handler would be seen in
  `root.handlers`, be removed by `dictConfig` and by `basicConfig(force=True)`, keep a plain
  `basicConfig()` from doing anything, and hear nothing of loggers that do not propagate.
* **loguru** has sinks; ours has the lowest level of those that the user has added.
* **structlog** without stdlib prints, so the printing methods are wrapped.

A record can come by two ways, where loggers are bridged into each other. The second is left out.
"""

from __future__ import annotations

import functools
import inspect
import logging
import re
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from opentelemetry.trace import get_current_span

from otel_allure.compat.others import LOGURU_CORE
from otel_allure.compat.patches import Undo, replace, undo_all
from otel_allure.compat.redirect import Redirection
from otel_allure.compat.standard_library import CALL_HANDLERS
from otel_allure.formats.sdk import log_from_sdk
from otel_allure.model import conventions as c
from otel_allure.model.clock import now_ns
from otel_allure.model.spans import NOTHING, Attributes, Log
from otel_allure.model.texts import comes_from_outside, represented, text_of
from otel_allure.recording.active import active_recorder
from otel_allure.recording.contexts import SPAN, held
from otel_allure.recording.recorder import Recorder
from otel_allure.recording.running_item import item_in

_REMEMBERED = 1000
"""Records that are remembered at least, to know them again when they come by another way."""

COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class LogCapture:
    """Takes the log records of this process, from `start` to `stop`.

    Args:
        recorder: knows where code runs.
        sink: given each record.
        formatter: returns what makes lines of stdlib's records.
        level: returns the level below which stdlib's records are left out.

    Attributes:
        form: what those lines are, see `Log.form`.
    """

    def __init__(
        self,
        recorder: Recorder,
        sink: Callable[[Log], None],
        *,
        formatter: Callable[[], logging.Formatter],
        level: Callable[[], int],
    ) -> None:
        self._recorder = recorder
        self._sink = sink
        self._formatter = formatter
        self._level = level
        self.form = "line"
        self._here = _Here()
        self._recent: set[tuple[int, str]] = set()
        self._older: set[tuple[int, str]] = set()
        self._loguru = _Loguru(self)
        self._undo_structlog: list[Undo] = []

    def start(self) -> None:
        """Begin to listen."""
        _captures.append(self)
        self._stop_listening = _handled.begin()
        if not _handled.is_possible:
            self._recorder.diagnostics.add(
                "listening to logging", "somebody has replaced a part of it"
            )
        self.refresh()

    def stop(self) -> None:
        """Put everything back."""
        _captures.remove(self)
        self._stop_listening()
        self._loguru.leave()
        undo_all(self._undo_structlog)

    def refresh(self) -> None:
        """Follow the libraries that have been imported by now, and loguru's sinks."""
        with self._recorder.diagnostics.caught("following a logging library"):
            self._loguru.refresh()
            structlog = sys.modules.get("structlog")
            if structlog is not None and not self._undo_structlog:
                self._undo_structlog = _follow_printing(structlog, self.take_printed)

    # -- in; nothing is raised, since this runs in the code under test

    def take(self, record: logging.LogRecord, extra: object = None) -> None:
        """Take a record of stdlib's; `extra` is loguru's, by which it is known again."""
        here = self._here
        if here.busy or active_recorder() is not self._recorder:
            return  # formatting it has logged something, or a run within this run reports it
        here.busy = True
        try:
            if record.levelno >= self._level() and not self._is_duplicate(record, extra):
                self._take(record)
        except BaseException as error:  # what is logged can raise anything when it is shown
            if comes_from_outside(error):
                raise
            self._recorder.diagnostics.add("taking a log record", error)
        finally:
            here.busy = False

    def _take(self, record: logging.LogRecord) -> None:
        logger = f"{record.name}:{record.filename}:{record.lineno}"
        # A copy: a formatter leaves things on the record that those after it do not make again.
        shown = object.__new__(type(record))
        shown.__dict__.update(record.__dict__)
        formatter = self._formatter()
        text, attributes = _formatted(formatter, shown), _exception(formatter, shown)
        self._here.message = shown.__dict__.get("message") if self._here.is_awaited else None
        self._put(record.levelname, logger, text, attributes, self.form)

    def take_printed(self, level: str, text: str) -> None:
        """Take a line that structlog prints; outside of steps, the captured output has it."""
        if active_recorder() is self._recorder:
            with self._recorder.diagnostics.caught("taking a log record"):
                if self._is_in_step():
                    self._put(level.upper(), "structlog", text.rstrip("\n"), NOTHING, "line")

    def take_from_sdk(self, record: Any) -> None:
        """Take a record of OpenTelemetry's, unless it was made of one of stdlib's."""
        here = self._here
        if active_recorder() is not self._recorder or record is here.last_from_sdk:
            return  # it has come from another processor of ours
        here.last_from_sdk = record
        with self._recorder.diagnostics.caught("taking a log record"):
            log = log_from_sdk(record)
            key = log.time_ns, log.logger
            if key in self._recent or key in self._older:
                return
            trace_id, span_id = (
                self._recorder.adoptions.home(log.trace_id, log.span_id),
                log.span_id,
            )
            if span_id in (0, get_current_span().get_span_context().span_id):
                trace_id, span_id = self._recorder.span_here()
            log = log._replace(trace_id=trace_id, span_id=span_id)
            # As spans do: what fakes the clock would put it out of order.
            self._sink(log._replace(time_ns=now_ns()))

    def _put(self, level: str, logger: str, text: str, attributes: Attributes, form: str) -> None:
        trace_id, span_id = self._recorder.span_here()
        if "\x1b" in text:
            text = COLOURS.sub("", text)
        self._sink(Log(trace_id, span_id, now_ns(), level, logger, text, attributes, form))

    def _is_in_step(self) -> bool:
        context = self._recorder.base_context()
        item = item_in(context)
        if item is None:
            return held(context, SPAN) is not None
        return item.kind not in (c.TEST, c.PHASE) or held(context, SPAN) is not item.span

    # -- the same record again

    def _is_duplicate(self, record: logging.LogRecord, extra: object) -> bool:
        """Whether the record has come already: from loguru by stdlib, or the other way round."""
        here = self._here
        source = record.pathname, record.lineno
        if extra is None:  # from stdlib, unless a handler of the user's passes on what loguru says
            extra = getattr(record, "extra", None)
            again = extra is not None and extra is here.extra
            # What loguru has made is not on its way to loguru.
            here.source, here.is_awaited = source, extra is None
            self._remember(int(record.created * 1e9), record.name)
        else:
            is_bridge = source == here.source or record.pathname == logging.__file__
            again = extra is here.extra or (
                is_bridge and here.message is not None and record.msg.startswith(here.message)
            )
            here.message, here.is_awaited = None, False
        here.extra = extra
        return again

    def _remember(self, time_ns: int, logger: str) -> None:
        self._recent.add((time_ns, logger))
        if len(self._recent) > _REMEMBERED:
            self._older, self._recent = self._recent, set()


class _Here(threading.local):
    """What a thread is at.

    Attributes:
        busy: whether a record is being taken.
        extra: the last record's data of loguru's.
        last_from_sdk: the last record of OpenTelemetry's.
        source: file and line of the last record of stdlib's.
        is_awaited: whether that may be on its way to loguru.
        message: its message; None if there is none, or once loguru has passed it on.
    """

    busy = False
    extra: object = None
    last_from_sdk: object = None
    source: tuple[str, int] | None = None
    is_awaited = False
    message: str | None = None


def _formatted(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    try:
        return formatter.format(record)
    except BaseException as error:  # a wrong number of arguments, a value that cannot be shown
        if comes_from_outside(error):
            raise
        message = f"{text_of(record.msg)} (arguments: {represented(record.args)})"
        return f"{record.levelname:<8} {record.name} {message}"


def _exception(formatter: logging.Formatter, record: logging.LogRecord) -> Attributes:
    info = record.exc_info
    if not isinstance(info, tuple) or info[0] is None:
        return NOTHING
    kind, value, _ = info
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    is_plain = type(formatter).formatException is logging.Formatter.formatException
    trace = (is_plain and record.exc_text) or logging.Formatter().formatException(info)
    return {
        "exception.type": f"{module}{kind.__qualname__}",
        "exception.message": "" if value is None else text_of(value),
        "exception.stacktrace": trace,
    }


# -- stdlib

_captures: list[LogCapture] = []
"""The innermost is the last: a test may run pytest itself."""


def _take(logger: logging.Logger, record: logging.LogRecord) -> None:
    """Take a record that a logger is about to give to its handlers, in whatever thread that is."""
    if _captures:
        _captures[-1].take(record)


_handled = Redirection(logging.Logger, CALL_HANDLERS, _take, is_told=True)

# -- loguru


def _loguru() -> Any:
    return getattr(sys.modules.get("loguru"), "logger", None)


class _Loguru(logging.Handler):
    """Our sink. loguru makes stdlib's records for a handler, so they read like those."""

    def __init__(self, capture: LogCapture) -> None:
        # Not `Handler.__init__`: it would be in the list of those that `dictConfig` closes.
        logging.Filterer.__init__(self)
        self.level = logging.NOTSET
        self._capture = capture
        self._id: int | None = None
        self._least = 0

    def handle(self, record: logging.LogRecord) -> bool:
        self._capture.take(record, getattr(record, "extra", self))
        return True

    def close(self) -> None:
        """Do nothing: there is nothing to close."""

    def refresh(self) -> None:
        """Add the sink, again if users have removed it, or have sinks of another level now."""
        logger = _loguru()
        if logger is None:
            return
        handlers = getattr(LOGURU_CORE.of(logger), "handlers", None)
        if handlers is None:
            return
        levels = [handler.levelno for number, handler in handlers.items() if number != self._id]
        if not levels:  # nobody listens: then nothing is to be emitted for us
            self.leave()
        elif self._id not in handlers or min(levels) != self._least:
            self.leave()
            self._least = min(levels)
            self._id = logger.add(
                self, format="{message}", level=self._least, backtrace=False, diagnose=False
            )

    def leave(self) -> None:
        """Remove the sink."""
        if self._id is not None:
            with suppress(ValueError):  # the user has removed all sinks
                _loguru().remove(self._id)
            self._id = None


# -- structlog

_PRINTERS = ("PrintLogger", "WriteLogger", "BytesLogger")


def _follow_printing(structlog: Any, take: Callable[[str, str], None]) -> list[Undo]:
    """Wrap the methods that print; return what puts them back."""
    undo: list[Undo] = []
    for printer in (getattr(structlog, name, None) for name in _PRINTERS):
        for name, method in list(vars(printer).items()) if printer is not None else ():
            if inspect.isfunction(method) and not name.startswith("_"):
                undo.append(replace(printer, name, _printing(name, method, take)))
    return undo


def _printing(name: str, method: Callable[..., Any], take: Callable[[str, str], None]) -> Any:
    @functools.wraps(method)
    def print_and_take(self: Any, message: Any) -> Any:
        printed = method(self, message)
        is_text = not isinstance(message, bytes)
        take(name, str(message) if is_text else message.decode("utf-8", "replace"))
        return printed

    return print_and_take
