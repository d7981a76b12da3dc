"""OTLP's protobuf messages -> Span and Log, as `otlp_reader` makes them of JSON.

The message is walked: a detour by dicts would cost ten times as much.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from otel_allure.formats.otlp_reader import OnProblem, log_of
from otel_allure.formats.otlp_schema import (
    KINDS,
    MAX_NESTING,
    PARENT_IS_KNOWN,
    PARENT_IS_REMOTE,
    STATUSES,
    TOO_DEEP,
    severity_name,
)
from otel_allure.model.spans import Attributes, Event, Link, Log, Span

INSTALL = "protobuf needs opentelemetry-proto: pip install 'otel-allure[otlp]'"


class MissingProtobufError(ImportError):
    """The package that knows OTLP's messages is not installed."""


class MalformedMessageError(ValueError):
    """Bytes are no message of this kind."""


class _Signal(NamedTuple):
    """A signal, and its messages.

    Attributes:
        parse: bytes -> message; raises `DecodeError`.
        groups: of resources, in the message.
        records: of a resource's group.
    """

    parse: Callable[[bytes], Any]
    groups: Callable[[Any], Iterable[Any]]
    records: Callable[[Any], Iterator[tuple[Any, Any]]]


_signals: dict[str, _Signal] = {}


def _signal(name: str) -> _Signal:
    if not _signals:
        _signals.update(_load())
    return _signals[name]


def _load() -> dict[str, _Signal]:
    try:
        from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
        from opentelemetry.proto.metrics.v1.metrics_pb2 import MetricsData
        from opentelemetry.proto.trace.v1.trace_pb2 import TracesData
    except ImportError:
        raise MissingProtobufError(INSTALL) from None
    # The requests of the services have the same fields with the same numbers.
    return {
        "traces": _Signal(
            TracesData.FromString,
            lambda message: message.resource_spans,
            lambda group: ((s, each) for s in group.scope_spans for each in s.spans),
        ),
        "logs": _Signal(
            LogsData.FromString,
            lambda message: message.resource_logs,
            lambda group: ((s, each) for s in group.scope_logs for each in s.log_records),
        ),
        "metrics": _Signal(
            MetricsData.FromString,
            lambda message: message.resource_metrics,
            lambda group: ((s, each) for s in group.scope_metrics for each in s.metrics),
        ),
    }


def _groups(data: bytes, signal: str) -> list[tuple[Any, list[tuple[Any, Any]]]]:
    """Return the groups of resources in a message, each with its scopes and their records."""
    kind = _signal(signal)
    try:
        message = kind.parse(data)
        return [(group, list(kind.records(group))) for group in kind.groups(message)]
    except Exception as error:  # `DecodeError`; protobuf's other exceptions differ by version
        raise MalformedMessageError(f"no message of {signal}: {error}") from None


def spans_from_protobuf(data: bytes, on_problem: OnProblem) -> Iterator[Span]:
    """Return the spans of an `ExportTraceServiceRequest`, or of a `TracesData`.

    Args:
        data: the message.
        on_problem: as for `from_otlp`.

    Raises:
        MalformedMessageError: if it is none.
        MissingProtobufError: without the package `opentelemetry-proto`.
    """
    return _spans(_groups(data, "traces"), on_problem)


def logs_from_protobuf(data: bytes, on_problem: OnProblem) -> Iterator[Log]:
    """Return the log records of an `ExportLogsServiceRequest`; see `spans_from_protobuf`."""
    return _logs(_groups(data, "logs"), on_problem)


def count_metrics_in_protobuf(data: bytes) -> int:
    """Return the number of metrics in an `ExportMetricsServiceRequest`."""
    return sum(len(records) for _, records in _groups(data, "metrics"))


def signal_of(data: bytes) -> str:
    """Return `traces`, `logs` or `metrics`: the message itself does not say it.

    All three have the same frame. What tells them apart is what is in it: ids of 16 bytes, else a
    time in the place of the id, else a name.

    Raises:
        MalformedMessageError: if it is none of them.
    """
    groups = _groups(data, "traces")
    spans = [span for _, records in groups for _, span in records]
    if any(len(span.trace_id) == _TRACE and len(span.span_id) == _SPAN for span in spans):
        return "traces"
    logs = [log for _, records in _groups(data, "logs") for _, log in records]
    if any(log.time_unix_nano or log.observed_time_unix_nano for log in logs):
        return "logs"
    metrics = [metric for _, records in _groups(data, "metrics") for _, metric in records]
    if any(metric.name and metric.WhichOneof("data") for metric in metrics):
        return "metrics"
    if groups and all(group.HasField("resource") or records for group, records in groups):
        return "traces"
    raise MalformedMessageError("no message of OTLP")


_TRACE, _SPAN = 16, 8


class _Reader:
    def __init__(self, on_problem: OnProblem) -> None:
        self._on_problem = on_problem

    def problem(self, doing: str, detail: object) -> None:
        self._on_problem(f"reading {doing} from OTLP", detail)

    def id(self, value: bytes, size: int, name: str, doing: str) -> int:
        """Return an id, 0 if there is none."""
        if len(value) == size:
            return int.from_bytes(value, "big")
        if value:
            self.problem(doing, f"{name} is not {size} bytes")
        return 0

    def enum(self, number: int, names: tuple[str, ...], doing: str) -> str:
        if number in range(len(names)):
            return names[number]
        self.problem(doing, f"no member {number}")
        return names[0]

    def attributes(self, entries: Iterable[Any]) -> Attributes:
        return {entry.key: self.value(entry.value, MAX_NESTING) for entry in entries}

    def value(self, value: Any, levels: int) -> Any:
        kind = value.WhichOneof("value")
        if kind is None:
            return None
        held = getattr(value, kind)
        if kind not in ("array_value", "kvlist_value"):
            return held
        if levels == 0:
            self.problem("an attribute", TOO_DEEP)
            return TOO_DEEP
        if kind == "array_value":
            return tuple(self.value(each, levels - 1) for each in held.values)
        return {each.key: self.value(each.value, levels - 1) for each in held.values}

    def span(self, span: Any, resource: Attributes, scope: str) -> Span | None:
        trace_id = self.id(span.trace_id, _TRACE, "traceId", "a span")
        span_id = self.id(span.span_id, _SPAN, "spanId", "a span")
        if not (trace_id and span_id):
            self.problem("a span", "no traceId" if not trace_id else "no spanId")
            return None
        doing = "the id of a parent"
        parent_id = self.id(span.parent_span_id, _SPAN, "parentSpanId", doing) or None
        kind = self.enum(span.kind, KINDS, "the kind of a span")
        end_ns = span.end_time_unix_nano or None
        start_ns = span.start_time_unix_nano or end_ns or 0
        return Span(
            trace_id,
            span_id,
            parent_id,
            parent_id is not None and _parent_is_remote(span.flags, kind),
            span.name,
            kind,
            start_ns,
            end_ns,
            self.enum(span.status.code, STATUSES, "the status of a span"),
            span.status.message,
            self.attributes(span.attributes),
            tuple(
                Event(e.name, e.time_unix_nano or start_ns, self.attributes(e.attributes))
                for e in span.events
            ),
            tuple(self._links(span.links)),
            scope,
            resource,
        )

    def _links(self, links: Iterable[Any]) -> Iterator[Link]:
        doing = "a link of a span"
        for link in links:
            trace_id = self.id(link.trace_id, _TRACE, "traceId", doing)
            span_id = self.id(link.span_id, _SPAN, "spanId", doing)
            if trace_id and span_id:
                yield Link(trace_id, span_id, self.attributes(link.attributes))

    def log(self, log: Any, scope: str) -> Log:
        trace_id = self.id(log.trace_id, _TRACE, "traceId", "a log record")
        span_id = self.id(log.span_id, _SPAN, "spanId", "a log record")
        return log_of(
            trace_id if span_id else 0,
            span_id if trace_id else 0,
            log.time_unix_nano or log.observed_time_unix_nano,
            log.severity_text or severity_name(log.severity_number),
            scope,
            getattr(log, "event_name", ""),  # younger than the rest
            self.value(log.body, MAX_NESTING),
            self.attributes(log.attributes),
        )


def _parent_is_remote(flags: int, kind: str) -> bool:
    if flags & PARENT_IS_KNOWN:
        return bool(flags & PARENT_IS_REMOTE)
    return kind in ("server", "consumer")


def _spans(
    groups: Iterable[tuple[Any, list[tuple[Any, Any]]]], on_problem: OnProblem
) -> Iterator[Span]:
    reader = _Reader(on_problem)
    for group, records in groups:
        resource = reader.attributes(group.resource.attributes)
        for scope, record in records:
            span = reader.span(record, resource, scope.scope.name)
            if span is not None:
                yield span


def _logs(
    groups: Iterable[tuple[Any, list[tuple[Any, Any]]]], on_problem: OnProblem
) -> Iterator[Log]:
    reader = _Reader(on_problem)
    for _, records in groups:
        for scope, record in records:
            yield reader.log(record, scope.scope.name)


def varint(number: int) -> bytes:
    """Return a number as protobuf encodes it, seven bits a byte (Protocol Buffers, "Encoding")."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])
