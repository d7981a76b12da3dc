"""OTLP/JSON -> Span and Log: what the Collector, other SDKs, Jaeger and Tempo say.

Reading is total: a piece that makes no sense is left out and told, the rest is kept. Beside what
the specification asks for it understands what is met in the wild: snake_case names, ids in base64
(any generic protobuf-to-JSON conversion), enum names, numbers as text or as numbers, the names that
fields had before 2022, the `batches` of Tempo, and lines that are the spans of one resource.

Span has no place for trace state, dropped counts, schema URLs and the version of the scope.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from otel_allure.formats.otlp_schema import (
    KIND_NAMES,
    KINDS,
    MAX_NESTING,
    OTHER_NAMES,
    PARENT_IS_KNOWN,
    PARENT_IS_REMOTE,
    STATUSES,
    TOO_DEEP,
    UINT64,
    severity_name,
)
from otel_allure.model.spans import NOTHING, Attributes, Event, Link, Log, Span
from otel_allure.presentation.values import as_text

OnProblem = Callable[[str, object], object]
"""Told what was being read and what was wrong with it; `Diagnostics.add` is one."""


def from_otlp(
    request: Mapping[str, Any], on_problem: OnProblem = lambda doing, detail: None
) -> Iterator[Span]:
    """Yield the spans of one `ExportTraceServiceRequest`, as `json.loads` returns it.

    So it does for a line of the Collector's file exporter, a file made for Jaeger's upload, and
    for `google.protobuf.json_format.MessageToDict` of a protobuf request. Logs and metrics are
    no spans and no problem.

    - A span without a valid trace id and span id is left out; of the others only what makes no
      sense is (an attribute, event, link, parent id), or becomes the default.
    - Arrays become tuples. An unspecified kind is `internal`, an end at 0 is no end, and a start
      that is missing is the end.
    - Where the flags do not tell whether the parent is remote, that of a `server` or `consumer` is.

    Args:
        request: nothing of it is trusted.
        on_problem: called with `reading a span` (or an attribute, ...) and the reason, which does
            not quote values. By default nobody is told.
    """
    return _Reader(on_problem).spans(request)


def logs_from_otlp(
    request: Mapping[str, Any], on_problem: OnProblem = lambda doing, detail: None
) -> Iterator[Log]:
    """Yield the log records of one `ExportLogsServiceRequest`; see `from_otlp`.

    A record without ids, or with invalid ones, belongs to no span.
    """
    return _Reader(on_problem).logs(request)


def count_metrics(request: Mapping[str, Any]) -> int:
    """Return the number of metrics in one `ExportMetricsServiceRequest`."""
    reader = _Reader(lambda doing, detail: None)
    return sum(1 for _ in reader.metrics(request))


# -- reading


class _MalformedError(ValueError):
    """A piece that cannot be understood."""


def _field(record: Mapping[str, Any], name: str) -> Any:
    """Return a field by any of its names, None where it is missing or null."""
    value = record.get(name)
    if value is None:
        for other in OTHER_NAMES.get(name, ()):
            value = record.get(other)
            if value is not None:
                break
    return value


class _Reader:
    def __init__(self, on_problem: OnProblem) -> None:
        self._on_problem = on_problem

    def spans(self, request: Mapping[str, Any]) -> Iterator[Span]:
        for record, resource, scope in self._signals(request, "Spans", "spans", "a span"):
            span = self._tried("a span", self._span, record, resource, scope)
            if span is not None:
                yield span

    def logs(self, request: Mapping[str, Any]) -> Iterator[Log]:
        for record, _, scope in self._signals(request, "Logs", "logRecords", "a log record"):
            yield self._log(record, scope)

    def metrics(self, request: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        for record, _, _ in self._signals(request, "Metrics", "metrics", "a metric"):
            yield record

    def _signals(
        self, request: Mapping[str, Any], signal: str, name: str, doing: str
    ) -> Iterator[tuple[Mapping[str, Any], Attributes, str]]:
        """Yield the records of a signal, each with its resource and the name of its scope."""
        if not isinstance(request, Mapping):
            self._problem("a request", f"{_type(request)} is no object")
            return
        groups: Iterable[Mapping[str, Any]] = (request,)  # a line may be those of one resource
        if _field(request, f"scope{signal}") is None:
            what = f"{name} of a resource"
            groups = self._records(request, f"resource{signal}", what)
        for group in groups:
            resource = self._attributes(self._record(group, "resource", "a resource"))
            for of_scope in self._records(group, f"scope{signal}", f"{name} of a scope"):
                scope = self._text(self._record(of_scope, "scope", "a scope"), "name", "a scope")
                for record in self._records(of_scope, name, doing):
                    yield record, resource, scope

    def _log(self, record: Mapping[str, Any], scope: str) -> Log:
        doing = "a log record"
        trace_id = self._tried(doing, _optional_id, record, "traceId", 16) or 0
        span_id = self._tried(doing, _optional_id, record, "spanId", 8) or 0
        times = (
            self._tried(doing, _time, record, name)
            for name in ("timeUnixNano", "observedTimeUnixNano")
        )
        body = self._tried(doing, self._value, _field(record, "body"), MAX_NESTING)
        return log_of(
            trace_id if span_id else 0,
            span_id if trace_id else 0,
            next(filter(None, times), 0),
            self._text(record, "severityText", doing)
            or self._tried(doing, _severity, record)
            or "",
            scope,
            self._text(record, "eventName", doing),
            body,
            self._attributes(record),
        )

    def _span(self, record: Mapping[str, Any], resource: Attributes, scope: str) -> Span:
        trace_id, span_id = _trace_id(record), _span_id(record)
        parent_id = self._tried("the id of a parent", _parent_id, record)
        end_ns = self._tried("the end of a span", _time, record, "endTimeUnixNano") or None
        start_ns = self._tried("the start of a span", _time, record, "startTimeUnixNano")
        if start_ns is None:
            start_ns = end_ns or 0
        kind = self._tried("the kind of a span", _kind, record) or "internal"
        status = self._record(record, "status", "the status of a span")
        return Span(
            trace_id,
            span_id,
            parent_id,
            parent_id is not None and self._parent_is_remote(record, kind),
            self._text(record, "name", "the name of a span"),
            kind,
            start_ns,
            end_ns,
            self._tried("the status of a span", _status, status) or "unset",
            self._text(status, "message", "the status of a span"),
            self._attributes(record),
            tuple(
                self._event(event, start_ns)
                for event in self._records(record, "events", "an event of a span")
            ),
            tuple(self._links(record)),
            scope,
            resource,
        )

    def _parent_is_remote(self, record: Mapping[str, Any], kind: str) -> bool:
        flags = self._tried("the flags of a span", _flags, record) or 0
        if flags & PARENT_IS_KNOWN:
            return bool(flags & PARENT_IS_REMOTE)
        return kind in ("server", "consumer")

    def _event(self, record: Mapping[str, Any], default_ns: int) -> Event:
        doing = "an event of a span"
        time_ns = self._tried(doing, _time, record, "timeUnixNano")
        return Event(
            self._text(record, "name", doing),
            default_ns if time_ns is None else time_ns,
            self._attributes(record),
        )

    def _links(self, span: Mapping[str, Any]) -> Iterator[Link]:
        doing = "a link of a span"
        for record in self._records(span, "links", doing):
            trace_id = self._tried(doing, _trace_id, record)
            span_id = self._tried(doing, _span_id, record)
            if trace_id and span_id:
                yield Link(trace_id, span_id, self._attributes(record))

    def _attributes(self, record: Mapping[str, Any]) -> Attributes:
        doing = "an attribute"
        found = {}
        for entry in self._records(record, "attributes", doing):
            key = self._text(entry, "key", doing)
            try:
                found[key] = self._value(_field(entry, "value"), MAX_NESTING)
            except _MalformedError as error:
                self._problem(doing, f"{key[:80]}: {error}")
        return found

    def _value(self, value: Any, levels: int) -> Any:
        """Return what an `AnyValue` says."""
        if value is None:
            return None
        if not isinstance(value, Mapping):
            raise _MalformedError(f"{_type(value)} is no AnyValue")
        for name, read in _SCALARS.items():
            scalar = _field(value, name)
            if scalar is not None:
                return read(scalar)
        for name, fill in (("arrayValue", self._array), ("kvlistValue", self._map)):
            nested = _field(value, name)
            if nested is None:
                continue
            if levels == 0:
                self._problem("an attribute", TOO_DEEP)
                return TOO_DEEP
            if not isinstance(nested, Mapping):
                raise _MalformedError(f"{name} is {_type(nested)}")
            return fill(nested, levels - 1)
        if any(field is not None for field in value.values()):
            raise _MalformedError(f"a value of no known type: {', '.join(map(str, value))[:80]}")
        return None

    def _array(self, record: Mapping[str, Any], levels: int) -> tuple[Any, ...]:
        values = _field(record, "values")
        if not isinstance(values, (list, tuple, type(None))):
            raise _MalformedError(f"values are {_type(values)}")
        return tuple(self._value(value, levels) for value in values or ())

    def _map(self, record: Mapping[str, Any], levels: int) -> dict[str, Any]:
        return {
            self._text(entry, "key", "an attribute"): self._value(_field(entry, "value"), levels)
            for entry in self._records(record, "values", "an attribute")
        }

    # -- pieces; what is wrong with one is told, and it is taken as missing

    def _problem(self, doing: str, detail: object) -> None:
        self._on_problem(f"reading {doing} from OTLP", detail)

    def _tried(self, doing: str, read: Callable[..., Any], *args: Any) -> Any:
        try:
            return read(*args)
        except _MalformedError as error:
            self._problem(doing, error)
            return None

    def _records(
        self, record: Mapping[str, Any], name: str, doing: str
    ) -> Iterator[Mapping[str, Any]]:
        found = _field(record, name)
        if not isinstance(found, (list, tuple, type(None))):
            self._problem(doing, f"{name} is {_type(found)}, not an array")
            return
        for entry in found or ():
            if isinstance(entry, Mapping):
                yield entry
            else:
                self._problem(doing, f"{_type(entry)} is no object")

    def _record(self, record: Mapping[str, Any], name: str, doing: str) -> Mapping[str, Any]:
        found = _field(record, name)
        if isinstance(found, Mapping):
            return found
        if found is not None:
            self._problem(doing, f"{name} is {_type(found)}, not an object")
        return NOTHING

    def _text(self, record: Mapping[str, Any], name: str, doing: str) -> str:
        found = _field(record, name)
        if isinstance(found, str):
            return found
        if found is not None:
            self._problem(doing, f"{name} is {_type(found)}, not a string")
        return ""


def log_of(
    trace_id: int,
    span_id: int,
    time_ns: int,
    level: str,
    scope: str,
    event: str,
    body: Any,
    attributes: Attributes,
) -> Log:
    """Return a log record, whose text is the event's name and the body."""
    texts = (event, "" if body is None else as_text(body))
    text = " ".join(filter(None, texts))
    return Log(trace_id, span_id, time_ns, level, scope, text, attributes)


def _type(value: object) -> str:
    return f"of type {type(value).__name__}"


def _trace_id(record: Mapping[str, Any]) -> int:
    return _id(_field(record, "traceId"), "traceId", 16) or _missing("traceId")


def _span_id(record: Mapping[str, Any]) -> int:
    return _id(_field(record, "spanId"), "spanId", 8) or _missing("spanId")


def _parent_id(record: Mapping[str, Any]) -> int | None:
    return _id(_field(record, "parentSpanId"), "parentSpanId", 8) or None


def _optional_id(record: Mapping[str, Any], name: str, size: int) -> int:
    return _id(_field(record, name), name, size)


def _missing(name: str) -> int:
    raise _MalformedError(f"no {name}")


def _id(value: object, name: str, size: int) -> int:
    """Return an id of `size` bytes, 0 if there is none."""
    if value is None or value == "":
        return 0
    if isinstance(value, str):
        if len(value) == 2 * size and set(value) <= _HEX_DIGITS:
            return int(value, 16)
        # Without padding and with hexadecimal digits alone, it is an id that is too short.
        if len(value.rstrip("=")) == -(-8 * size // 6) and not set(value) <= _HEX_DIGITS:
            return int.from_bytes(_bytes(value), "big")
    raise _MalformedError(f"{name} is not {2 * size} hexadecimal digits")


_HEX_DIGITS = frozenset("0123456789abcdefABCDEF")
_URL_SAFE = str.maketrans("-_", "+/")


def _bytes(value: object) -> bytes:
    if isinstance(value, str):
        digits = value.rstrip("=").translate(_URL_SAFE)
        try:
            return base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True)
        except (binascii.Error, ValueError):
            pass
    raise _MalformedError(f"{_type(value)} is no base64")


def _time(record: Mapping[str, Any], name: str) -> int | None:
    value = _field(record, name)
    if value is None or value == "":
        return None
    time_ns = _int(value)
    if time_ns not in UINT64:
        raise _MalformedError(f"{name} is no unsigned number of 64 bits")
    return time_ns


def _flags(record: Mapping[str, Any]) -> int:
    value = _field(record, "flags")
    return 0 if value is None else _int(value)


def _kind(record: Mapping[str, Any]) -> str:
    return KINDS[_enum(_field(record, "kind"), "SPAN_KIND_", KIND_NAMES)]


def _severity(record: Mapping[str, Any]) -> str:
    value = _field(record, "severityNumber")
    if isinstance(value, str) and value.startswith("SEVERITY_NUMBER_"):
        return value.removeprefix("SEVERITY_NUMBER_")
    return severity_name(0 if value is None else _int(value))


def _status(record: Mapping[str, Any]) -> str:
    return STATUSES[_enum(_field(record, "code"), "STATUS_CODE_", STATUSES)]


def _enum(value: object, prefix: str, names: tuple[str, ...]) -> int:
    """Return the number of a member, which is given as a number or by its name."""
    if value is None or value == "":
        return 0
    if isinstance(value, str):
        name = value.upper().removeprefix(prefix).lower()
        if name in names:
            return names.index(name)
    number = _int(value)
    if number not in range(len(names)):
        raise _MalformedError(f"no {prefix.lower().rstrip('_')} {number}")
    return number


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise _MalformedError(f"stringValue is {_type(value)}")
    return value


def _bool(value: object) -> bool:
    if not isinstance(value, bool):
        raise _MalformedError(f"boolValue is {_type(value)}")
    return value


def _int(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise _MalformedError(f"{_type(value)} is no integer")
    try:
        number = int(value)
    except (ValueError, OverflowError):  # text, infinity, more digits than Python converts
        raise _MalformedError(f"{_type(value)} is no integer") from None
    if number != value and isinstance(value, float):
        raise _MalformedError("a fraction is no integer")
    return number


def _float(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise _MalformedError(f"{_type(value)} is no number")
    try:
        return float(value)  # it knows NaN, Infinity and -Infinity
    except (ValueError, OverflowError):
        raise _MalformedError(f"{_type(value)} is no number") from None


_SCALARS: dict[str, Callable[[Any], Any]] = {
    "stringValue": _string,
    "intValue": _int,
    "boolValue": _bool,
    "doubleValue": _float,
    "bytesValue": _bytes,
}
