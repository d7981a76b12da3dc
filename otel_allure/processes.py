"""Child processes: what they do belongs to the step that started them.

Two things must get to a child: the OpenTelemetry context, as text, and where its spans go (see
`spool`). There are three ways:

* **Forked** children have both already; see the pytest plugin.
* **multiprocessing** with spawn or forkserver: a process is pickled when it is started, so both
  travel with it, and when it is unpickled in the child, the child begins to record (see `child`).
  Pools start their workers whenever they like, so each piece of work carries a context of its own.
* **Any other program** is given an environment by its starter, and `environment` makes one. An
  exporter of ours in the program finds it there.

Everything of multiprocessing begins with `Process.start`. Pools and executors are followed from
the time on when they start their first worker: what is submitted before has that start's context.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from opentelemetry import baggage
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from otel_allure import contexts
from otel_allure import conventions as c
from otel_allure import recorder as recorders
from otel_allure.compat import Private, found
from otel_allure.compat.standard_library import POOL_TASKS, PROCESS_WORK_ITEM
from otel_allure.contexts import ISOLATED, SPAN, held
from otel_allure.recorder import Recorder
from otel_allure.redirect import Redirection
from otel_allure.report import Report
from otel_allure.scope import live_context
from otel_allure.spans import Record, Span
from otel_allure.spool import Home, Spool, is_read
from otel_allure.threads import hand_over_contexts, on_start, take_up
from otel_allure.tracer import RecordingTracer, recorded_parent

# -- the context as text

Carrier = Mapping[str, str]
"""A context as W3C headers."""

_HEADERS = ("traceparent", "tracestate", "baggage")


def carrier_of(context: Context) -> dict[str, str]:
    """Return `context` as headers; there are none for an empty one."""
    carrier: dict[str, str] = {}
    span = held(context, SPAN)
    if type(span) is NonRecordingSpan:  # one that a sampler dropped
        span = recorded_parent(span, context)
    if span is not None:
        TraceContextTextMapPropagator().inject(carrier, Context({SPAN: span}))
    if baggage.get_all(context):
        _baggage_propagator().inject(carrier, context)
    return carrier


def context_of(carrier: Carrier) -> Context:
    """Return the context that `carrier` describes."""
    root = contexts.root_context(isolated=_ISOLATED in carrier)
    context = TraceContextTextMapPropagator().extract(carrier, root)
    return _baggage_propagator().extract(carrier, context) if "baggage" in carrier else context


_ISOLATED = "otel-allure-isolated"


def pickled(context: Context) -> dict[str, str]:
    """Return `context` for a child that records as we do, which knows isolation."""
    carrier = carrier_of(context)
    return {**carrier, _ISOLATED: "true"} if ISOLATED in context else carrier


def _baggage_propagator() -> Any:
    from opentelemetry.baggage.propagation import W3CBaggagePropagator  # urllib is slow to import

    return W3CBaggagePropagator()


def _context_here() -> Context:
    recorder = recorders.active()
    return live_context() if recorder is None else recorder.base_context()


# -- programs: by their environment


def environment() -> dict[str, str]:
    """Return an environment for a program, so that its steps are below the step that starts it.

    It is a copy of `os.environ`, with the current context as `TRACEPARENT` (and `TRACESTATE` and
    `BAGGAGE`). While a test session writes a report, it also says where that is: then the spans
    of a program that runs `AllureSpanExporter` or `AllureSpanProcessor` become a part of the test,
    in place of results of their own. Exporters that are told to write elsewhere do so.

    Call it for each program, where it is started:

        subprocess.run(["otel-allure", "run", "python", "app.py"], env=otel_allure.environment())
    """
    variables = dict(os.environ)
    carrier = carrier_of(_context_here())
    if "traceparent" in carrier:
        for name in _HEADERS:
            variables.pop(name.upper(), None)
    variables.update((name.upper(), value) for name, value in carrier.items())
    recorder = recorders.active()
    home = None if recorder is None else recorder.home()
    if home is not None:
        variables[c.RESULTS_DIR] = home.results_dir
        variables[c.PARENT_REPORT] = json.dumps(home)
    return variables


def join_parent(recorder: Recorder) -> None:
    """Send spans home and begin below the parent's step, if the environment is from `environment`.

    Not if `recorder` writes elsewhere, nor if the parent's session is over.
    """
    with recorder.problems.caught("joining the report of the parent process"):
        home = _home_in_environment()
        if home is None or Path(home.results_dir) != recorder.report.directory.path:
            return
        if not is_read(home.spool):
            return
        spool = recorder.spool = Spool(_nothing, home.spool)
        recorder.report.redirect = spool.write
        recorder.problems.tell = spool.note
        carrier = {name: os.environ.get(name.upper(), "") for name in _HEADERS}
        begin_below(recorder, {name: value for name, value in carrier.items() if value})
        if not _followed.users:  # two exporters, or a test session, are here already
            hand_over_contexts()
            follow_processes()


def _home_in_environment() -> Home | None:
    value = os.environ.get(c.PARENT_REPORT)
    return Home(*json.loads(value)) if value else None


def _nothing() -> None:
    """Do nothing at a fork: the exporter does what is needed."""


def begin_below(recorder: Recorder, carrier: Carrier) -> None:
    """Make the parent's step current here, and wherever else no context gets to."""
    recorder.base = context_of(carrier)
    if held(contexts.current(), SPAN) is None:
        contexts.attach(recorder.base)


# -- the way home


class WayHome:
    """Sends a child's spans to the process that writes the report.

    What ends when that process has finished its report is written here, outside of tests.

    Args:
        recorder: the child's.
        spool: where they go.
        tracer: makes the child's steps. They are sent as they begin, too: if the child is
            killed, they are shown as unfinished.
    """

    def __init__(self, recorder: Recorder, spool: Spool, tracer: RecordingTracer) -> None:
        self._recorder = recorder
        self._spool = spool
        recorder.spool = spool
        recorder.report.redirect = self.send
        recorder.problems.tell = spool.note
        tracer.on_start.append(
            lambda span, _: self._begun(span.record()._replace(attributes={c.KIND: c.STEP}))
        )

    def send(self, records: Iterable[Record]) -> bool:
        """Send spans and logs; it works in one way or the other, if children are followed."""
        if self._spool.is_usable and not self._spool.write(records):
            ours = self._recorder.report
            path, settings = ours.directory.path, ours.presentation.settings
            late = Report(path, only_tests=True, settings=settings)
            late.settle(records)
            Recorder(late).write_outside_of_tests()
        return True

    def _begun(self, span: Span) -> None:
        with self._recorder.problems.caught("sending a step to the parent process"):
            self._spool.write([span])


# -- multiprocessing


class _Followed:
    """What is followed, as long as somebody wants it."""

    def __init__(self) -> None:
        self.users = 0
        self._ends: dict[tuple[Any, str | Private], Callable[[], None]] = {}

    def begin(self) -> Callable[[], None]:
        """Begin, or go on; return what ends it."""
        from multiprocessing import Process

        self.users += 1
        self._follow(Process, "start", _start)
        self.look()
        on_start.append(self.look)

        def undo() -> None:
            self.users -= 1
            on_start.remove(self.look)
            while self._ends and not self.users:
                self._ends.popitem()[1]()

        return undo

    def look(self) -> None:
        """Follow what hands work over and has been imported by now."""
        for module, owner, name, hook in _WAYS_OF_WORK:
            if module in sys.modules:
                self._follow(found(sys.modules[module], owner), name, hook)

    def _follow(self, owner: Any, name: str | Private, hook: Callable[..., Any]) -> None:
        if (owner, name) not in self._ends:
            redirection = Redirection(owner, name, hook)
            if not redirection.is_possible and isinstance(name, str):
                recorders.note("following pools of processes", f"{name} is not as known")
            self._ends[owner, name] = redirection.begin()


_followed = _Followed()


def follow_processes() -> Callable[[], None]:
    """Begin to hand contexts and the way home over to processes; return what ends it."""
    return _followed.begin()


def _start(start: Callable[[Any], None], process: Any) -> None:
    recorder = recorders.active()
    home = None if recorder is None else recorder.home()
    if recorder is None or home is None:
        return start(process)
    carrier: Carrier = {}
    with recorder.problems.caught("handing a context over"):
        _followed.look()
        carrier = pickled(_context_here())
    settings = recorder.report.presentation.settings
    way = _WayToChild(home, carrier, settings, recorder.instrumentations)
    # The first to be unpickled: what it activates is there when the target is imported.
    object.__setattr__(process, "__dict__", {_WAY: way, **process.__dict__})
    try:
        return start(process)
    finally:
        process.__dict__.pop(_WAY, None)


_WAY = "_otel_allure"


class _WayToChild:
    """What is pickled with a process; unpickled, it makes the process that it is in a child."""

    def __init__(self, *arguments: Any) -> None:
        self._arguments = arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return _arrive, (os.getpid(), *self._arguments)


def _arrive(parent: int, home: Home, *arguments: Any) -> None:
    if os.getpid() == parent:
        return
    try:
        from otel_allure.child import ChildRecording

        ChildRecording(home, *arguments)
    except Exception as error:
        Spool(_nothing, home.spool).note("recording in a child process", repr(error))


# -- pieces of work


class _Named(dict[str, Any]):
    """Named arguments of a piece of work, with the context of whoever has asked for it.

    Of all that goes to a worker, they are what users never see: they are unpacked anew for the
    function. So the function stays what it is, and no frame of ours is below it.
    """

    def __init__(self, named: dict[str, Any], context: Context) -> None:
        super().__init__(named)
        self._named = named
        self._context = context

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickled, (os.getpid(), pickled(self._context), self._named)

    def keys(self) -> Any:
        """Return the names. They are asked for right before the work begins, in its thread."""
        take_up(self._context)
        return super().keys()

    def __iter__(self) -> Iterator[str]:  # without it, a dict is unpacked unasked
        return super().__iter__()


def _unpickled(parent: int, carrier: Carrier, named: dict[str, Any]) -> dict[str, Any]:
    """Return named arguments in the worker that does the work next, in their context."""
    if os.getpid() != parent:  # where pools empty their queues at the end
        take_up(context_of(carrier))
    return named


def _carrying(named: Any, context: Context | None) -> Any:
    return _Named(named, context) if context is not None and isinstance(named, dict) else named


def _context_for(pool: Any) -> Context | None:
    """Return the context of the caller for work that a pool does, None if nobody asks for it."""
    if not isinstance(pool, sys.modules["multiprocessing.pool"].ThreadPool):
        return _context_for_process()
    return recorders.context_to_hand_over()


def _context_for_process() -> Context | None:
    recorder = recorders.active()
    if recorder is not None:
        with recorder.problems.caught("handing a context over"):
            return None if recorder.home() is None else recorder.base_context()
    return None


def _submitted(init: Callable[..., None], item: Any, *args: Any) -> None:
    *others, kwargs = args
    init(item, *others, _carrying(kwargs, _context_for_process()))


def _applied(apply: Any, pool: Any, func: Any, args: Any, kwds: Any, *callbacks: Any) -> Any:
    return apply(pool, func, args, _carrying(kwds, _context_for(pool)), *callbacks)


def _mapped(tasks_of: Any, pool: Any, *args: Any) -> Iterable[Any]:
    context = _context_for(pool)

    def carrying(task: tuple[Any, ...]) -> tuple[Any, ...]:
        *others, kwds = task
        return *others, _carrying(kwds, context)

    return map(carrying, tasks_of(pool, *args))


_WAYS_OF_WORK: tuple[tuple[str, str | Private, str | Private, Callable[..., Any]], ...] = (
    ("concurrent.futures.process", PROCESS_WORK_ITEM, "__init__", _submitted),
    ("multiprocessing.pool", "Pool", "apply_async", _applied),
    ("multiprocessing.pool", "Pool", POOL_TASKS, _mapped),
)
