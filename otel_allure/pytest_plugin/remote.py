"""`--allure-otel-receiver`: what services send while tests run is in the tests that called them.

One process of the run receives: that of the tests, or the controller of pytest-xdist. Each process
with tests takes what belongs to its own out of what has arrived.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from otel_allure.inputs.arrivals import ArrivalsFile, ArrivalsReader, variables_for
from otel_allure.model import conventions as c
from otel_allure.model.spans import Record, Span
from otel_allure.presentation.values import destination
from otel_allure.translation.findings import calls_between_services

if TYPE_CHECKING:
    from otel_allure.inputs.arrivals import Arrivals
    from otel_allure.inputs.forwarding import Forwarder
    from otel_allure.inputs.otlp_receiver import OtlpReceiver
    from otel_allure.otel.session import Session
    from otel_allure.recording.tracer import RecordingSpan

INPUT = "otel_allure_receiver"
"""By which name workers are told where to look, and what to tell programs."""
WINDOW = 0.25
"""Seconds after which it is looked again whether something has come."""
_IDLE = 4
"""So many of them without anything are the end of programs that send all 100 ms."""


class Told(NamedTuple):
    """What a process with tests must know; plain data, for workers.

    Attributes:
        arrivals: what readers must know.
        endpoint: of the receiver.
        token: that it wants.
        run: by which its programs are known.
    """

    arrivals: tuple[str, str]
    endpoint: str
    token: str
    run: str


class Receiving:
    """The receiver of a run, in the one process that has it."""

    def __init__(self, session: Session) -> None:
        from otel_allure.inputs.arrivals import Arrivals
        from otel_allure.inputs.forwarding import Forwarder
        from otel_allure.inputs.otlp_receiver import OtlpReceiver, address_of

        settings, diagnostics = session.report.settings, session.diagnostics
        token = settings.receiver_token
        if not token and not address_of(settings.receiver_address).is_loopback:
            token = os.urandom(16).hex()
        run = os.urandom(8).hex()
        self._forwarder: Forwarder | None = None
        if Forwarder.is_wanted(os.environ):
            self._forwarder = Forwarder(os.environ, diagnostics)
        self.arrivals: Arrivals = Arrivals(settings, diagnostics, run)
        try:
            self._receiver: OtlpReceiver = OtlpReceiver(
                self.arrivals.take, settings, diagnostics, token, self._forwarder
            )
        except OSError as error:
            self.arrivals.close()
            raise pytest.UsageError(
                f"otel-allure: nothing can be received at {settings.receiver_address}: {error}"
            ) from None
        self._receiver.start()
        path, key = self.arrivals.told_readers
        self.told = Told((path, key), self._receiver.endpoint, token, run)

    def close(self) -> None:
        """Take nothing more, and remove what has arrived."""
        self._receiver.stop()
        if self._forwarder is not None:
            self._forwarder.stop()
        self.arrivals.close()


class Waited(NamedTuple):
    """What the end of a process's tests has come to; plain data, for the controller.

    Attributes:
        seconds: how long it has waited.
        silent: calls of which nobody has told, by where they went.
        answered: where others went, of which somebody has.
        claimed: traces that were not begun by us, and are in tests.
    """

    seconds: float
    silent: dict[str, int]
    answered: list[str]
    claimed: list[int]


class RemoteSpans:
    """What arrives for the tests of a process.

    Args:
        session: of the process.
        told: by the one that receives.
        unwritten: returns spans of ours that the report has not got yet.
    """

    def __init__(
        self, session: Session, told: Told, unwritten: Callable[[], Iterable[RecordingSpan]]
    ) -> None:
        self._session = session
        self._unwritten = unwritten
        self._told = told
        self._own: set[int] = set()
        self._handed_out = False
        session.tracer.on_start.append(self._note_root)
        recorder = session.recorder
        recorder.remote_variables = self._variables
        arrivals = ArrivalsFile(*told.arrivals)
        self._reader = ArrivalsReader(
            arrivals, recorder.adoptions.home, self._own.__contains__, session.diagnostics
        )

    def _note_root(self, span: Any, context: object) -> None:
        if span.parent_id is None:
            self._own.add(span.trace_id)

    def _variables(self, environ: Mapping[str, str]) -> dict[str, str]:
        self._handed_out = True
        told = self._told
        return variables_for(told.endpoint, _protocol(), told.token, told.run, environ)

    def read(self) -> list[Record]:
        """Return what has come since the last time."""
        return list(self._without_ours(self._reader.read()))

    def _without_ours(self, records: list[Record]) -> Iterator[Record]:
        """Yield records; those that are steps, too, never in the place of a span of ours.

        What has the id of one is either that, sent here by an exporter in the tests, or made up.
        """
        steps = {r.trace_id for r in records if isinstance(r, Span) and c.KIND in r.attributes}
        report = self._session.report
        ours = {s.span_id: s.start_ns for trace_id in steps for s in report.spans_of(trace_id)}
        if steps:
            ours |= {span.span_id: span.start_ns for span in self._unwritten()}
        for record in records:
            if isinstance(record, Span) and record.span_id in ours and c.KIND in record.attributes:
                if record.start_ns == ours[record.span_id]:
                    continue
                others = {k: v for k, v in record.attributes.items() if k != c.KIND}
                record = record._replace(attributes=others)
            yield record

    def wait(self, take: Callable[[], object], *, is_interrupted: bool = False) -> Waited:
        """Wait for what services are known to tell later, as long as is set; say how it was.

        Args:
            take: takes what has come to the report.
            is_interrupted: whether somebody wants the run to end now.
        """
        most = 0.0 if is_interrupted else self._session.report.settings.receiver_wait
        start = time.monotonic()
        idle, before = 0, -1
        take()
        while self._is_late(idle) and (left := start + most - time.monotonic()) > 0:
            time.sleep(min(WINDOW, left))
            take()
            idle = idle + 1 if self._reader.count == before else 0
            before = self._reader.count
        silent, answered = self._calls()
        claimed = list(self._reader.claimed)
        return Waited(time.monotonic() - start, dict(silent), list(answered), claimed)

    def _is_late(self, idle: int) -> bool:
        """Whether something is known to come.

        Programs of ours tell quickly, or were killed. Others have delays of their own.

        Args:
            idle: windows in which nothing has come.
        """
        silent, answered = self._calls()
        if self._reader.count == 0:
            return self._handed_out and bool(silent) and idle < _IDLE
        late = silent.keys() & answered.keys()
        return bool(late) and (idle < _IDLE or not all(answered[where] for where in late))

    def _calls(self) -> tuple[Counter[str], dict[str, bool]]:
        """Return the calls whose service has told nothing, by destination, and where others were.

        With each of the latter is whether it is a program of ours.
        """
        silent: Counter[str] = Counter()
        answered: dict[str, bool] = {}
        for spans in self._session.report.kept_spans():
            servers = {span.parent_id: span for span in spans if span.kind == "server"}
            for call in calls_between_services(spans):
                where = destination(call) or "an unknown place"
                server = servers.get(call.span_id)
                if server is None:
                    silent[where] += 1
                else:
                    answered[where] = server.resource.get(c.RUN) == self._told.run
        return silent, answered


def _protocol() -> str:
    return "http/protobuf" if find_spec("opentelemetry.proto") else "http/json"


def notes(receiving: Receiving, waited: Iterable[Waited]) -> list[str]:
    """Return what people may want to know about services, when all has ended."""
    found: list[str] = []
    waited = list(waited)
    longest = max((each.seconds for each in waited), default=0.0)
    if longest >= WINDOW:
        found.append(f"waited {longest:.1f} s for spans of services (receiver_wait)")
    claimed = {trace_id for each in waited for trace_id in each.claimed}
    for service, number in receiving.arrivals.without_a_test(claimed).items():
        requests = "1 request belongs" if number == 1 else f"{number} requests belong"
        found.append(
            f"context is not propagated: {service or 'unknown_service'}, {requests} to no test:"
            " instrument the client that sends them, --allure-otel-instrument=NAMES, or send"
            " traceparent with them"
        )
    silent: Counter[str] = Counter()
    for each in waited:
        silent.update(each.silent)
    answered = {where for each in waited for where in each.answered}
    for where, number in silent.items():
        calls = "1 call" if number == 1 else f"{number} calls"
        why = _ENDED if where in answered else _NOT_SET
        found.append(f"nothing was received of {calls} to {where}: {why}")
    return found


_ENDED = (
    "the service was killed before it had sent it, or sends less often than receiver_wait"
    " (OTEL_BSP_SCHEDULE_DELAY)"
)
_NOT_SET = (
    "does the service export OTLP, and has it the variables of otel_allure.environment()"
    " (OTEL_EXPORTER_OTLP_ENDPOINT)?"
)


def told_by(config: pytest.Config) -> Told | None:
    """Return what the controller has told this worker."""
    told = getattr(config, "workerinput", {}).get(INPUT)
    return None if told is None else Told(*told)
