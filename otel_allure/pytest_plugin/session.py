"""pytest's hooks -> spans: a trace for each test, with a span for each of its phases.

One object listens while a report is written. What belongs to one test is in its `RunningTest`,
and where code runs is in the context; so tests may run at the same time, in one loop or in many.

The order of hooks is pytest's, with two exceptions that matter: pytest-rerunfailures runs several
attempts within one protocol, and cooperative plugins run the body before it. So a test opens with
whatever comes first of protocol, set-up and body, and it is finished by `logfinish`, after
everybody else's, since attachments may still be made there.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from _pytest import python as pytest_python
from allure_commons.types import AttachmentType
from allure_commons.utils import md5
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from otel_allure import allure_api
from otel_allure import conventions as c
from otel_allure import recorder as recorders
from otel_allure.clock import now_ns
from otel_allure.exporter import AllureSpanProcessor
from otel_allure.outcome import BROKEN, FAILED, PASSED, SKIPPED, Outcome, message_of
from otel_allure.problems import Problems
from otel_allure.provider import SessionProvider
from otel_allure.pytest_plugin import metadata
from otel_allure.pytest_plugin.coroutines import in_place, is_async
from otel_allure.pytest_plugin.fixtures import FixtureLife, Fixtures
from otel_allure.report import Report
from otel_allure.results_directory import as_string
from otel_allure.scope import Parameter, Scope, TestScope, attached
from otel_allure.spool import Spool
from otel_allure.steps import represented
from otel_allure.threads import hand_over_contexts
from otel_allure.tracer import RecordingSpan, RecordingTracer


class RunningTest:
    """An attempt at a test."""

    def __init__(self, item: pytest.Item, scope: TestScope) -> None:
        self.item = item
        self.nodeid = item.nodeid
        self.scope = scope
        self.outcome: Outcome | None = None
        self.identified = False
        self.body_error: BaseException | None = None
        """Set where a plugin ran the body before pytest's protocol."""
        self._used: list[FixtureLife] = []

    def use(self, life: FixtureLife) -> None:
        """Note that the test uses a wider fixture."""
        if life not in self._used and life.container is not None:
            self._used.append(life)
            life.acquire()
            self.scope.span.add_link(life.container.span.get_span_context(), {c.KIND: c.CONTAINER})

    def release_fixtures(self) -> None:
        """Note that the test has finished."""
        for life in self._used:
            life.release()

    def begin_phase(self, name: str, tracer: Any) -> Scope:
        """Start a phase, without making it current."""
        test = self.scope
        span = tracer.start_span(name, test.context, start_time=now_ns())
        phase = test.phase = Scope(c.PHASE, name, span, test.context)
        phase.attributes = {c.PHASE_NAME: name}
        return phase

    def identify(self, problems: Problems) -> None:
        """Find out title, description and parameters, once the fixtures are there to fill titles.

        What was told to the test already, by `allure.dynamic`, stays.
        """
        item, test = self.item, self.scope
        self.identified = True
        with problems.caught("taking a test's parameters"):
            known = {parameter.name for parameter in test.parameters}
            for name, value in metadata.callspec_parameters(item).items():
                if name not in known:
                    test.parameters.append(Parameter(name, represented(value)))
        with problems.caught("taking a test's title"):
            if test.title == test.first_title:
                test.title = metadata.title(item)
        with problems.caught("taking a test's description"):
            test.description = test.description or metadata.description(item)
            test.description_html = test.description_html or metadata.description_html(item)


_RUNNING = pytest.StashKey[RunningTest]()


class AllureListener:
    """Records a pytest session; registered with pytest as `allure_listener`."""

    def __init__(self, config: pytest.Config, results_dir: str) -> None:
        self.config = config
        self._tracer = RecordingTracer(self._take)
        self.report = Report(results_dir, only_tests=True, busy=self._tracer.open_traces)
        self.problems = self.report.problems
        self._ended: list[RecordingSpan] = []
        self._spool = Spool(self._become_child)
        self._process_start_ns = 0
        self._processor = AllureSpanProcessor(report=self.report)
        self.provider = SessionProvider(self._tracer, self._processor, self.problems)
        self.recorder = recorders.Recorder(self.report, self.provider.tracer, is_session=True)
        self.running: dict[str, RunningTest] = {}
        self.worker_output: dict[str, Any] = {}
        """What an xdist worker tells its controller at the end."""
        self._session_span: Span | None = None
        self._session_links: list[Link] = []
        self._fixtures = Fixtures(self.recorder, self._session_links)

    # -- the session

    def start(self) -> None:
        """Begin to record, before any code of the user is imported."""
        self.provider.install()
        recorders.activate(self.recorder)
        self._take_threads_back = hand_over_contexts()

    def stop(self) -> None:
        """Write what is left and put everything back."""
        self.settle()
        self._take_threads_back()
        recorders.deactivate(self.recorder)
        self.provider.uninstall()
        self._spool.close()

    def _take(self, span: RecordingSpan) -> None:
        """Take a span of ours that has ended.

        They wait for the end of a test or of a wide fixture: only then there is something to do.
        """
        if span.start_ns < self._process_start_ns:
            return  # it was open at a fork: it is the parent's
        self._ended.append(span)
        if span.parent_id is None or self.report.redirect is not None:
            self._drain()

    def _drain(self) -> None:
        # It runs in the code under test, so nothing may be raised.
        with self.problems.caught("taking spans"):
            ended, self._ended = self._ended, []
            self.report.add([span.record() for span in ended])

    def _become_child(self) -> None:
        """Leave the report to the process that this one was forked from."""
        self._process_start_ns = now_ns()
        self._ended = []
        self._tracer.forget()
        self.report.forget()
        self.report.redirect = self._spool.write

    def _take_from_children(self) -> None:
        with self.problems.caught("taking spans of child processes"):
            found = self._spool.read()
            if found:
                self.report.add(found)

    def settle(self) -> None:
        """Write everything that is known."""
        for running in list(self.running.values()):
            self.finish(running)
        self._fixtures.tear_down_all()
        if self._session_span is not None:
            self._session_span.end(now_ns())
            self._session_span = None
        self._drain()
        self._take_from_children()
        self.report.settle([*self._tracer.unfinished(), *self._processor.unfinished()])
        self.recorder.write_outside_of_tests()

    def open_session(self) -> None:
        """Open the session's span, in the trace that TRACEPARENT names, if any."""
        carrier = {
            name: os.environ[name.upper()]
            for name in ("traceparent", "tracestate")
            if name.upper() in os.environ
        }
        parent = TraceContextTextMapPropagator().extract(carrier, Context())
        span = self.provider.tracer().start_span(
            "pytest session", parent, attributes={c.KIND: c.SESSION}, start_time=now_ns()
        )
        self._session_span = span
        self._session_links.append(Link(span.get_span_context(), {c.KIND: c.SESSION}))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self) -> Generator[None, Any, Any]:
        """Share our spans with a provider that conftest files have set by now."""
        self.provider.share_with_backend()
        return (yield)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self) -> Generator[None, Any, Any]:
        """Write, before the terminal summary, or xdist's worker, tells what went wrong.

        Both are wrappers too, so this must be the innermost: the last fixtures' tear-down is
        inside of it.
        """
        try:
            return (yield)
        finally:
            self.settle()
            self.worker_output["otel_allure_problems"] = list(self.problems.first.items())

    # -- tests

    def open(self, item: pytest.Item) -> RunningTest:
        """Return the running attempt at `item`; the first to ask opens it."""
        running = self.running_at(item)
        if running is None:
            span = self.provider.tracer().start_span(
                item.name, Context(), links=self._session_links, start_time=now_ns()
            )
            running = RunningTest(item, TestScope(item.name, span, Context()))
            item.stash[_RUNNING] = self.running[item.nodeid] = running
            self.recorder.running[span.trace_id] = running.scope
            self.report.hold(span.trace_id)
        return running

    def running_at(self, item: pytest.Item) -> RunningTest | None:
        """Return the running attempt at `item`, if there is one."""
        running = item.stash.get(_RUNNING, None)
        return None if running is None or running.scope.ended else running

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Open the test, so that hooks between its phases are inside of it."""
        running = self.open(item)
        try:
            with attached(running.scope.context):
                return (yield)
        finally:
            last = self.running_at(item)
            if last is not None:
                self.finish(last)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Record the set-up; then the fixtures are known."""
        __tracebackhide__ = True
        running = self.open(item)
        complete = False
        try:
            with self._phase(running, "setup"):
                result = yield
            complete = True
            return result
        finally:
            self._note_fixtures(running, complete)
            running.identify(self.problems)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Record the call, whose time is the test's."""
        __tracebackhide__ = True
        running = self.open(item)
        try:
            with self._phase(running, "call"):
                return (yield)
        except (KeyboardInterrupt, pytest.exit.Exception) as error:
            # pytest makes no report of these, but a test that was cut short has not passed.
            running.outcome = Outcome(BROKEN, message_of(error))
            raise
        finally:
            self._note_fixtures(running, complete=True)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Record the tear-down."""
        __tracebackhide__ = True
        with self._phase(self.open(item), "teardown"):
            return (yield)

    @contextmanager
    def _phase(self, running: RunningTest, name: str) -> Iterator[None]:
        __tracebackhide__ = True
        phase = running.begin_phase(name, self.provider.tracer())
        with attached(phase.context):
            try:
                yield
            finally:
                phase.end()

    def _note_fixtures(self, running: RunningTest, complete: bool) -> None:
        with self.problems.caught("noting a test's fixtures"):
            for life in self._fixtures.used_by(running.item, complete):
                running.use(life)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Generator[None, Any, Any]:
        """Make the call current inside of a coroutine; see `coroutines`."""
        __tracebackhide__ = True
        function = pyfuncitem.obj
        if not is_async(function):
            return (yield)
        test = self.open(pyfuncitem).scope
        pyfuncitem.obj = in_place(function, lambda first: attached(test.live.context))
        try:
            return (yield)
        finally:
            pyfuncitem.obj = function

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logfinish(self, nodeid: str) -> Generator[None, Any, Any]:
        """Finish the attempt, when everybody else has."""
        try:
            return (yield)
        finally:
            for running in list(self.running.values()):
                if nodeid in (running.nodeid, running.item.nodeid):
                    self.finish(running)

    def finish(self, running: RunningTest) -> None:
        """End an attempt, with all that is known of it."""
        item, test = running.item, running.scope
        self.running.pop(running.nodeid, None)
        self.recorder.running.pop(test.span.get_span_context().trace_id, None)
        self._take_from_children()
        with self.problems.caught("finishing a test"):
            if not running.identified:
                running.identify(self.problems)
            full_name = metadata.full_name(item)
            originals = metadata.callspec_parameters(item)
            test.attributes = {
                c.FULL_NAME: full_name,
                c.TITLE_PATH: metadata.title_path(item),
                c.TEST_CASE_ID: md5(full_name),
                c.HISTORY_ID: metadata.history_id(full_name, test.parameters, originals),
                c.TEST_CASE_NAME: item.nodeid,
                **_code_attributes(item),
            }
            test.labels += [
                (as_string(name), as_string(value))
                for name, value in list(metadata.labels(item, test.labels))
            ]
            test.links += [tuple(map(as_string, link)) for link in metadata.links(item)]  # type: ignore[misc]
        with self.problems.caught("finishing a test"):
            test.outcome = running.outcome or Outcome(SKIPPED)
            if test.outcome.status in _RESULT_STATUS:
                assert test.attributes is not None
                test.attributes[c.TEST_CASE_RESULT_STATUS] = _RESULT_STATUS[test.outcome.status]
            if type(item).__name__ in _NO_TESTS:
                test.kind = c.PHASE
            test.span.update_name(test.title)
            if test.phase is not None:
                test.phase.end()
            test.end()
            running.release_fixtures()

    # -- outcomes

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Take over what pytest made of a phase."""
        report = yield
        running = self.running_at(item)
        if running is not None:
            with self.problems.caught("taking a test's outcome"):
                outcome = _outcome(report, call)
                if _counts(report.when, outcome.status, running.outcome):
                    running.outcome = outcome
                if report.when == "teardown":
                    self._attach_captured(report, running.scope)
        return report

    def _attach_captured(self, report: pytest.TestReport, test: TestScope) -> None:
        if not self.config.option.attach_capture:
            return
        for name, text in (
            ("log", report.caplog),
            ("stdout", report.capstdout),
            ("stderr", report.capstderr),
        ):
            if text:
                attachment = allure_api.written_data(
                    self.recorder, text, name, AttachmentType.TEXT, None
                )
                test.attachments.append(attachment)

    # -- fixtures

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: Any
    ) -> Generator[None, Any, Any]:
        """Record a fixture's set-up; what plugins make up to pass values on is none."""
        __tracebackhide__ = True
        if fixturedef.func is _DIRECT_PARAMETER or fixturedef.argname.startswith(_NO_FIXTURES):
            return (yield)
        item = getattr(request, "_pyfuncitem", None)
        running = self.running_at(item) if item is not None else None
        test = running.scope if running is not None else None
        return (yield from self._fixtures.set_up(fixturedef, test))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_post_finalizer(
        self, fixturedef: pytest.FixtureDef[Any]
    ) -> Generator[None, Any, Any]:
        """Note the end of a fixture."""
        try:
            return (yield)
        finally:
            with self.problems.caught("ending a fixture"):
                self._fixtures.tear_down(fixturedef)


# pytest makes a fixture of every directly parametrized argument. They are parameters already.
_DIRECT_PARAMETER = getattr(pytest_python, "get_direct_param_fixture_func", None)
_NO_TESTS = {"AsyncioConcurrentGroup"}  # runs the tests, which are items of their own
_NO_FIXTURES = ("pytestbdd_stepdef_",)
_RESULT_STATUS = {PASSED: "pass", FAILED: "fail", BROKEN: "fail"}


def _code_attributes(item: pytest.Item) -> dict[str, Any]:
    path, line, _ = item.location
    return {"code.file.path": path, **({} if line is None else {"code.line.number": line + 1})}


def _outcome(report: pytest.TestReport, call: pytest.CallInfo[None]) -> Outcome:
    """Return what a phase came to: its status, and message and trace as pytest shows them."""
    xfail = getattr(report, "wasxfail", None)
    if call.excinfo is None:
        if report.outcome == "passed" and xfail is not None:
            return Outcome(PASSED, f"XPASS {xfail}".rstrip())
        # The text of a report is rendered when it is asked for: not for every phase that passed.
        text = report.longreprtext if report.longrepr else ""
        return Outcome(report.outcome, text or None)
    message = call.excinfo.exconly()
    if xfail is not None:
        message = f"XFAIL {xfail}".rstrip() + f"\n\n{message}"
    status: str = report.outcome
    if status != SKIPPED and not _is_failure(call.excinfo.value):
        status = BROKEN
    return Outcome(status, message, report.longreprtext)


def _is_failure(exception: BaseException) -> bool:
    """Whether a check has failed, rather than the test itself."""
    if isinstance(exception, (AssertionError, pytest.fail.Exception)):
        return True
    import doctest

    return isinstance(exception, doctest.DocTestFailure)


def _counts(when: str | None, status: str, known: Outcome | None) -> bool:
    """Whether a phase's outcome replaces the one so far: the first that is not a pass stays."""
    if when == "setup" or known is None:
        return True
    if known.status != PASSED:
        return False
    return when == "call" or status in (FAILED, BROKEN)
