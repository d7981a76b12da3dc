"""Tests that ask for their trace: the fixture, budgets, and what is told at the end of a test.

Where no report is written, a test that asks is recorded all the same, alone and to nowhere.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from otel_allure.assertions.budgets import (
    NAMES,
    Budget,
    checked,
    exceeded,
    measured,
    says_nothing,
    words,
)
from otel_allure.assertions.errors import InconclusiveError, TraceUsageError, hidden
from otel_allure.assertions.kinds import CALLS
from otel_allure.assertions.live import RecordedTest, Running, Trace
from otel_allure.assertions.texts import failure_text
from otel_allure.assertions.view import View
from otel_allure.assertions.waiting import not_awaited
from otel_allure.compat.opentelemetry import GLOBAL_TRACER_PROVIDER
from otel_allure.compat.patches import undo_all
from otel_allure.compat.pytest import CALL_SPEC, FIXTURE_MANAGER
from otel_allure.model.clock import now_ns
from otel_allure.model.diagnostics import Diagnostics
from otel_allure.model.texts import counted
from otel_allure.otel import instrumentation
from otel_allure.otel.session_provider import takes_processors
from otel_allure.output.allure_json import new_uuid
from otel_allure.pytest_plugin import budgets_file, options
from otel_allure.pytest_plugin.listener import CONCURRENT_RUNNERS, AllureListener
from otel_allure.pytest_plugin.metadata import BUDGET_LINE, BUDGET_MARK
from otel_allure.pytest_plugin.third_party import cooperative, stand_in, subtests
from otel_allure.recording.active import is_isolated

PLUGIN = options.TRACES_PLUGIN
_FIXTURE = "trace"


def trace_of(request: pytest.FixtureRequest) -> Trace:
    """Return the trace of the test that a fixture is set up for."""
    __tracebackhide__ = hidden
    traces = Traces.register(request.config, [request.node])
    listener = traces.recording()
    if traces.cannot_record:
        raise TraceUsageError(traces.cannot_record)
    attempt = listener.open(request.node)
    if listener.recorder.is_child:  # pytest-forked: what happens here is sent to the parent
        listener.report.sent = listener.report.sent or []

    def find() -> Running:
        return listener.recorder, attempt.test

    return Trace(RecordedTest(find))


class Traces:
    """Follows the tests that ask for their trace."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._quiet: AllureListener | None = None
        self._undo: list[Callable[[], None]] = []
        self._settings = options.read_settings(config)
        self._writes = bool(config.getoption(options.WRITE_BUDGETS))
        self._checks = bool(config.getoption(options.CHECK_BUDGETS))
        self._default, self._file = self._read_budgets()
        self._of_all = self._writes or self._checks or bool(self._default)
        self._measured: dict[str, dict[str, int]] = {}
        """What tests have called that have passed, by node id."""
        self._totals: Counter[str] = Counter()
        self._unknown = self._unread = self._unmeasured = 0
        self._start_ns = now_ns()
        self._wrong = ""
        self._is_instrumented = False
        self.cannot_record = ""
        """Why nothing is told by instrumentations, or services, that shall."""
        self._diagnostics = Diagnostics(log=False)

    def _read_budgets(self) -> tuple[Budget, budgets_file.Budgets]:
        pairs = (word.split("=") for word in self._settings.otel_budget)
        default = {name: float(most) for name, most in pairs}
        try:
            default = checked(default, "allure_otel_budget") if default else {}
            return default, budgets_file.read(self._path) if self._checks else {}
        except TraceUsageError as error:
            raise pytest.UsageError(f"otel-allure: {error}") from None

    @property
    def _path(self) -> Path:
        return self._config.rootpath / self._settings.otel_budgets_file

    @classmethod
    def register(cls, config: pytest.Config, items: list[pytest.Item]) -> Traces:
        """Follow tests from now on, and check their marks.

        Raises:
            pytest.UsageError: for a budget that is none.
        """
        traces = config.pluginmanager.get_plugin(PLUGIN)
        if traces is None:
            traces = cls(config)
            config.pluginmanager.register(traces, PLUGIN)
        for item in items:
            _budget_of(item)
        traces._unread = sum(map(_has_unread_mark, items))
        return traces

    # -- recording, where no report does

    @property
    def _listener(self) -> AllureListener | None:
        listener: AllureListener | None = self._config.stash.get(stand_in.LISTENER, None)
        is_on = listener is not None and self._config.pluginmanager.is_registered(listener)
        return listener if is_on else self._quiet

    def recording(self) -> AllureListener:
        """Return what records; if the test asks unforeseen, from now on."""
        if self._listener is None:
            self._instrument()
            self._undo = self._start()
        listener = self._listener
        assert listener is not None
        return listener

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logfinish(self) -> None:
        """Stop what a test has started that asked unforeseen."""
        undo_all(self._undo)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, Any, Any]:
        """Prepare for the tests that ask; record all, where one by one is not enough.

        Where tests run at the same time, their bodies come before hooks; and services outlive
        tests that ask, and may have been started for others.
        """
        if self._listener is not None or not any(map(self._asks, session.items)):
            return (yield)
        self._instrument()
        at_once = any(name in sys.modules for name in CONCURRENT_RUNNERS)
        if not at_once and not self._settings.otel_receiver:
            return (yield)
        undo = self._start()
        try:
            assert self._quiet is not None
            if self._settings.otel_receiver:
                self._receive(self._quiet)
            return (yield)
        finally:
            undo_all(undo)

    def _receive(self, listener: AllureListener) -> None:
        """Take what services send; each worker of xdist does so for itself."""
        try:
            listener.receive()
        except pytest.UsageError as error:
            self.cannot_record = str(error)

    def _instrument(self) -> None:
        """Activate the instrumentations that are wanted, until the end of the run."""
        if self._is_instrumented:
            return
        self._is_instrumented = True
        names = options.instrumentations(self._config)
        try:
            self._config.add_cleanup(instrumentation.activate(names, self._diagnostics))
        except instrumentation.UnknownInstrumentationError as error:
            self.cannot_record = f"{options.INSTRUMENT}: {error}"

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Record a test that asks."""
        if self._listener is not None or not self._asks(item):
            return (yield)
        undo = self._start()
        try:
            assert self._quiet is not None
            return (yield from self._quiet.pytest_runtest_protocol(item))
        finally:
            undo_all(undo)

    def _start(self) -> list[Callable[[], None]]:
        """Record to nowhere; return how to undo it, the last thing first."""
        listener = self._quiet = AllureListener(self._config, None)
        listener.start()
        listener.recorder.instrumentations = options.instrumentations(self._config)
        listener.open_session()
        manager = self._config.pluginmanager
        manager.register(listener, f"{PLUGIN}_listener")
        listener.provider.share_with_backend()

        def forget() -> None:
            self._quiet = None

        return [  # the last of them is the first to go
            forget,
            lambda: manager.unregister(listener),
            listener.stop,
            subtests.follow(listener.running),
            cooperative.follow(listener),
        ]

    def _asks(self, item: pytest.Item) -> bool:
        return self._of_all or _has_fixture(item) or bool(_budget_of(item))

    # -- the end of a test

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Tell what was forgotten, and what is beyond the budget."""
        __tracebackhide__ = True
        try:
            result = yield
        except InconclusiveError as error:
            if self._settings.otel_inconclusive == "skip":
                pytest.skip(f"inconclusive: {error}")
            raise
        finally:
            if self._settings.otel_metrics:
                self._count(item)
        told = self._told(item)
        if told:
            pytest.fail("\n\n".join(told), pytrace=False)
        return result

    def _source(self, item: pytest.Item) -> RecordedTest | None:
        listener = self._listener
        attempt = None if listener is None else listener.running.at(item)
        if listener is None or attempt is None:
            return None
        running = listener.recorder, attempt.test
        return RecordedTest(lambda: running)

    def _told(self, item: pytest.Item) -> list[str]:
        """Return what a test fails by that has passed so far."""
        source = self._source(item)
        if source is None:
            return []
        asked = source.asked()
        told = [self.cannot_record] if self.cannot_record and self._asks(item) else []
        told += map(not_awaited, asked.not_awaited())
        if self._settings.otel_soft_checks == "fail":
            told += asked.failed
        budget = {**self._default, **_budget_of(item)}
        if budget:
            told += _beyond(budget, source, f"budget({words(budget)})")
        if self._checks:
            known = self._file.get(item.nodeid)
            self._unknown += known is None
            told += _beyond(known, source, self._path.name) if known is not None else []
            budget = {**(known or {}), **budget}
        self._unmeasured += not told and _is_unmeasured(budget, source.look())
        if self._writes and not told:
            view = source.look()
            self._measured[item.nodeid] = measured(view.spans, view)
        return told

    # -- the end of the run

    def _count(self, item: pytest.Item) -> None:
        source = self._source(item)
        if source is not None:
            view = source.look()
            self._totals.update(measured(view.spans, view))
            test = view.test
            self._totals["milliseconds"] += 0 if test is None else view.took_ns(test) // 1_000_000

    def take_over(self, told: tuple[Any, ...]) -> None:
        """Take over what a worker of xdist has counted; each of them has seen the same marks."""
        counts, totals, unknown, unmeasured, unread = told
        self._measured.update(counts)
        self._totals.update(totals)
        self._unknown += unknown
        self._unmeasured += unmeasured
        self._unread = max(self._unread, unread)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self) -> Generator[None, Any, Any]:
        """Write what was counted, or tell it to the process that does."""
        try:
            return (yield)
        finally:
            output = getattr(self._config, "workeroutput", None)
            if output is not None:
                output[PLUGIN] = (
                    self._measured,
                    dict(self._totals),
                    self._unknown,
                    self._unmeasured,
                    self._unread,
                )
            else:
                self._write()

    def _write(self) -> None:
        listener = self._listener
        if listener is not None and self._settings.otel_metrics and self._totals:
            body = json.dumps(metrics(self._totals, self._start_ns, now_ns()))
            file_name = f"{new_uuid()}-perf.json"
            listener.report.publish("report_attached_data", body=body, file_name=file_name)
        if self._writes:
            try:
                budgets_file.write(self._path, self._measured)
            except (OSError, TraceUsageError) as error:
                self._wrong = str(error)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what became of the file of budgets, and which marks are none."""
        if self._writes:
            written = f"{len(self._measured)} budgets are in {self._path}"
            terminalreporter.write_line(f"otel-allure: {self._wrong or written}")
        for line in self._diagnostics.lines():
            terminalreporter.write_line(f"otel-allure: {line}")
        if self._unknown:
            terminalreporter.write_line(
                f"otel-allure: of {counted(self._unknown, 'test')} {self._path.name} knows no"
                f" budget; {options.WRITE_BUDGETS} writes them"
            )
        if self._unmeasured:
            terminalreporter.write_line(
                f"otel-allure: the budget of {counted(self._unmeasured, 'test')} in isolation says"
                " nothing: no provider was set there, so that no call could be counted"
            )
        if self._unread:
            terminalreporter.write_line(
                f"otel-allure: the mark {BUDGET_MARK!r} of {counted(self._unread, 'test')} is not"
                f" read, as it names none of {', '.join(NAMES)}; if it is yours,"
                " list it under `markers`"
            )


def metrics(totals: Mapping[str, int], start_ns: int, end_ns: int) -> list[dict[str, Any]]:
    """Return what a run has called, as Allure 3 reads metrics."""
    return [
        {
            "id": "otel-allure",
            "key": f"otel.{name}",
            "value": count,
            "start": start_ns // 1_000_000,
            "stop": end_ns // 1_000_000,
            "title": _TITLES.get(name, name),
            "unit": "ms" if name == "milliseconds" else "",
            "group": "Calls of the tests",
            "better": "lower",
        }
        for name, count in totals.items()
    ]


_TITLES = {
    "sql": "SQL queries",
    "http": "HTTP requests",
    "rpc": "Remote procedure calls",
    "messages": "Messages",
    "cache": "Cache commands",
    "calls": "Calls in all",
    "errors": "Errors",
    "milliseconds": "Time of the tests",
}


def _beyond(budget: Budget, source: RecordedTest, asked: str) -> list[str]:
    """Return what is told where a test has gone beyond its budget."""
    view = source.look()
    test = view.test
    took_ns = 0 if test is None else view.took_ns(test)
    failure = exceeded(budget, view.spans, view, took_ns)
    text = "" if failure is None else failure_text(asked, failure, view)
    offenders = () if failure is None else failure.offenders
    source.note(asked, text, offenders, is_soft=False)
    return [text] if text else []


def _is_unmeasured(budget: Budget, view: View) -> bool:
    """Whether no call was counted of a test that has a budget of calls, as none could be."""
    is_of_calls = any(name in CALLS for name in budget)
    if not is_of_calls or not is_isolated(by_default=False):
        return False
    can_be = takes_processors(GLOBAL_TRACER_PROVIDER.get(), "add_span_processor")
    return not can_be and not any(map(CALLS["calls"], view.spans))


# -- which tests ask


def _has_fixture(item: pytest.Item) -> bool:
    """Whether a test has the fixture `trace`, and it is ours: anybody may have one."""
    if _FIXTURE not in getattr(item, "fixturenames", ()):
        return False
    spec = CALL_SPEC.of(item, None) if hasattr(item, CALL_SPEC.attribute) else None
    if spec is not None and _FIXTURE in spec.params:
        return False
    manager = FIXTURE_MANAGER.of(item.session)
    if manager is None:
        return True
    for definition in reversed(manager.getfixturedefs(_FIXTURE, item) or ()):
        if getattr(definition.func, "__module__", None) == __package__:
            return True
        if _FIXTURE not in definition.argnames:  # else it makes something of ours
            break
    return False


def _budget_of(item: pytest.Item) -> Budget:
    """Return the budget that marks give a test: of each kind the nearest one counts.

    Raises:
        pytest.UsageError: for a budget that is none.
    """
    budget: dict[str, float] = {}
    for mark in _marks_of(item):
        where = f"{item.nodeid}: @pytest.mark.budget"
        if says_nothing(mark.kwargs):
            continue
        try:
            if mark.args:
                raise TraceUsageError(f"{where}: of what? It takes names: budget(sql=3)")
            budget = checked(mark.kwargs, where) | budget
        except TraceUsageError as error:
            raise pytest.UsageError(f"otel-allure: {error}") from None
    return budget


def _marks_of(item: pytest.Item) -> Iterable[pytest.Mark]:
    """Return the marks, if nobody else's configuration has one of that name."""
    lines = [line for line in item.config.getini("markers") if line.startswith(BUDGET_MARK)]
    return item.iter_markers(BUDGET_MARK) if lines == [BUDGET_LINE] else ()


def _has_unread_mark(item: pytest.Item) -> bool:
    """Whether a mark is the budget of something else, and of a project that lists no such mark."""
    return any(says_nothing(mark.kwargs) for mark in _marks_of(item))
