"""pytest's hooks -> spans: a trace for each test, with a span for each of its phases.

One object listens while a report is written. What belongs to one test is in its `TestAttempt`,
and where code runs is in the context; so tests may run at the same time, in one loop or in many.

The order of hooks is pytest's, with two exceptions that matter: pytest-rerunfailures runs several
attempts within one protocol, and cooperative plugins run the body before it. So a test opens with
whatever comes first of protocol, set-up and body, and it is finished by `logfinish`, after
everybody else's, since attachments may still be made there.
"""

from __future__ import annotations

import copy
import os
import shutil
import sys
import threading
from collections import Counter, deque
from collections.abc import Generator, Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy
import pytest
from allure_commons.types import AttachmentType
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, get_current_span

from otel_allure import __version__, compat
from otel_allure.compat import kept
from otel_allure.compat.lookalike import original
from otel_allure.compat.pytest import DIRECT_PARAMETER, ITEM_OF_REQUEST, REPORT_SECTIONS, loaded
from otel_allure.model import conventions as c
from otel_allure.model import spans as plain
from otel_allure.model.clock import catch_up, now_ns
from otel_allure.model.outcome import BROKEN, FAILED, PASSED, SKIPPED, Outcome
from otel_allure.model.texts import text_of
from otel_allure.otel.session import Session
from otel_allure.output.ci import computed_traceparent, pipeline_attributes
from otel_allure.output.spool import Spool
from otel_allure.output.tally import Tally, counts_in
from otel_allure.processes.multiprocessing_hooks import follow_processes
from otel_allure.processes.parent_link import ParentLink
from otel_allure.processes.propagation import HEADERS, context_of
from otel_allure.pytest_plugin import metadata, options
from otel_allure.pytest_plugin.captured import Logs, taken_from
from otel_allure.pytest_plugin.captured_output import Output
from otel_allure.pytest_plugin.coroutines import Place, in_place, is_async
from otel_allure.pytest_plugin.fixtures import FixtureLife, Fixtures, uuid_of
from otel_allure.pytest_plugin.phase_outcomes import excinfo_of, outcome_of_report
from otel_allure.pytest_plugin.running_results import RunningResults
from otel_allure.pytest_plugin.running_tests import RunningTests
from otel_allure.pytest_plugin.test_attempt import InPhase, TestAttempt, contains_failed
from otel_allure.pytest_plugin.third_party import stand_in, subtests
from otel_allure.pytest_plugin.tracebacks import hidden
from otel_allure.recording.active import context_to_hand_over
from otel_allure.recording.attachments import note_lost, written_data
from otel_allure.recording.contexts import ISOLATED, attached, root_context, with_left_span
from otel_allure.recording.greenlets import Greenlets
from otel_allure.recording.running_item import RunningItem, RunningTest
from otel_allure.recording.server_spans import ServerSpans
from otel_allure.recording.threads import take_up
from otel_allure.recording.tracer import RecordingSpan
from otel_allure.redaction.redaction import Redaction

if TYPE_CHECKING:
    from otel_allure.pytest_plugin.crashes import Journal
    from otel_allure.pytest_plugin.fault_dumps import FaultDump
    from otel_allure.pytest_plugin.remote import Receiving, RemoteSpans, Waited
    from otel_allure.pytest_plugin.third_party.allure_logger import AllureLogger, Cache


class AllureListener(stand_in.AllureListener):
    """Records a pytest session; registered with pytest as `allure_listener`.

    Args:
        config: pytest's.
        results_dir: where the report goes; None: nowhere, the tests are only to be asked.
    """

    def __init__(self, config: pytest.Config, results_dir: str | None) -> None:
        self.config = config
        self._session = Session(results_dir, options.read_settings(config), self._take)
        self.report, self.recorder = self._session.report, self._session.recorder
        self.provider, self.diagnostics = self._session.provider, self._session.diagnostics
        self.report.directory.early = set()
        self.tally = self.report.directory.tally = Tally()
        self.counts_elsewhere: Counter[str] = Counter()
        """What the results of xdist's workers come to, as `Tally.counts`."""
        self.silent_workers = 0
        """Workers of xdist that have not said so yet: they run, or have died."""
        self.failed: dict[str, list[str]] = {}
        """By the ids of failed tests, which files they are in, where trees are asked for."""
        self._ended: deque[RecordingSpan] = deque()
        self._spool = Spool(self._become_child)
        self._start_ns = now_ns()
        self._shows_trees = self.report.settings.otel_tree == "failed"
        self._process_start_ns = 0
        self._greenlets = Greenlets(context_to_hand_over, take_up, self.diagnostics)
        self._server_spans = ServerSpans()
        self.recorder.spool = self._spool
        self.recorder.spans_so_far = self._spans_so_far
        self.running = RunningTests(self.recorder)
        self.looks: list[str] = []
        """Failed tests that look at OpenTelemetry's own state, and were not isolated."""
        self.worker_output: dict[str, Any] = {}
        """What an xdist worker tells its controller at the end."""
        self.remote: RemoteSpans | None = None
        self._is_interrupted = False
        self.waited: Waited | None = None
        """How the end was waited for, where services tell of their spans."""
        self.waited_elsewhere: list[Waited] = []
        self._adopted: list[TestAttempt] = []
        self._journal: Journal | None = None
        self._fault_dump: FaultDump | None = None
        self._session_span: Span | None = None
        self._session_links: list[Link] = []
        self._fixtures = Fixtures(
            self.recorder, self._session_links, isolated=self._session.isolated
        )
        self._logs = Logs(config, self.recorder)
        self._output = Output(config)
        self._results = RunningResults(self.report, self._known_spans)
        self._fixtures.on_set_up = self._note_fixture
        self._reading = threading.RLock()

    # -- what other plugins use; nobody pays who does not ask

    @cached_property
    def allure_logger(self) -> AllureLogger:
        """What they ask for the running test, and change it by."""
        from otel_allure.pytest_plugin.third_party.allure_logger import AllureLogger

        logger = AllureLogger(self.recorder, self.running, self._fixtures, self._unwritten)
        self.report.as_lent = logger.as_lent
        return logger

    @cached_property
    def _cache(self) -> Cache:
        from otel_allure.pytest_plugin.third_party.allure_logger import Cache

        return Cache(self.running, self._fixtures)

    def _take_back(self) -> None:
        """Take what they have changed in what was lent to them."""
        if "allure_logger" in vars(self) and self.allure_logger.is_used:
            self.allure_logger.take_back()

    # -- the session

    def start(self) -> None:
        """Begin to record, before any code of the user is imported."""
        when_over = self._session.when_over
        self._spool.prepare(self.diagnostics)
        if self.report.is_silent:  # children write the bodies of attachments themselves
            self._work_in(Path(f"{self._spool.directory or os.devnull}-not-kept"))
        when_over(self._spool.close)
        self._session.start()
        for end in (
            self._close_journal,
            self._server_spans.stop,
            self._greenlets.stop,
            self.settle,
            self._seal,
            self._output.stop,
            self._logs.stop,
        ):
            when_over(end)
        self._greenlets.refresh()

    def _work_in(self, path: Path) -> None:
        """Write into a directory that does not stay."""
        self.report.directory.path = path
        self._session.when_over(lambda: shutil.rmtree(path, ignore_errors=True))

    def stop(self) -> None:
        """Write what is left and put everything back."""
        self._session.stop()

    def _seal(self) -> None:
        self._spool.seal()
        self.recorder.spool = None

    def _close_journal(self) -> None:
        if self._journal is not None:
            self._journal.close()
            self._journal = None
        if self._fault_dump is not None:
            self._fault_dump.close()
            self._fault_dump = None

    def _take(self, span: RecordingSpan) -> None:
        """Take a span of ours that has ended.

        They wait for the end of a test or of a wide fixture: only then there is something to do.
        """
        if span.start_ns < self._process_start_ns and not self._is_adopted(span):
            return  # it was open at a fork: it is the parent's
        self._ended.append(span)
        if (span.end_ns or 0) >= self.report.due_ns:
            item = span.owner
            if item is not None and item.kind in _SHOWN:
                self.report.changed(span.home, now_ns(), item)
        if span.parent_id is None or self.report.redirect is not None:
            self._drain()
            if self._journal is not None and getattr(span.owner, "kind", None) == c.CONTAINER:
                with self.diagnostics.caught("noting what runs"):
                    self._journal.note_end((span.trace_id, span.span_id))

    def _is_adopted(self, span: RecordingSpan) -> bool:
        return any(attempt.is_adopted and attempt.test.span is span for attempt in self._adopted)

    def _drain(self) -> None:
        # It runs in the code under test, so nothing may be raised.
        if "allure_logger" in vars(self):
            with self.diagnostics.caught("taking what other plugins have changed"):
                self._take_back()
                self.allure_logger.forget_ended()
        with self.diagnostics.caught("taking spans"):
            ended = taken_from(self._ended)
            self.report.add([*self._logs.take(), *(span.record() for span in ended)])

    def _unwritten(self) -> list[RecordingSpan]:
        """Return our spans that have not been handed over to the report."""
        return [*self._ended, *self._session.tracer.open_spans()]

    def _spans_so_far(self, trace_id: int) -> list[plain.Span]:
        """Return what is known of the trace of a test that runs."""
        self._take_from_children()
        return self._session.spans_so_far(trace_id, self._ended)

    def _known_spans(self, trace_ids: set[int]) -> Iterator[RecordingSpan | plain.Span]:
        """Yield what is known of the spans that are shown in these traces, as far as it has come.

        The last word about a span comes last.
        """
        self._take_from_children()
        for trace_id in trace_ids:
            yield from self.report.spans_of(trace_id)
            open_now = self.report.as_taken(self._session.collector.unfinished_of(trace_id))
            yield from (span for span in open_now if isinstance(span, plain.Span))
        yield from (span for span in self._unwritten() if span.home in trace_ids)

    def _become_child(self) -> None:
        """Leave the report to the process that this one was forked from."""
        self._process_start_ns = now_ns()
        self._ended = deque()
        self._adopted = []
        self._journal = self.remote = None
        if self._fault_dump is not None:
            self._fault_dump.leave()
            self._fault_dump = None
        self.recorder.owns_test = False
        self._logs.forget()
        self._results.forget()
        self._reading = threading.RLock()
        self._session.tracer.forget()
        self.report.forget()
        if not self.recorder.is_child:
            ParentLink(self.recorder, self._spool, self._session.tracer)

    def _take_from_children(self) -> None:
        with self.diagnostics.caught("taking spans of child processes"), self._reading:
            found = self._spool.read(self.diagnostics)
            if self.remote is not None:
                found += self.remote.read()
            if found:
                self.report.add(found)

    def settle(self) -> None:
        """Write everything that is known."""
        for attempt in list(self.running.values()):
            self.finish(attempt)
        self._fixtures.tear_down_all()
        if self._session_span is not None:
            self._session_span.end(now_ns())
            self._session_span = None
        self._drain()
        if self.remote is not None and self.waited is None and not self.report.is_silent:
            self.waited = self.remote.wait(
                self._take_from_children, is_interrupted=self._is_interrupted
            )
        self._take_from_children()
        self.report.settle(self._session.unfinished())
        self.recorder.write_outside_of_tests()

    def open_session(self) -> None:
        """Open the session's span, in the trace that TRACEPARENT names, if any."""
        self._session.when_over(follow_processes())
        self.report.look_at_environment()  # conftest files may have set something
        self.provider.on_set += self._logs.start()
        if any(name in sys.modules for name in CONCURRENT_RUNNERS):
            self._follow_output()
        attributes = {
            c.KIND: c.SESSION,
            c.TEST_SUITE_NAME: self.config.rootpath.name,
            **pipeline_attributes(os.environ),
        }
        span = self.provider.tracer().start_span(
            "pytest session",
            context_of(self._pipeline(), Context()),
            attributes=attributes,
            start_time=now_ns(),
        )
        self._session_span = span
        self._session_links.append(Link(span.get_span_context(), {c.KIND: c.SESSION}))

    def _pipeline(self) -> dict[str, str]:
        """Return the context that the run's pipeline has told, or that follows from its ids."""
        told = {name: os.environ[name.upper()] for name in HEADERS if name.upper() in os.environ}
        if "traceparent" not in told and self.report.settings.ci_trace:
            computed = computed_traceparent(os.environ)
            return {**told, "traceparent": computed} if computed else told
        return told

    def receive(self) -> Receiving | None:
        """Begin to take what services send; return what receives it, in the process that does.

        A worker of xdist does, where its controller does not: without a report.
        """
        from otel_allure.pytest_plugin import remote

        receiving: Receiving | None = None
        told = remote.told_by(self.config)
        if told is None:
            receiving = remote.Receiving(self._session)
            self._session.when_over(receiving.close)
            told = receiving.told
        self.remote = remote.RemoteSpans(self._session, told, self._unwritten)
        self._session.when_over(self._take_no_more)
        return receiving

    def _take_no_more(self) -> None:
        self.remote = None

    def _pipeline_trace(self) -> dict[str, str]:
        """Return the trace of the run's pipeline, for people."""
        told = context_of(self._pipeline(), Context())
        trace_id = get_current_span(told).get_span_context().trace_id
        if not trace_id:
            return {}
        pattern = self.report.settings.trace_url_pattern or "{trace_id}"
        return {"Pipeline trace": pattern.replace("{trace_id}", f"{trace_id:032x}")}

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self) -> Generator[None, Any, Any]:
        """Share our spans with a provider that conftest files have set by now."""
        self.provider.share_with_backend()
        undo = subtests.follow(self.running)
        try:
            return (yield)
        finally:
            undo()

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, exitstatus: int) -> Generator[None, Any, Any]:
        """Write, before the terminal summary, or xdist's worker, tells what went wrong.

        Both are wrappers too, so this must be the innermost: the last fixtures' tear-down is
        inside of it.
        """
        try:
            return (yield)
        finally:
            if self._session_span is not None and exitstatus in _SUITE_STATUS:
                self._session_span.set_attribute(c.TEST_SUITE_STATUS, _SUITE_STATUS[exitstatus])
            self._is_interrupted = exitstatus == pytest.ExitCode.INTERRUPTED
            self.settle()
            compat.tell(self.diagnostics.first, self.diagnostics.add)
            self.worker_output["otel_allure_problems"] = list(self.diagnostics.first.items())
            self.worker_output["otel_allure_services"] = self.report.services
            self.worker_output["otel_allure_masked"] = self.report.masked
            self.worker_output["otel_allure_rules"] = dict(self.report.rules)
            self.worker_output["otel_allure_looks"] = self.looks
            self.worker_output["otel_allure_counts"] = dict(self.tally.counts())
            self.worker_output["otel_allure_failed"] = self.failed
            if self.waited is not None:
                self.worker_output["otel_allure_waited"] = tuple(self.waited)
            if self.failed:
                self._show_trees()
            if not hasattr(self.config, "workerinput") and not self.config.option.collectonly:
                versions = {"pytest": pytest.__version__, "otel-allure": __version__}
                self.report.write_run_files({**versions, **self._pipeline_trace()})

    def _show_trees(self) -> None:
        from otel_allure.pytest_plugin.failed_trees import show_trees

        with self.diagnostics.caught("showing the steps of failed tests"):
            show_trees(self.config, self.failed, self.report.directory.path)

    def counts(self) -> Counter[str]:
        """Return what the results of this run come to, as `Tally.counts`."""
        if self.silent_workers:
            return counts_in(self.report.directory.path, self._start_ns // 1_000_000)
        return self.tally.counts() + self.counts_elsewhere

    # -- what a worker of pytest-xdist leaves, in case that it dies

    def keep_journal(self, told: tuple[str, str], worker: str) -> None:
        """Note what runs, for the controller, which has told where and with which key."""
        from otel_allure.pytest_plugin.crashes import Journal

        with self.diagnostics.caught("noting what runs"):
            self._journal = Journal(told, worker)

    def keep_fault_dump(self, path: Path) -> None:
        """Have a file for what faulthandler writes, for the process that outlives this one."""
        from otel_allure.pytest_plugin.fault_dumps import FaultDump

        with self.diagnostics.caught("keeping what faulthandler writes"):
            self._fault_dump = FaultDump(path, self.config)

    def _note_running(self, attempt: TestAttempt) -> None:
        if self._journal is not None:
            with self.diagnostics.caught("noting what runs"):
                self._journal.note_running(attempt.snapshot(self.diagnostics))

    def _note_fixture(self, container: RunningItem) -> None:
        span: Any = container.span
        if self._journal is not None:
            with self.diagnostics.caught("noting what runs"):
                below = (s.record() for s in self._unwritten() if s.trace_id == span.trace_id)
                its = [
                    s._replace(attributes=container.described()) if s.parent_id is None else s
                    for s in below
                ]
                self._journal.note_fixture(its)
                if container.test is not None:
                    self._journal.note_uses([(span.trace_id, span.span_id)], container.test.span)
        if container.test is not None and self._keeps_results:
            self._write_fixture(container, [uuid_of(container.test)])

    def _write_fixture(self, container: RunningItem, users: Iterable[str]) -> None:
        """Write a wider fixture as it would be if the process ended now."""
        span: Any = container.span
        with self.diagnostics.caught("noting what runs"):
            known = self._session.spans_so_far(span.trace_id, self._ended)
            self.report.write_container_so_far(known, sorted(users))

    def _note_user(self, attempt: TestAttempt, life: FixtureLife) -> None:
        if life.container is not None and life.is_news() and self._keeps_results:
            users = {*self.report.users_of(life.key), uuid_of(attempt.test)}
            users |= {uuid_of(each.test) for each in self.running.values() if each.uses(life)}
            self._write_fixture(life.container, users)

    @property
    def _keeps_results(self) -> bool:
        report = self.report
        is_written = report.redirect is None and not report.is_silent
        return report.settings.running_results and is_written

    # -- tests

    def open(self, item: pytest.Item) -> TestAttempt:
        """Return the running attempt at `item`; the first to ask opens it."""
        attempt = self.running.at(item)
        if attempt is None:
            catch_up()
            wanted = metadata.otel_context(item, self.report.settings.otel_context)
            root = root_context(isolated=wanted == "isolated")
            span = self.provider.tracer().start_span(
                item.name, root, links=self._session_links, start_time=now_ns()
            )
            attempt = TestAttempt(item, RunningTest(item.name, span, root))
            self._logs.refresh()
            self._greenlets.refresh()
            self._server_spans.refresh()
            self._note_overlap(attempt)
            self.running.begin(attempt)
            self.report.hold(span.trace_id)
            self._note_running(attempt)
            if self._may_die(item):
                self._results.begin(attempt)
        return attempt

    def _may_die(self, item: pytest.Item) -> bool:
        """Whether the result of an attempt is on disk from its beginning on.

        That of a worker is not, if its controller would not find it: it writes one itself.
        """
        is_test = type(item).__name__ not in _NO_TESTS
        is_known = self._journal is not None or not hasattr(self.config, "workerinput")
        return self._keeps_results and is_test and is_known

    def _note_overlap(self, attempt: TestAttempt) -> None:
        if self.running:
            for each in (attempt, *self.running.values()):
                each.overlaps = True
            self._follow_output()
        self._output.refresh()

    def _follow_output(self) -> None:
        option = self.config.option
        if not self._output.on and option.attach_capture and getattr(option, "capture", "") != "no":
            self._output.start()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Open the test, so that hooks between its phases are inside of it."""
        attempt = self.open(item)
        error: BaseException | None = None
        try:
            with attached(attempt.test.context):
                return (yield)
        except BaseException as raised:
            error = raised  # out of a hook: the test has been cut short
            raise
        finally:
            last = self.running.at(item)
            if last is not None:
                if error is not None and last.outcome is None:
                    last.verdict.raised.setdefault("setup", excinfo_of(error))
                self.finish(last)

    # Around what may raise in code of pytest's, wrappers are of pluggy's old kind: those of the new
    # one are in the traceback, and pytest drops a traceback of which it hides every frame.
    # pytest-asyncio-concurrent enters only the new kind around its calls.

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_setup(
        self, item: pytest.Item
    ) -> Generator[None, pluggy.Result[object], None]:
        """Record the set-up; then the fixtures are known."""
        attempt = self.open(item)
        if attempt.is_set_up:  # pytest-retry sets up anew for each attempt
            self.finish(attempt)
            attempt = self.open(item)
        attempt.is_set_up = True
        if attempt.process_id != kept.process_id():
            self._adopt(attempt)
        with self._phase(attempt, "setup"):
            outcome = yield
        if outcome.exception is not None:
            attempt.verdict.raised["setup"] = excinfo_of(outcome.exception)
        self._note_fixtures(attempt, complete=outcome.exception is None)
        attempt.identify(self.diagnostics)
        if not self._keeps_results:  # else its result says more
            self._note_running(attempt)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Record the call, whose time is the test's."""
        __tracebackhide__ = hidden
        attempt = self.open(item)
        self.provider.refresh()  # a fixture may have exchanged it
        try:
            with self._phase(attempt, "call"):
                return (yield)
        except BaseException as error:
            attempt.verdict.raised["call"] = excinfo_of(error)
            raise
        finally:
            self._note_fixtures(attempt, complete=True)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_teardown(
        self, item: pytest.Item
    ) -> Generator[None, pluggy.Result[object], None]:
        """Record the tear-down."""
        attempt = self.open(item)
        with self._phase(attempt, "teardown"):
            outcome = yield
        if outcome.exception is not None:
            attempt.verdict.raised["teardown"] = excinfo_of(outcome.exception)

    def _adopt(self, attempt: TestAttempt) -> None:
        """Take over a test that was opened before this process was forked to run it.

        Its result is what this process says; if it ends before, what pytest's reports say.
        """
        attempt.process_id = kept.process_id()
        attempt.is_adopted = self.recorder.owns_test = True
        self._adopted.append(attempt)

    def _phase(self, attempt: TestAttempt, name: str) -> InPhase:
        return InPhase(attempt.begin_phase(name, self.provider.tracer()))

    def _note_fixtures(self, attempt: TestAttempt, complete: bool) -> None:
        with self.diagnostics.caught("noting a test's fixtures"):
            used = list(self._fixtures.used_by(attempt.item, complete))
            if not complete:  # what a fixture has asked for by name, and did not get
                used += [life for life in self._fixtures.failed() if life.test is attempt.test]
            new = [life for life in used if attempt.use(life)]
            for life in new:
                self._note_user(attempt, life)
            if self._journal is not None and new:
                self._journal.note_uses([life.key for life in new], attempt.test.span)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Generator[None, Any, None]:
        """Make the call current inside of a coroutine; see `coroutines`."""
        function = original(pyfuncitem.obj)
        if not is_async(function):
            yield
            return
        stands_in = pyfuncitem.obj = in_place(function, lambda: self._place_of(pyfuncitem))
        yield
        if pyfuncitem.obj is stands_in:  # no other plugin has put something else there
            pyfuncitem.obj = function

    def _place_of(self, item: pytest.Item) -> Place | None:
        """Return where a test's coroutine runs."""
        attempt = self.running.at(item)
        if attempt is None:
            return None
        test = attempt.test
        return lambda first: attached(with_left_span(test.live.context))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logfinish(self, nodeid: str) -> Generator[None, Any, Any]:
        """Finish the attempt, when everybody else has."""
        try:
            return (yield)
        finally:
            for attempt in list(self.running.values()):
                if nodeid in (attempt.nodeid, attempt.item.nodeid):
                    self.finish(attempt)

    def finish(self, attempt: TestAttempt) -> None:
        """End an attempt, with all that is known of it."""
        item, test = attempt.item, attempt.test
        self.running.end(attempt)
        self._results.end(attempt)
        self._take_from_children()
        if not attempt.identified:
            attempt.identify(self.diagnostics)
        self._take_back()
        its = test.attributes = attempt.attributes(self.diagnostics)
        attempt.label(self.diagnostics)
        with self.diagnostics.caught("taking a test's outcome"):
            attempt.verdict.take_unreported(item)
            if attempt.is_set_up and not attempt.is_captured:
                self._attach_captured_so_far(attempt)
        with self.diagnostics.caught("finishing a test"):
            test.outcome = attempt.outcome or Outcome(SKIPPED)
            if test.outcome.status in _RESULT_STATUS:
                its[c.TEST_CASE_RESULT_STATUS] = _RESULT_STATUS[test.outcome.status]
            if (phase := attempt.verdict.failed_in) is not None:
                its[c.FAILED_IN] = phase
                self._note_cause(attempt, phase, test.outcome, its)
            if type(item).__name__ in _NO_TESTS:
                test.kind = c.PHASE
            test.span.update_name(test.title)
            if test.phase is not None:
                test.phase.end()
        with self.diagnostics.caught("finishing a test"):
            test.end()
            if test.outcome.status in (FAILED, BROKEN) and self._shows_trees:
                self.failed[attempt.nodeid] = attempt.files()
        attempt.release_fixtures()
        self.running.forget(attempt)
        self._output.forget(test)
        if not self.running:
            self._logs.reset()
            self._output.reset()

    def _note_cause(
        self, attempt: TestAttempt, phase: str, outcome: Outcome, its: dict[str, Any]
    ) -> None:
        """Note where it broke first, where a wider fixture is to blame."""
        fixtures = [*attempt.wider_fixtures, *self._fixtures.take_broken()]
        if phase == "call" or not fixtures:
            return
        from otel_allure.pytest_plugin.fixture_causes import cause_in_fixtures

        def known(trace_id: int) -> list[plain.Span]:
            return self._session.spans_so_far(trace_id, self._ended)

        with self.diagnostics.caught("finding out why a fixture failed"):
            presentation, others = self.report.presentation, self._fixtures.failed()
            cause = cause_in_fixtures(fixtures, others, phase, outcome, known, presentation)
            if cause:
                its[c.CAUSE] = cause

    # -- outcomes

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Take over what pytest made of a phase."""
        if os.environ is not self._session.variables.environ:
            self._session.variables.look()
        before = self.running.at(item)
        report = yield
        attempt = self.running.at(item)
        if attempt is not None:
            self._take_back()
            with self.diagnostics.caught("taking a test's outcome"):
                # If the test has been tried again meanwhile, the call is not the one reported.
                same = attempt is before
                excinfo = call.excinfo if same else attempt.verdict.raised.get(str(report.when))
                self._take_outcome(attempt, report, excinfo)
                if report.when == "teardown":
                    self._attach_captured(report, attempt)
                    if attempt.is_adopted:
                        self.finish(attempt)  # nothing comes after it in this process
        return report

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> Generator[None, Any, Any]:
        """Take pytest's last word: others have changed what they wanted to."""
        try:
            return (yield)
        finally:
            attempt = self.running.get(report.nodeid)
            if attempt is not None:
                with self.diagnostics.caught("taking a test's outcome"):
                    self._take_last_word(attempt, report)

    def _take_outcome(
        self,
        attempt: TestAttempt,
        report: pytest.TestReport,
        excinfo: pytest.ExceptionInfo[BaseException] | None,
    ) -> None:
        outcome = self._outcome_of(report, excinfo)
        if attempt.subtest is not None:
            attempt.subtest.outcome, attempt.subtest.reported = outcome, report.outcome
            return
        failed = attempt.failed_subtests
        has_raised = excinfo is not None and outcome.status in (FAILED, BROKEN)
        if failed and report.when == "call" and not has_raised:
            outcome = contains_failed(failed)
        error = None if excinfo is None else excinfo.value
        if attempt.verdict.take(report, outcome):
            self._take_comparison(attempt, error)
        if report.failed and ISOLATED not in attempt.test.context:
            self._note_looks(attempt, error)

    def _note_looks(self, attempt: TestAttempt, error: BaseException | None) -> None:
        from otel_allure.pytest_plugin.isolation_hint import looks_at_opentelemetry

        function = getattr(attempt.item, "obj", None)
        if attempt.nodeid not in self.looks and looks_at_opentelemetry(function, error):
            self.looks.append(attempt.nodeid)

    def _outcome_of(
        self, report: pytest.TestReport, excinfo: pytest.ExceptionInfo[BaseException] | None
    ) -> Outcome:
        try:
            return outcome_of_report(report, excinfo)
        except Exception as error:  # what was raised cannot be shown, but it was
            self.diagnostics.add("taking a test's outcome", error)
            return Outcome(report.outcome, text_of(report.longrepr))

    def _take_last_word(self, attempt: TestAttempt, report: pytest.TestReport) -> None:
        subtest = attempt.subtest
        if subtest is not None:
            if report.outcome != subtest.reported:
                self._take_outcome(attempt, report, None)
            if subtest.step is not None:  # pytest keeps this from the test's own report
                self._attach_sections(report, subtest.step)
        elif attempt.verdict.is_news(report):
            self._take_outcome(attempt, report, attempt.verdict.raised.get(str(report.when)))

    def pytest_assertrepr_compare(self, op: str, left: object, right: object) -> None:
        """Keep the sides of a comparison that failed; others explain it."""
        if op != "==":
            return
        with self.diagnostics.caught("taking a comparison"):
            attempt = self.running.of(self.recorder.test())
            if attempt is not None:
                from otel_allure.pytest_plugin.comparisons import comparison

                attempt.comparison = comparison(left, right)

    def _take_comparison(self, attempt: TestAttempt, error: BaseException | None) -> None:
        compared, attempt.comparison = attempt.comparison, None
        if compared is not None and compared.failed_with(error):
            masked = self.report.presentation.redaction.text
            attempt.test.span.set_attributes(
                {c.ACTUAL: masked(compared.actual), c.EXPECTED: masked(compared.expected)}
            )

    def _attach_captured(self, report: pytest.TestReport, attempt: TestAttempt) -> None:
        attempt.is_captured = True
        if attempt.first_section:
            report = copy.copy(report)
            report.sections = report.sections[attempt.first_section :]
        self._attach_sections(report, attempt.test)

    def _attach_captured_so_far(self, attempt: TestAttempt) -> None:
        """Attach what an attempt has printed of whose tear-down pytest makes no report."""
        item = attempt.item
        sections = [
            (f"Captured {key} {when}", text) for when, key, text in REPORT_SECTIONS.of(item, ())
        ]
        report = pytest.TestReport(
            item.nodeid, item.location, {}, "passed", None, "teardown", sections
        )
        self._attach_captured(report, attempt)

    def _attach_sections(self, report: pytest.TestReport, test: RunningItem) -> None:
        if not self.config.option.attach_capture:
            return
        redaction: Redaction | None = None
        for name, text in self._captured(report, test):
            if text:
                redaction = redaction or self._redaction_of(test)
                with self.diagnostics.caught("attaching"):
                    try:
                        attachment = written_data(
                            self.recorder, text, name, AttachmentType.TEXT, None, redaction
                        )
                    except Exception as error:
                        note_lost(test, name, error)
                        raise
                    test.attachments.append(attachment)

    def _redaction_of(self, test: RunningItem) -> Redaction:
        """Return what is masked in what a test prints: the parameters of its steps, too."""
        trace_id = test.span.get_span_context().trace_id
        redaction = self.recorder.redaction_in(test)
        its = (span for span in self._unwritten() if span.trace_id == trace_id)
        return redaction.knowing(redaction.secrets_of(its))

    def _captured(self, report: pytest.TestReport, item: RunningItem) -> Iterator[tuple[str, str]]:
        """Yield name and text of what was captured and is shown nowhere else."""
        attempt = self.running.of(item)
        apart = attempt is not None and attempt.overlaps
        if self._logs.on:
            self._take_from_children()
            if waiting := self._logs.take():
                self.report.add(waiting)
            trace_id = item.span.get_span_context().trace_id
            own = [] if attempt is None else self.report.take_logs(trace_id, attempt.span_ids)
            if not (report.sections or own or apart):
                return
            yield "log", self._logs.text(report.caplog, own)
        else:
            yield "log", report.caplog
        for name, text in (("stdout", report.capstdout), ("stderr", report.capstderr)):
            yield name, self._output.text(name, text, item) if apart else text

    # -- fixtures

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: Any
    ) -> Generator[None, pluggy.Result[Any], None]:
        """Record a fixture's set-up; what plugins make up to pass values on is none."""
        function = fixturedef.func
        is_ours = (
            getattr(function, "__module__", None) == __package__
        )  # `trace`, which does nothing
        if function is _DIRECT_PARAMETER or is_ours or fixturedef.argname.startswith(_NO_FIXTURES):
            yield
            return
        node = ITEM_OF_REQUEST.of(request) or request.node
        attempt = self.running.at(node)
        test = attempt.test if attempt is not None else None
        yield from self._fixtures.set_up(fixturedef, test, node)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_post_finalizer(
        self, fixturedef: pytest.FixtureDef[Any]
    ) -> Generator[None, Any, Any]:
        """Note the end of a fixture."""
        try:
            return (yield)
        finally:
            with self.diagnostics.caught("ending a fixture"):
                self._fixtures.tear_down(fixturedef)


# pytest makes a fixture of every directly parametrized argument. They are parameters already.
_DIRECT_PARAMETER = loaded(DIRECT_PARAMETER)
CONCURRENT_RUNNERS = ("pytest_asyncio_cooperative", "pytest_asyncio_concurrent")
_SHOWN = (c.STEP, c.FIXTURE)
_NO_TESTS = {"AsyncioConcurrentGroup"}  # runs the tests, which are items of their own
_NO_FIXTURES = ("pytestbdd_stepdef_",)
_SUITE_STATUS: dict[int, str] = {
    pytest.ExitCode.OK: "success",
    pytest.ExitCode.TESTS_FAILED: "failure",
    pytest.ExitCode.INTERRUPTED: "aborted",
    pytest.ExitCode.INTERNAL_ERROR: "aborted",
    pytest.ExitCode.NO_TESTS_COLLECTED: "skipped",
}
_RESULT_STATUS = {PASSED: "pass", FAILED: "fail", BROKEN: "fail"}
