"""Spans that a receiver takes -> the processes whose tests they belong to.

There is one receiver a run, but each worker of pytest-xdist writes the results of its own tests. So
what arrives is appended to one file, as records that are sealed, each behind the id of its trace;
whoever knows that trace takes it. It is a file and no connection, as with child processes: nobody
has to listen, and tests may fake the network.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from otel_allure.compat import kept
from otel_allure.model import conventions as c
from otel_allure.model.diagnostics import Diagnostics
from otel_allure.model.outcome import BROKEN
from otel_allure.model.record_json import read_record, to_line
from otel_allure.model.settings import Settings
from otel_allure.model.spans import (
    Attributes,
    Link,
    Log,
    Record,
    Span,
    is_test,
    kind_of,
    service_of,
)
from otel_allure.output.sealed import Seal
from otel_allure.recording.tracer import is_ours
from otel_allure.translation.linked_traces import LinkedTraces

LEFT_OUT = "…"
"""In the place of what is too deep, and the name of what is too much."""
TOO_MANY = "there are more than receiver_max_spans for one test"
_DOING = "receiving spans"
_NAME = "arrivals"
_ID, _LENGTH = 16, 4


class ArrivalsFile(NamedTuple):
    """What a reader must know.

    Attributes:
        path: of the file.
        key: what its records are sealed with.
    """

    path: str
    key: str


class Bounds:
    """Leaves out what is too much of a record, and tells it.

    Args:
        settings: how much may be.
        diagnostics: told of what is left out.
    """

    def __init__(self, settings: Settings, diagnostics: Diagnostics) -> None:
        self._settings = settings
        self._diagnostics = diagnostics

    def applied(self, record: Record) -> Record:
        """Return a record without what is too much."""
        limit = self._limited
        if isinstance(record, Log):
            return record._replace(attributes=limit(record.attributes))
        return record._replace(
            attributes=limit(record.attributes),
            events=tuple(e._replace(attributes=limit(e.attributes)) for e in record.events),
            resource=limit(record.resource),
        )

    def _limited(self, attributes: Attributes) -> Attributes:
        most, levels = self._settings.receiver_max_attributes, self._settings.receiver_max_levels
        if len(attributes) > most:
            self._diagnostics.add(f"{_DOING}, attributes", "more than receiver_max_attributes")
            left = len(attributes) - most
            first = dict(list(attributes.items())[:most])
            attributes = {**first, LEFT_OUT: f"{left} more attributes"}
        if any(isinstance(value, (dict, tuple, list)) for value in attributes.values()):
            return {key: self._flat(value, levels) for key, value in attributes.items()}
        return attributes

    def _flat(self, value: Any, levels: int) -> Any:
        if not isinstance(value, (dict, tuple, list)):
            return value
        if levels == 0:
            self._diagnostics.add(f"{_DOING}, levels", "more than receiver_max_levels")
            return LEFT_OUT
        if isinstance(value, dict):
            return {key: self._flat(each, levels - 1) for key, each in value.items()}
        return tuple(self._flat(each, levels - 1) for each in value)


class Arrivals:
    """Takes records in, from any thread, and leaves them where readers find them.

    Args:
        settings: the limits.
        diagnostics: told of what is left out.
        run: what the resources of programs say that were started with this run's environment.
    """

    def __init__(self, settings: Settings, diagnostics: Diagnostics, run: str) -> None:
        self._settings = settings
        self._diagnostics = diagnostics
        self._run = run
        self._bounds = Bounds(settings, diagnostics)
        self._lock = threading.Lock()
        self._seal = Seal()
        self._directory = tempfile.mkdtemp(prefix="otel-allure-received-")
        self._path = kept.joined(self._directory, _NAME)
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._linked = LinkedTraces(is_test=is_ours)
        self._waiting: OrderedDict[int, list[Record]] = OrderedDict()  # traces of no test so far
        self._held = 0
        self._counts: Counter[int] = Counter()
        self._cut: set[int] = set()  # tests whose results say that something is left out
        self.services: Counter[str] = Counter()
        """How many spans of each service have come."""

    @property
    def told_readers(self) -> ArrivalsFile:
        """What readers must know."""
        return ArrivalsFile(self._path, self._seal.key)

    def take(self, records: Iterable[Record]) -> list[str]:
        """Take records in; return why those are not taken that are not."""
        refused: list[str] = []
        with self._lock:
            for record in records:
                bounded = self._bounds.applied(record)
                if isinstance(bounded, Span):
                    self._linked.note(bounded)
                    self.services[service_of(bounded)] += 1
                    if bounded.links and c.KIND not in bounded.attributes:
                        self._tell_senders(bounded)
                if not self._deliver(bounded):
                    refused.append(TOO_MANY)
            self._send_home()
        return refused

    def _deliver(self, record: Record) -> bool:
        """Put a record where it belongs, if there is room for it."""
        trace_id = record.trace_id
        home = self._linked.home(trace_id)
        if self._counts[home] >= self._settings.receiver_max_spans:
            self._diagnostics.add(f"{_DOING}, spans left out", TOO_MANY)
            if home not in self._cut:
                self._cut.add(home)
                self._append(home, told_in_result(home, record))
            return False
        self._counts[home] += 1
        if home != trace_id:
            self._move(trace_id, [*self._no_longer_waiting(trace_id), record])
            return True
        self._append(trace_id, record)
        if not is_ours(trace_id) and trace_id:
            self._waiting.setdefault(trace_id, []).append(record)
            self._waiting.move_to_end(trace_id)
            self._held += 1
            self._forget_oldest()
        return True

    def _tell_senders(self, span: Span) -> None:
        """Tell the tests that a span has links to where it is, if it is not in them.

        Of a batch of messages, each may be of another test; and a span is in one result.
        """
        home = self._linked.home(span.trace_id)
        senders = {link.trace_id: link for link in span.links if is_ours(link.trace_id)}
        for trace_id, link in senders.items():
            if trace_id != home and self._counts[trace_id] < self._settings.receiver_max_spans:
                self._counts[trace_id] += 1
                self._append(trace_id, _told_at_sender(link, span, home))

    def _send_home(self) -> None:
        """Move what came before its root, which has the link."""
        if self._linked.has_links:
            for trace_id in [i for i in self._waiting if self._linked.home(i) != i]:
                self._move(trace_id, self._no_longer_waiting(trace_id))

    def _no_longer_waiting(self, trace_id: int) -> list[Record]:
        records = self._waiting.pop(trace_id, [])
        self._held -= len(records)
        return records

    def _move(self, trace_id: int, records: list[Record]) -> None:
        home = self._linked.home(trace_id)
        for span in self._linked.moved([r for r in records if isinstance(r, Span)], trace_id):
            self._append(home, span)
        for record in records:
            if isinstance(record, Log):
                self._append(home, record._replace(trace_id=home))

    def _forget_oldest(self) -> None:
        while self._held > self._settings.receiver_max_held:
            self._no_longer_waiting(next(iter(self._waiting)))
            what = "more than receiver_max_held wait for their test, the oldest were dropped"
            self._diagnostics.add(f"{_DOING}, traces left out", what)

    def _append(self, trace_id: int, record: Record) -> None:
        sealed = self._seal.sealed(to_line(record))
        head = trace_id.to_bytes(_ID, "big") + len(sealed).to_bytes(_LENGTH, "big")
        kept.write(self._file, head + sealed)

    def without_a_test(self, claimed: Iterable[int]) -> Counter[str]:
        """Return how many requests to services of this run belong to no test, by service.

        Args:
            claimed: ids of traces that tests have after all.
        """
        known = set(claimed)
        with self._lock:
            return Counter(
                service_of(record)
                for trace_id, records in self._waiting.items()
                if trace_id not in known
                for record in records
                if isinstance(record, Span) and self._is_request(record)
            )

    def _is_request(self, span: Span) -> bool:
        """Whether a span is a request that nobody is known to have sent, to a program of ours."""
        is_asked = span.kind in ("server", "consumer") and span.parent_id is None
        return is_asked and span.resource.get(c.RUN) == self._run

    def close(self) -> None:
        """Remove the file."""
        with self._lock:
            kept.close(self._file)
        shutil.rmtree(self._directory, ignore_errors=True)


def told_in_result(home: int, record: Record) -> Log:
    """Return what says in a result that not all of its spans are there."""
    time_ns = record.time_ns if isinstance(record, Log) else record.start_ns
    return Log(home, 0, time_ns, "WARN", "otel-allure", f"{TOO_MANY}: the others are left out")


def _told_at_sender(link: Link, span: Span, home: int) -> Log:
    """Return what says at a span that another test, or none, has what came of it."""
    where = f"another test's, {home:032x}" if is_ours(home) else f"no test's, {home:032x}"
    service = service_of(span)
    name = f"{span.name} ({service})" if service else span.name
    text = f"{name} has a link to this. It is in a trace that is {where}"
    return Log(link.trace_id, link.span_id, span.start_ns, "INFO", "otel-allure", text)


def _part_of_test(record: Record) -> Record:
    """Return what was sent as a part of the test that it belongs to.

    What a program says of tests of its own, and of their fixtures, are steps of that: the run's
    results are of its own tests.
    """
    if isinstance(record, Log) or not (is_test(record) or kind_of(record) not in (None, c.STEP)):
        return record
    told = {c.KIND: c.STEP}
    if record.status == "error" and c.STATUS not in record.attributes:
        told |= {c.STATUS: BROKEN, c.MESSAGE: record.status_message}
    return record._replace(attributes={**told, **record.attributes, c.KIND: c.STEP})


class ArrivalsReader:
    """Takes what belongs to a process out of what has arrived.

    Args:
        told: by `Arrivals`.
        home: returns the trace in which the report shows another one.
        is_own: whether the report of this process has a trace.
        diagnostics: told what cannot be read.
    """

    def __init__(
        self,
        told: ArrivalsFile,
        home: Callable[[int], int],
        is_own: Callable[[int], bool],
        diagnostics: Diagnostics,
    ) -> None:
        self._path = told.path
        self._seal = Seal(told.key)
        self._home = home
        self._is_own = is_own
        self._diagnostics = diagnostics
        self._read_until = 0
        self.claimed: set[int] = set()
        """Ids of traces that were not begun by us, and are shown in a test."""
        self.count = 0
        """How many records were taken."""

    def read(self) -> list[Record]:
        """Return what has come since the last time."""
        found: list[Record] = []
        with self._diagnostics.caught("taking what services have sent"):
            for trace_id, sealed in self._new():
                home = self._home(trace_id)
                if not self._is_own(home):
                    continue
                for line in self._seal.opened(sealed)[0]:
                    found += (
                        _part_of_test(record._replace(trace_id=home))
                        for record in read_record(line, self._diagnostics)
                    )
                if home != trace_id:
                    self.claimed.add(trace_id)
        self.count += len(found)
        return found

    def _new(self) -> list[tuple[int, bytes]]:
        file = kept.open_to_read(self._path)
        try:
            content = kept.read_from(file, self._read_until)
        finally:
            kept.close(file)
        found: list[tuple[int, bytes]] = []
        at = 0
        while len(content) - at >= _ID + _LENGTH:
            start = at + _ID + _LENGTH
            stop = start + int.from_bytes(content[at + _ID : start], "big")
            if stop > len(content):
                break  # it is being written
            found.append((int.from_bytes(content[at : at + _ID], "big"), content[start:stop]))
            at = stop
        self._read_until += at
        return found


def variables_for(
    endpoint: str, protocol: str, token: str, run: str, environ: Mapping[str, str]
) -> dict[str, str]:
    """Return the variables by which the SDK of any language sends to a receiver.

    Args:
        endpoint: of the receiver.
        protocol: `http/protobuf` or `http/json`.
        token: that it wants; empty: none.
        run: what the resource is to say.
        environ: what is set already; its resource attributes stay.
    """
    attributes = filter(None, (environ.get(_ATTRIBUTES), f"{c.RUN}={run}"))
    told = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
        "OTEL_BSP_SCHEDULE_DELAY": _DELAY_MS,
        "OTEL_BLRP_SCHEDULE_DELAY": _DELAY_MS,
        _ATTRIBUTES: ",".join(attributes),
    }
    if token:
        told["OTEL_EXPORTER_OTLP_HEADERS"] = f"authorization=Bearer%20{token}"
    return told | _of_each_signal(endpoint, told, environ) | _not_kept_back(environ)


def _of_each_signal(
    endpoint: str, told: Mapping[str, str], environ: Mapping[str, str]
) -> dict[str, str]:
    """Return what takes the place of variables for one signal: exporters prefer these."""
    found: dict[str, str] = {}
    for signal in ("TRACES", "LOGS"):
        own = f"OTEL_EXPORTER_OTLP_{signal}_"
        for name in _FOR_A_SIGNAL:
            if own + name in environ:
                found[own + name] = told.get(f"OTEL_EXPORTER_OTLP_{name}", "")
        if own + "ENDPOINT" in found:
            found[own + "ENDPOINT"] = f"{endpoint}/v1/{signal.lower()}"
    return found


_FOR_A_SIGNAL = ("ENDPOINT", "PROTOCOL", "HEADERS")


def _not_kept_back(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what takes the place of variables by which spans are not made, or go elsewhere only.

    CI often switches exporters off, for the tests' own sake.
    """
    found: dict[str, str] = {}
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        found["OTEL_SDK_DISABLED"] = "false"
    if environ.get("OTEL_TRACES_SAMPLER", "").strip() not in _SAMPLERS_OF_ALL:
        found["OTEL_TRACES_SAMPLER"] = "parentbased_always_on"
    names = [name.strip() for name in environ.get("OTEL_TRACES_EXPORTER", "").split(",")]
    others = [name for name in names if name not in _NO_EXPORTERS]
    if any(names) and "allure" not in names:  # that brings its spans home
        found["OTEL_TRACES_EXPORTER"] = ",".join(("otlp", *others))
    return found


_SAMPLERS_OF_ALL = ("", "always_on", "parentbased_always_on")
_NO_EXPORTERS = ("", "none", "otlp", "otlp_proto_http", "otlp_proto_grpc")
"""What is not beside `otlp`, which does as the protocol says."""


_ATTRIBUTES = "OTEL_RESOURCE_ATTRIBUTES"
_DELAY_MS = "100"
