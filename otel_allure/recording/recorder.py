"""What the running report shares with steps and with `import allure`: tracer, tests, files.

One recorder is active in a process at a time (a nested pytest run puts its own on top). It is not
ambient state about *where* something runs: that is the context's, see `running_item`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN_CONTEXT, Tracer

from otel_allure.model import conventions as c
from otel_allure.model.clock import now_ns
from otel_allure.model.rows import Attachment, Parameter
from otel_allure.model.spans import Log, Span
from otel_allure.model.texts import text_of
from otel_allure.output.allure_json import attachment_file_name
from otel_allure.output.report import Report
from otel_allure.output.spool import ParentReport, Spool
from otel_allure.output.text_tree import all_steps, tree_lines
from otel_allure.recording import contexts, greenlets
from otel_allure.recording.adoption import Adoptions, Place
from otel_allure.recording.contexts import ITEM, SPAN, held
from otel_allure.recording.running_item import (
    ItemContext,
    RunningItem,
    RunningTest,
    item_in,
    live_context,
)
from otel_allure.recording.tracer import RecordingSpan, global_tracer
from otel_allure.redaction.redaction import Redaction

_FOR_EYES = ("image/svg+xml", "text/html")


class Recorder:
    """Puts what users say to Allure where it belongs.

    Args:
        report: where attachments' bodies are written.
        tracer: returns what starts the spans of steps. Default: a tracer of the global provider.
        is_session: whether it is a test session's. Exporters then stand aside.
    """

    def __init__(
        self,
        report: Report,
        tracer: Callable[[], Tracer] | None = None,
        *,
        is_session: bool = False,
    ) -> None:
        self.is_session = is_session
        self.since_ns = now_ns()
        self.report = report
        self.diagnostics = report.diagnostics
        self.running: dict[int, RunningTest] = {}
        """Tests that run now, by trace id."""
        self.link_patterns: dict[str, str] = {}
        """URL patterns with a `{}` for the short form, by link type."""
        self.outside: list[str] = []
        """Names of what ran outside of tests."""
        self.spool: Spool | None = None
        """How spans of child processes reach the report."""
        self.instrumentations: list[str] = []
        """What was activated for the report, and is in the children of `multiprocessing` too."""
        self.base: Context | None = None
        """In a child process, where it belongs."""
        self.owns_test = False
        """In a child process, whether it was forked to run a test."""
        self.on_log_record: Callable[[Any], None] | None = None
        """Takes a log record of OpenTelemetry's SDK, in a test session that shows them."""
        self.span_processor: Any = None
        """Takes spans of OpenTelemetry's SDK, in a test session."""
        self.spans_so_far: Callable[[int], list[Span]] | None = None
        """Returns what is known of a running test's trace by its id, in a test session."""
        self.remote_variables: Callable[[Mapping[str, str]], dict[str, str]] | None = None
        """Returns what tells programs where to send their spans, if something receives them."""
        self.before_masking: Callable[[], None] | None = None
        """Called before something is masked while a test runs, in a test session."""
        self.adoptions = Adoptions(self.place, self.is_open)
        """Traces of others that are shown in those of tests and fixtures."""
        self._tracer = tracer or global_tracer

    @property
    def tracer(self) -> Tracer:
        """What starts the spans of steps."""
        return self._tracer()

    @property
    def is_child(self) -> bool:
        """Whether another process writes the report."""
        return self.report.redirect is not None

    def redaction_in(self, item: RunningItem | None) -> Redaction:
        """Return what is masked there: secret parameters of its test and steps, too."""
        if self.before_masking is not None:
            self.before_masking()
        redaction = self.report.presentation.redaction
        parameters: list[Parameter] = []
        while item is not None:
            parameters += item.parameters
            item = item.parent
        return redaction.knowing(redaction.secrets_among(parameters)) if parameters else redaction

    @property
    def redaction(self) -> Redaction:
        """What is masked where the caller runs."""
        return self.redaction_in(item_in(self.base_context()))

    def home(self) -> ParentReport | None:
        """Return what child processes must know to send their spans home."""
        return None if self.spool is None else self.spool.for_child(str(self.report.directory.path))

    def base_context(self) -> Context:
        """Return the context in which a new step or attachment belongs.

        What outlives the test or fixture that started it, and code that no context has reached (a
        thread without one), belongs to the test that runs, if there is exactly one.
        """
        if not self.is_session:
            return live_context()
        context = live_context(self._knows)
        item = item_in(context)
        if item is not None:
            if item.is_over and held(context, SPAN) is item.span:
                return self._afterwards(item) or context
            return context
        if self._knows(held(context, SPAN), None):
            return context
        only = self._only_test()
        found = greenlets.context_around(lambda span: self._knows(span, None))
        return found or (only and only.live.context) or self.base or context

    def _knows(self, span: Any, item: RunningItem | None) -> bool:
        """Whether a span is a place in the report, for what runs in `item`.

        Ids do not tell: tests send the same made-up `traceparent`, and use each other's spans. So
        the span's test must still run or, where nothing nearer does, the span itself, if it is not
        that of a client that has sent something here.
        """
        home = self._home(span)
        if not home:
            return False
        if item is not None and not item.is_over:
            return home == self._home(item.span) or self.is_open(home)
        if span.is_recording() or self.is_child:
            return True
        is_remote = span.get_span_context().is_remote
        is_over_too = item is not None and home == self._home(item.span)
        return self.is_open(home) and (is_remote or not is_over_too)

    def is_open(self, trace_id: int) -> bool:
        """Whether a test or fixture with that trace still runs."""
        return trace_id in self.running or self.report.holds(trace_id)

    def _afterwards(self, item: RunningItem) -> Context | None:
        """Return where what `item` has started belongs now that it is over."""
        test = item.test
        if test is None or test.ended:
            test = self._only_test()
        return None if test is None else test.live.context

    def context_to_hand_over(self) -> Context | None:
        """Return the context of the caller for a thread, greenlet or process that it starts.

        It is not put right, as `base_context` is: that is done there, when it is asked for. None
        if nothing of it is about the report.
        """
        context = contexts.current()
        inside = contexts.span_inside()
        item = held(context, ITEM)
        if inside is not None and self._knows(inside, item):
            context = Context({**context, SPAN: inside})
        if item is None:
            ours = self._knows(held(context, SPAN), None) if self.is_session else bool(context)
            return context if ours else None
        return context if type(context) is ItemContext else item.letting_go(context)

    def place(self) -> Place | None:
        """Return the span of the report below which the caller runs, if there is one."""
        trace_id, span_id = self.span_here()
        return Place(trace_id, span_id) if trace_id else None

    def span_here(self) -> tuple[int, int]:
        """Return ids of trace and span of the code that runs, zeros where there is none.

        Where a sampler has dropped the current span, they are those of the step around it.
        """
        context = self.base_context()
        span = held(context, SPAN)
        if type(span) is RecordingSpan:
            return span.home, span.span_id
        here = INVALID_SPAN_CONTEXT if span is None else span.get_span_context()
        if not (here.trace_flags.sampled or here.is_remote):
            item = item_in(context)
            if item is not None:
                here = item.span.get_span_context()
        return self.adoptions.home(here.trace_id, here.span_id), here.span_id

    def _only_test(self) -> RunningTest | None:
        """Return the test that runs, if there is exactly one."""
        tests = list(self.running.values())
        return tests[0] if len(tests) == 1 else None

    def test(self) -> RunningTest | None:
        """Return the running test, as seen from here."""
        if self.is_child and not self.owns_test:
            return None
        context = self.base_context()
        test = self.running.get(self._home(held(context, SPAN)))
        if test is None:
            item = item_in(context)
            test = None if item is None else item.test
        if test is None or test.ended:
            test = self._only_test()
        return None if test is None or test.ended else test

    def _home(self, span: Any) -> int:
        """Return the trace that the report shows a span in, 0 for none."""
        if span is None or type(span) is RecordingSpan:
            return 0 if span is None else span.home
        context = span.get_span_context()
        if self.is_session and not self.adoptions.knows(context):
            return 0
        return self.adoptions.home(context.trace_id, context.span_id)

    def attach(self, attachment: Attachment) -> None:
        """Add an attachment, whose body is written already, where the caller runs."""
        context = self.base_context()
        item = item_in(context)
        span = held(context, SPAN)
        if item is not None and not item.ended and item.span is span:
            # Phases are not shown; with all of a test's in one list, they keep their order.
            holder = item.test if item.kind == c.PHASE and item.test is not None else item
            is_copy = self.is_child and not self.owns_test
            if holder is item.test and is_copy:  # the test is the parent's
                self._attach_below(context, attachment)
            else:
                holder.attachments.append(attachment)
                self.report.changed(self._home(span), now_ns(), item)
        elif self._home(span):
            self._attach_below(context, attachment)
        else:
            self.attach_global(attachment)

    def _attach_below(self, context: Context, attachment: Attachment) -> None:
        """Attach to a span that is not ours, or has ended: by a step of the attachment's name.

        The report tools draw a step with nothing but one attachment of the same name as that
        attachment, at its place in time.
        """
        start_ns = now_ns()
        span = self.tracer.start_span(attachment.name, context, start_time=start_ns)
        item = RunningItem(c.STEP, attachment.name, span, context)
        item.attachments.append(attachment)
        item.end(start_ns)

    def log_step(self, name: str) -> None:
        """Note a point in time where the caller runs, by a step that takes none."""
        start_ns = now_ns()
        context = self.base_context()
        span = self.tracer.start_span(name, context, start_time=start_ns)
        RunningItem(c.STEP, name, span, context).end(start_ns)

    # -- what belongs to the run

    def attach_global(self, attachment: Attachment) -> None:
        """Attach to the run, not to a test."""
        from allure_commons.model2 import GlobalAttachment, Globals

        name, source, kind = attachment
        name = self.redaction.text(name)
        entry = GlobalAttachment(name=name, source=source, type=kind or None, timestamp=_now_ms())
        self.report.publish("report_globals", globals_item=Globals(attachments=[entry]))

    def add_global_error(self, message: str, trace: str | None) -> None:
        """Add an error of the run."""
        from allure_commons.model2 import GlobalError, Globals

        text = self.redaction.text
        entry = GlobalError(
            message=text(text_of(message)),
            trace=None if trace is None else text(text_of(trace)),
            timestamp=_now_ms(),
        )
        self.report.publish("report_globals", globals_item=Globals(errors=[entry]))

    def write_outside_of_tests(self) -> None:
        """Write the spans that belong to no test as an attachment of the run."""
        with self.report.diagnostics.caught("writing what ran outside of tests"):
            lines: list[str] = []
            documents: list[str] = []
            for spans, logs in self.report.take_others():
                self._add_outside(spans, logs, lines, documents)
            self._write_outside([*lines, *self._log_lines()], "Outside of tests")
            self._write_outside(documents, "Outside of tests: requests, queries and logs")

    def _add_outside(
        self,
        spans: list[Span],
        logs: Mapping[int, Sequence[Log]],
        lines: list[str],
        documents: list[str],
    ) -> None:
        from otel_allure.output.to_json import plain
        from otel_allure.translation.to_results import to_results

        translated = to_results(spans, self.report.presentation, logs, self.diagnostics.add)
        for result in translated.results:
            self.outside.append(str(result.name))
            lines += tree_lines(plain(result))
            for step in all_steps(result):
                documents += self._documents_of(step, translated.files)

    def _documents_of(self, step: Any, files: Mapping[str, str]) -> Iterator[str]:
        """Yield what is made of a step's spans; what an author has attached goes to the run.

        There may be hundreds, which nobody would find his own among. A picture is not for here.
        """
        for a in step.attachments:
            if a.source not in files:
                self.attach_global(Attachment(a.name, a.source, a.type or ""))
            elif a.type not in _FOR_EYES:
                yield from (f"── {step.name}: {a.name}", files[a.source].rstrip(), "")

    def write_logs_outside(self, name: str) -> None:
        """Write the log records that belong to no span as an attachment of the run."""
        with self.report.diagnostics.caught("writing log records outside of spans"):
            self._write_outside(self._log_lines(), name)

    def _log_lines(self) -> list[str]:
        return list(map(self.report.presentation.log_lines, self.report.take_logs_outside()))

    def _write_outside(self, lines: list[str], name: str) -> None:
        if lines:
            source = attachment_file_name("txt")
            body = "\n".join(lines) + "\n"
            self.report.publish("report_attached_data", body=body, file_name=source)
            self.attach_global(Attachment(name, source, "text/plain"))


def _now_ms() -> int:
    return now_ns() // 1_000_000
