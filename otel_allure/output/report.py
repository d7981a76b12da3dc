"""One report being written: spans and logs in, files out.

It holds the traces in flight, from any thread.
"""

from __future__ import annotations

import os
import sys
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import allure_commons

from otel_allure.model import conventions as c
from otel_allure.model.diagnostics import Diagnostics
from otel_allure.model.settings import DEFAULTS, Settings
from otel_allure.model.spans import (
    Log,
    Record,
    Span,
    is_container,
    is_session,
    is_test,
    kind_of,
    service_of,
    span_key,
)
from otel_allure.output import run_files
from otel_allure.output.allure_json import container_file_name, result_file_name
from otel_allure.output.results_directory import ResultsDirectory
from otel_allure.output.text_tree import all_steps
from otel_allure.presentation.presentation import Presentation
from otel_allure.redaction.redaction import Redaction, secrets_in
from otel_allure.translation.attributes import NOT_COME, NOT_SHOWN
from otel_allure.translation.outside import below_one_root, is_outside
from otel_allure.translation.plain_test import PlainResult, is_plain, uses_of
from otel_allure.translation.trace_buffer import KEEP, KEEP_SPANS, Trace, TraceBuffer

if TYPE_CHECKING:
    from allure_commons.model2 import ExecutableItem, TestResultContainer

    from otel_allure.translation.to_results import Translation

MOST_ORPHANS = 50
"""Spans of one trace that belong below others which have not come are each shown as a result, with
a note. If there are more than this, all of them are one result."""
MOST_OUTSIDE = 1_000
"""Spans outside of requests that are one result: what comes then begins another."""
NEVER = sys.maxsize
"""A time that does not come, in ns."""
_Key = tuple[int, int]
"""Trace id and span id."""


class Report:
    """Where finished spans go.

    Args:
        path: the directory of results.
        only_tests: whether traces without a test are kept back, as pytest's plugin does; they are
            then given by `others`, not written as results.
        busy: returns the ids of traces that have open spans and must stay, beside those that
            `started` knows.
        settings: what users have set.
        whole_traces: whether traces come whole, with all of their services. Then nobody waits for
            spans that are missing, in whichever process they were.
        is_silent: whether nothing is written: the spans are only to be asked for.

    Attributes:
        presentation: how spans from instrumentation are shown.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        only_tests: bool = False,
        busy: Callable[[], Container[int]] = tuple,
        settings: Settings = DEFAULTS,
        whole_traces: bool = False,
        is_silent: bool = False,
    ) -> None:
        self.whole_traces = whole_traces
        self.is_silent = is_silent
        self.diagnostics = Diagnostics(log=not only_tests)
        self.directory = ResultsDirectory(path, self.diagnostics)
        self.directory.durable = settings.fsync
        self.settings = settings
        self.look_at_environment()
        self.only_tests = only_tests
        self._others: dict[int, Trace] = {}
        self.busy: Callable[[], Container[int]] = busy
        self._logs: list[Log] = []
        self.closed = False
        """Whether no more spans come."""
        self.redirect: Callable[[Iterable[Record]], bool] | None = None
        """Sends them elsewhere, in a process whose parent writes the report, if it still does."""
        self.sent: list[Span] | None = None
        """What was sent there, where a test that runs here wants to know."""
        self.masked_elsewhere = 0
        """Number of values that are masked in what other processes have written."""
        self.rules_elsewhere: Counter[str] = Counter()
        """How many values each rule masked in other processes."""
        self.services: dict[str, str] = {}
        """Versions of the services that the spans came from, by name; empty where not known."""
        self.as_lent: Callable[[Trace, TestResultContainer], TestResultContainer] | None = None
        """Returns a container as somebody who was lent it has changed it."""
        self.on_change: Callable[..., None] | None = None
        """Told the trace in which something has happened, and to which of our items."""
        self.due_ns = NEVER
        """Since when it wants to be told: it bounds what it costs."""
        self._reentrant = threading.RLock()  # a listener of ours may end a span while we write
        self._start_empty()

    def look_at_environment(self) -> None:
        """Note which values of the environment are secrets."""
        redaction = Redaction(self.settings, secrets_in(os.environ, self.settings))
        self.presentation = Presentation(self.settings, redaction)

    def learn_variable(self, name: str, value: str) -> None:
        """Note a variable of the environment that is set while the report is written."""
        redaction = self.presentation.redaction
        if secrets := redaction.secrets_of_variables({name: value}):
            redaction.learn(secrets)

    def _start_empty(self) -> None:
        # Services tell later than the tests' own process, so late spans find their trace longer.
        more = 10 if self.settings.otel_receiver else 1
        self._traces = TraceBuffer(
            keep=more * KEEP,
            keep_spans=more * KEEP_SPANS,
            waiting=self.settings.max_waiting,
        )
        self._traces.busy = self.busy
        self._users: dict[_Key, set[str]] = {}  # uuids of the tests that used a fixture's trace
        self._containers: weakref.WeakValueDictionary[_Key, Trace] = weakref.WeakValueDictionary()
        self._unused: dict[_Key, Trace] = {}  # those of them that no test has used so far
        self._outside = Trace(0)  # what is outside of requests, of many traces
        self._outside_with: weakref.WeakKeyDictionary[Trace, Trace] = weakref.WeakKeyDictionary()
        self.plain_results: dict[int, PlainResult] = {}  # by trace id, of tests that have ended

    def hold(self, trace_id: int) -> None:
        """Note that this trace's test, or wide fixture, runs: nothing else makes it finished."""
        with self._reentrant:
            self._traces.hold(trace_id)

    def holds(self, trace_id: int) -> bool:
        """Whether a trace's test, or wide fixture, still runs."""
        with self._reentrant:
            return self._traces.holds(trace_id)

    def started(self, trace_id: int, span_id: int) -> None:
        """Note that a span has started."""
        if self.redirect is None:
            with self._reentrant:
                self._traces.started(trace_id, span_id)

    def add(self, records: Iterable[Record]) -> None:
        """Take ended spans and log records in and write what is finished."""
        records = self.as_taken(records)
        if self.redirect is not None and self.redirect(records):
            if self.sent is not None:
                self.sent += [record for record in records if isinstance(record, Span)]
            return
        with self._reentrant:
            self._write_all(self._traces.add(records))

    def as_taken(self, records: Iterable[Record]) -> list[Record]:
        """Return records as they are taken in."""
        return list(map(_frame_of_test, records) if self.only_tests else records)

    def amend(self, span: Span) -> None:
        """Take a span that has been changed after it was handed over; what waits is written so."""
        with self._reentrant:
            self._traces.amend(span)

    def changed(self, trace_id: int, at_ns: int, item: object = None) -> None:
        """Tell who wants to know that something has happened, to `item` if that is ours."""
        if at_ns >= self.due_ns and self.on_change is not None:
            self.on_change(trace_id, item)

    def spans_of(self, trace_id: int) -> list[Span]:
        """Return the spans of a trace that waits here, as far as they have come."""
        with self._reentrant:
            sent = [span for span in self.sent or () if span.trace_id == trace_id]
            return sent + self._traces.spans_of(trace_id)

    def is_written(self, trace_id: int) -> bool:
        """Whether all that has come of a trace is in results."""
        with self._reentrant:
            trace = self._traces.get(trace_id)
            if trace is None:
                return not self._outside.dirty
            whole = self._outside_with.get(trace)
            is_waiting = trace.dirty or not trace.finished or (whole is not None and whole.dirty)
            return not is_waiting

    def users_of(self, key: _Key) -> list[str]:
        """Return the uuids of the finished tests that have used a fixture's trace."""
        with self._reentrant:
            return sorted(self._users.get(key, ()))

    def take_logs(self, trace_id: int, span_ids: Iterable[int]) -> list[Log]:
        """Give away the log records of spans, by time: somebody else shows them."""
        with self._reentrant:
            return self._traces.take_logs(trace_id, span_ids)

    def take_back(self, trace_id: int) -> list[Record]:
        """Give away what is in memory of a trace, and remove what was written of it."""
        with self._reentrant:
            trace = self._traces.take_back(trace_id)
            if trace is None:
                return []
            self._supersede(trace, set())
            logs = (log for logs in trace.logs.values() for log in logs)
            return [*trace.spans.values(), *logs]

    def kept_spans(self) -> list[list[Span]]:
        """Return the spans of the traces that are in memory."""
        with self._reentrant:
            return [list(trace.spans.values()) for trace in self._traces.kept()]

    @property
    def others(self) -> list[Trace]:
        """Traces without a test, where `only_tests` is set."""
        return list(self._others.values())

    def take_others(self) -> list[tuple[list[Span], dict[int, list[Log]]]]:
        """Give away spans and log records of each of `others`."""
        with self._reentrant:
            others, self._others = self._others, {}
            return [(list(t.spans.values()), dict(t.logs)) for t in others.values()]

    def take_logs_outside(self) -> list[Log]:
        """Give away the log records that no span of a known trace has emitted, by time."""
        with self._reentrant:
            logs, self._logs = self._logs, []
        return sorted(logs, key=lambda log: log.time_ns)

    def settle(self, unfinished: Iterable[Record] = ()) -> None:
        """Write everything that is known, with the spans that have not ended."""
        unfinished = self.as_taken(unfinished)
        if self.redirect is not None and self.redirect(unfinished):
            return
        with self._reentrant:
            self._write_all(self._traces.add(unfinished))
            last = self.only_tests or self.closed
            self._write_all(self._traces.settle(last=last), settled=True)
            for whole in {*self._outside_with.values(), self._outside}:
                self._write_outside(whole)
            # Both report tools drop a container without children.
            unused, self._unused = self._unused, {}
            for trace in unused.values():
                self._write_other(trace)

    def write_run_files(self, versions: Mapping[str, str]) -> None:
        """Write the files about the run as a whole, with the versions of the tools that ran it."""
        if self.settings.environment:
            with self.diagnostics.caught("describing the run"):
                told = dict(versions)
                if self.masked:
                    told["Masked values"] = str(self.masked)
                about = run_files.files(told, self.services, os.environ)
                for file_name, text in about.items():
                    if file_name != run_files.OWN_WORDS:
                        text = self.presentation.redaction.text(text)
                    self.directory.write_run_files(file_name, text)

    @property
    def masked(self) -> int:
        """Number of values that are masked in the files, here and in other processes."""
        return self.masked_elsewhere + self.directory.masked

    @property
    def rules(self) -> Counter[str]:
        """How often each rule masked something, in texts that may be in several files."""
        return self.rules_elsewhere + self.presentation.redaction.counts

    def forget(self) -> None:
        """Drop what is in flight, as a forked child does: it is its parent's to write."""
        self._reentrant = threading.RLock()  # a thread that the child does not have may hold it
        self._start_empty()
        self._others.clear()
        self._logs.clear()
        self.directory.forget()

    # -- out

    def _write_all(self, traces: Iterable[Trace], *, settled: bool = False) -> None:
        # Tests first: they say which fixtures they used, so each container is written once.
        for trace in sorted(traces, key=lambda trace: not trace.has_test):
            if not trace.spans:
                self._keep_logs(trace)
                continue
            if not (trace.finished or settled):
                most = self.settings.max_waiting
                self.diagnostics.add(
                    "waiting for the roots of traces",
                    f"more than {most} spans have none (max_waiting), so the oldest are written as"
                    " they are",
                )
            with self.diagnostics.caught("translating a trace"):
                if self.is_silent:
                    self._note_services(trace)
                else:
                    self._write(trace)

    def _keep_logs(self, trace: Trace) -> None:
        """Keep the last log records that belong to nothing, and say if there are too many."""
        self._logs += trace.take_logs(list(trace.logs))
        excess = len(self._logs) - self.settings.max_waiting
        if excess > 0:
            del self._logs[:excess]
            self.diagnostics.add(
                "keeping log records outside of spans",
                f"only the last {self.settings.max_waiting} are kept (max_waiting)",
            )

    def _write(self, trace: Trace) -> None:
        with self.diagnostics.caught("noting services"):
            self._note_services(trace)
        self._others.pop(id(trace), None)  # what it belongs to may have come since
        container = _container_key(trace)
        if trace.has_test:
            if not self._write_plain(trace):
                self._write_results(trace)
        elif container is not None:
            self._supersede(trace, set())
            self._containers[container] = trace
            self._write_container(container)
        elif not all(map(is_session, trace.spans.values())):
            self._write_other(trace)

    def _note_services(self, trace: Trace) -> None:
        for span in {id(s.resource): s for s in trace.spans.values() if s.resource}.values():
            if name := service_of(span):
                self.services[name] = str(span.resource.get("service.version", ""))

    def _write_other(self, trace: Trace) -> None:
        if self.only_tests:
            self._others[id(trace)] = trace
        elif self.settings.only_requests and is_outside(trace.spans.values()):
            self._supersede(trace, set())
            self._add_outside(trace)
        else:
            self._write_results(trace)

    def _add_outside(self, trace: Trace) -> None:
        """Add a trace to those that are one result, and write that if it is due."""
        whole = self._outside_with.setdefault(trace, self._outside)
        for span in trace.spans.values():
            whole.add(span)
        whole.logs.update(trace.logs)
        whole.dirty |= bool(trace.logs)
        if whole.due:
            self._write_outside(whole)
        if whole is self._outside and whole.size >= MOST_OUTSIDE:
            self._write_outside(whole)
            self._outside = Trace(0)

    def _write_outside(self, whole: Trace) -> None:
        if not whole.dirty:
            return
        from otel_allure.translation.to_results import to_results

        spans = below_one_root(whole.taken().spans.values())
        presentation, logs = self.presentation, whole.logs
        self._publish_all(whole, to_results(spans, presentation, logs, self.diagnostics.add))

    def _write_container(self, key: _Key) -> None:
        from otel_allure.translation.to_results import to_container

        trace, users = self._containers[key], self._users.get(key)
        if not users:
            self._unused[key] = trace
            return
        self._unused.pop(key, None)
        translated = to_container(
            trace.spans.values(), sorted(users), self.presentation, trace.logs, self.diagnostics.add
        )
        self._publish_all(trace, translated)

    def write_container_so_far(self, spans: Iterable[Span], users: list[str]) -> None:
        """Write what the container of a fixture would be if the process ended now.

        Listeners are told when it has ended, as of a result; so are files that are made of spans.
        """
        from otel_allure.translation.to_results import to_container

        translated = to_container(spans, users, self.presentation)
        for container in translated.containers:
            for fixture in container.befores + container.afters:
                for item in all_steps(fixture):
                    item.attachments = [
                        a for a in item.attachments if a.source not in translated.files
                    ]
            self.directory.report_container(container)

    def _write_results(self, trace: Trace) -> None:
        from otel_allure.translation.to_results import to_results

        spans: Iterable[Span] = trace.spans.values()
        whole = True
        if trace.is_more and not trace.has_test:
            whole = False
            spans = _below_one_root(trace, "More", lambda span: True)
            self.diagnostics.add(
                "keeping traces in memory", "what came of some very late is a result of its own"
            )
        elif not trace.has_test:
            is_orphan = _is_alone if self.whole_traces else _is_orphan
            missing = Counter(s.parent_id for s in spans if is_orphan(s, trace))
            if len(missing) > MOST_ORPHANS:
                whole = False
                spans = _below_one_root(trace, "Part", lambda span: is_orphan(span, trace))
            elif missing.total() > len(missing):
                spans = _with_stand_ins(trace, missing)
        translated = to_results(spans, self.presentation, trace.logs, self.diagnostics.add)
        if whole and not self.only_tests and translated.programs:
            self._join(trace, translated)
        else:
            self._publish_all(trace, translated)
        for key, uuid in translated.uses:
            self.note_use(key, uuid)

    def _write_plain(self, trace: Trace) -> bool:
        """Write the result of a test in which nothing has happened; return whether it was one."""
        result_of = self.plain_results.pop(trace.trace_id, None)
        spans = list(trace.spans.values())
        if result_of is None or trace.logs or trace.written or not is_plain(spans, self.settings):
            return False
        if self.settings.trace_url_pattern or self._others_of("report_result") is not None:
            return False
        test = next(filter(is_test, spans))
        result = result_of(test, [span for span in spans if kind_of(span) == c.PHASE])
        if result is None:
            return False
        self.directory.write_result(result)
        trace.written = {result_file_name(result["uuid"])}
        for key, uuid in uses_of(test):
            self.note_use(key, uuid)
        return True

    def _join(self, trace: Trace, translated: Translation) -> None:
        """Write what a program has made of its part of a trace; others may have other parts."""
        from otel_allure.output.joining import join, still_own

        with self.directory.locked():
            with self.diagnostics.caught("joining the parts of a trace"):
                trace.written = still_own(self.directory, trace.written, trace.spans)
            taken: set[str] = set()
            for made in translated.programs:
                with self.diagnostics.caught("joining the parts of a trace"):
                    joined = join(self.directory, made, taken)
                    taken.add(joined.uuid)
                    if joined is not made.result:
                        self.publish("report_result", result=joined)
                        translated.results.remove(made.result)
            self._publish_all(trace, translated)

    def _publish_all(self, trace: Trace, translated: Translation) -> None:
        self.publish_files(translated)
        for result in translated.results:
            self.publish("report_result", result=result)
        for container in translated.containers:
            as_lent = container if self.as_lent is None else self.as_lent(trace, container)
            self.publish("report_container", container=as_lent)
        self._supersede(
            trace,
            {
                *translated.files,
                *(result_file_name(result.uuid) for result in translated.results),
                *(container_file_name(container.uuid) for container in translated.containers),
            },
        )

    def publish_files(self, translated: Translation) -> None:
        """Write what was made of spans; where a file is lost, a note stands in its place."""
        for name, body in translated.files.items():
            self.publish("report_attached_data", body=body, file_name=name)
        lost = self.directory.lost.keys() & translated.files.keys()
        if lost:
            fixtures = (f for each in translated.containers for f in each.befores + each.afters)
            for item in (*translated.results, *fixtures):
                for step in all_steps(item):
                    self._without(lost, step)

    def _without(self, lost: Container[str], item: ExecutableItem) -> None:
        from allure_commons.model2 import Parameter

        for attachment in [a for a in item.attachments if a.source in lost]:
            item.attachments.remove(attachment)
            note = f"{attachment.name} (lost: {self.directory.lost[attachment.source]})"
            item.parameters.append(Parameter(name=NOT_SHOWN, value=note, excluded=True))

    def note_use(self, key: _Key, uuid: str) -> None:
        """Note that the test of that uuid uses the fixture whose container's span it is."""
        users = self._users.setdefault(key, set())
        if uuid not in users:
            users.add(uuid)
            if key in self._containers:  # the fixture came before its user
                self._write_container(key)

    def _supersede(self, trace: Trace, written: set[str]) -> None:
        """Remove what was written of a part of a trace and is in what is `written` now."""
        for file_name in trace.written - written:  # of a root, until its parent came
            self.directory.discard(file_name)
        trace.written = written

    def publish(self, hook: str, **arguments: Any) -> None:
        """Write through the hooks of allure_commons, so that other listeners get it too.

        Other directories of ours are left out: what belongs there is written by their reports.
        """
        if self.is_silent:
            return
        try:
            with self.diagnostics.caught(f"an Allure listener's {hook}"):
                others = self._others_of(hook)
                if others is not None:
                    others(**arguments)
        finally:  # what listeners have made of it is written, also if one of them raises
            getattr(self.directory, hook)(**arguments)

    def _others_of(self, hook: str) -> Callable[..., object] | None:
        """Return what calls the listeners that are no directories of ours, None without any."""
        manager = allure_commons.plugin_manager
        listeners = [each.plugin for each in getattr(manager.hook, hook).get_hookimpls()]
        ours = [each for each in listeners if isinstance(each, ResultsDirectory)]
        return None if len(ours) == len(listeners) else manager.subset_hook_caller(hook, ours)


def _frame_of_test(record: Record) -> Record:
    """Return a span by which another plugin tells of the same tests as a frame around its content.

    pytest-opentelemetry marks each phase of a test as a test.
    """
    if isinstance(record, Span) and record.scope == c.PYTEST_OPENTELEMETRY:
        return record._replace(attributes={c.KIND: c.PHASE})
    return record


def _is_orphan(span: Span, trace: Trace) -> bool:
    """Whether the span belongs below one of this process that is not there."""
    return not span.parent_is_remote and _is_alone(span, trace)


def _is_alone(span: Span, trace: Trace) -> bool:
    """Whether the span belongs below one that is not there."""
    return not (span.parent_id is None or span.parent_id in trace.spans)


def _below_one_root(trace: Trace, what: str, is_below: Callable[[Span], bool]) -> list[Span]:
    """Return the spans of a trace, some of which below a span that stands for what is missing."""
    spans = list(trace.spans.values())
    first = spans[0]
    root = first._replace(
        span_id=max(trace.spans) + 1 & (1 << 64) - 1 or min(trace.spans) - 1,
        parent_id=None,
        parent_is_remote=False,
        name=f"{what} of trace {trace.trace_id:032x}",
        kind="internal",
        start_ns=min(span.start_ns for span in spans),
        end_ns=max(span.end_ns or span.start_ns for span in spans),
        status="unset",
        status_message="",
        attributes={},
        events=(),
        links=(),
    )
    known = trace.spans
    return [
        root,
        *(
            s if s.parent_id in known or not is_below(s) else s._replace(parent_id=root.span_id)
            for s in spans
        ),
    ]


def _with_stand_ins(trace: Trace, missing: Counter[int | None]) -> list[Span]:
    """Return the spans of a trace, with one in the place of each that several belong below.

    It has the missing one's id: should that come after all, its result takes the place. And it is
    its own parent: it is no root of the trace, but what it belongs below is not known.
    """
    spans = list(trace.spans.values())
    stand_ins = [
        _stand_in(parent_id, [span for span in spans if span.parent_id == parent_id])
        for parent_id, number in missing.items()
        if parent_id is not None and number > 1
    ]
    return [*stand_ins, *spans]


def _stand_in(span_id: int, below: list[Span]) -> Span:
    failed = next((span for span in below if span.status == "error"), None)
    return Span(
        below[0].trace_id,
        span_id,
        span_id,
        False,
        NOT_COME.format(f"{span_id:016x}"),
        "internal",
        min(span.start_ns for span in below),
        max(span.end_ns or span.start_ns for span in below),
        "unset" if failed is None else "error",
        "" if failed is None else f"{failed.name}: {failed.status_message or 'failed'}",
        resource=below[0].resource,
    )


def _container_key(trace: Trace) -> _Key | None:
    """Return which span is the fixture whose life the trace is, if it is one."""
    for span in trace.spans.values():
        if is_container(span) and span.parent_id not in trace.spans:
            return span_key(span)
    return None
