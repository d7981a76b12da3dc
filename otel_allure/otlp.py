"""OTLP/JSON <-> Span: what the Collector, other SDKs and Jaeger's files say, and understand.

Reading is total: a piece that makes no sense is left out and told, the rest is kept. Beside what
the specification asks for it understands what is met in the wild: snake_case names, ids in base64
(any generic protobuf-to-JSON conversion), enum names, numbers as text or as numbers, the names that
fields had before 2022, the `batches` of Tempo, and lines that are the spans of one resource.

Span has no place for trace state, dropped counts, schema URLs and the version of the scope.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from otel_allure.spans import NOTHING, Attributes, Event, Link, Span

OnProblem = Callable[[str, object], object]
"""Told what was being read and what was wrong with it; `Problems.add` is one."""

MAX_NESTING = 32
"""Levels of arrays and maps in an attribute's value. What is deeper is replaced by `TOO_DEEP`."""

TOO_DEEP = "(nested too deeply)"

_KINDS = ("internal", "internal", "server", "client", "producer", "consumer")
_STATUSES = ("unset", "ok", "error")
_KIND_NAMES = ("unspecified", *_KINDS[1:])
_KIND_NUMBERS = {kind: number for number, kind in enumerate(_KINDS)}
_STATUS_NUMBERS = {status: number for number, status in enumerate(_STATUSES)}

_PARENT_IS_KNOWN = 0x100  # the next bit says something
_PARENT_IS_REMOTE = 0x200

_INT64 = range(-(1 << 63), 1 << 63)
_UINT64 = range(1 << 64)

_OTHER_NAMES = {
    "resourceSpans": ("resource_spans", "batches"),
    "scopeSpans": (
        "scope_spans",
        "instrumentationLibrarySpans",
        "instrumentation_library_spans",
    ),
    "scope": ("instrumentationLibrary", "instrumentation_library"),
    "traceId": ("trace_id",),
    "spanId": ("span_id",),
    "parentSpanId": ("parent_span_id",),
    "startTimeUnixNano": ("start_time_unix_nano",),
    "endTimeUnixNano": ("end_time_unix_nano",),
    "timeUnixNano": ("time_unix_nano",),
    "stringValue": ("string_value",),
    "boolValue": ("bool_value",),
    "intValue": ("int_value",),
    "doubleValue": ("double_value",),
    "arrayValue": ("array_value",),
    "kvlistValue": ("kvlist_value",),
    "bytesValue": ("bytes_value",),
}


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


def to_otlp(spans: Iterable[Span]) -> dict[str, Any]:
    """Return one `ExportTraceServiceRequest` of all spans, for `json.dumps`.

    Resources, their scopes and the spans of these are in order of their first span. A number that
    JSON or 64 bits cannot say is a string, and so is what OTLP has no type for.
    """
    groups: dict[str, dict[str, Any]] = {}
    scopes: dict[tuple[str, str], list[dict[str, Any]]] = {}
    resources = _Resources()
    for span in spans:
        key, attributes = resources.of(span)
        group = groups.setdefault(key, {"resource": {"attributes": attributes}, "scopeSpans": []})
        if (key, span.scope) not in scopes:
            records: list[dict[str, Any]] = []
            scopes[key, span.scope] = records
            group["scopeSpans"].append({"scope": {"name": span.scope}, "spans": records})
        scopes[key, span.scope].append(_span_record(span))
    return {"resourceSpans": list(groups.values())}


# -- reading


class _MalformedError(ValueError):
    """A piece that cannot be understood."""


def _field(record: Mapping[str, Any], name: str) -> Any:
    """Return a field by any of its names, None where it is missing or null."""
    value = record.get(name)
    if value is None:
        for other in _OTHER_NAMES.get(name, ()):
            value = record.get(other)
            if value is not None:
                break
    return value


class _Reader:
    def __init__(self, on_problem: OnProblem) -> None:
        self._on_problem = on_problem

    def spans(self, request: Mapping[str, Any]) -> Iterator[Span]:
        if not isinstance(request, Mapping):
            self._problem("a request", f"{_type(request)} is no object")
        elif _field(request, "scopeSpans") is not None:
            yield from self._of_resource(request)
        else:
            for group in self._records(request, "resourceSpans", "spans of a resource"):
                yield from self._of_resource(group)

    def _of_resource(self, group: Mapping[str, Any]) -> Iterator[Span]:
        resource = self._attributes(self._record(group, "resource", "a resource"))
        for of_scope in self._records(group, "scopeSpans", "spans of a scope"):
            scope = self._text(self._record(of_scope, "scope", "a scope"), "name", "a scope")
            for record in self._records(of_scope, "spans", "a span"):
                span = self._tried("a span", self._span, record, resource, scope)
                if span is not None:
                    yield span

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
        if flags & _PARENT_IS_KNOWN:
            return bool(flags & _PARENT_IS_REMOTE)
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


def _type(value: object) -> str:
    return f"of type {type(value).__name__}"


def _trace_id(record: Mapping[str, Any]) -> int:
    return _id(_field(record, "traceId"), "traceId", 16) or _missing("traceId")


def _span_id(record: Mapping[str, Any]) -> int:
    return _id(_field(record, "spanId"), "spanId", 8) or _missing("spanId")


def _parent_id(record: Mapping[str, Any]) -> int | None:
    return _id(_field(record, "parentSpanId"), "parentSpanId", 8) or None


def _missing(name: str) -> int:
    raise _MalformedError(f"no {name}")


def _id(value: object, name: str, size: int) -> int:
    """Return an id of `size` bytes, 0 if there is none."""
    if value is None or value == "":
        return 0
    if isinstance(value, str):
        if len(value) == 2 * size and set(value) <= _HEX_DIGITS:
            return int(value, 16)
        if value.endswith("="):
            found = _bytes(value)
            if len(found) == size:
                return int.from_bytes(found, "big")
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
    if time_ns not in _UINT64:
        raise _MalformedError(f"{name} is no unsigned number of 64 bits")
    return time_ns


def _flags(record: Mapping[str, Any]) -> int:
    value = _field(record, "flags")
    return 0 if value is None else _int(value)


def _kind(record: Mapping[str, Any]) -> str:
    return _KINDS[_enum(_field(record, "kind"), "SPAN_KIND_", _KIND_NAMES)]


def _status(record: Mapping[str, Any]) -> str:
    return _STATUSES[_enum(_field(record, "code"), "STATUS_CODE_", _STATUSES)]


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


# -- writing


class _Resources:
    """Encodes each resource once: spans of a process share one object."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Attributes, str, list[dict[str, Any]]]] = {}

    def of(self, span: Span) -> tuple[str, list[dict[str, Any]]]:
        """Return what tells the resource of `span` from others, and its attributes."""
        known = self._known.get(id(span.resource))
        if known is None:
            encoded = _key_values(span.resource)
            # The resource is kept too: while it lives, no other has its id.
            known = self._known[id(span.resource)] = span.resource, repr(encoded), encoded
        return known[1], known[2]


def _span_record(span: Span) -> dict[str, Any]:
    record: dict[str, Any] = {
        "traceId": f"{span.trace_id:032x}",
        "spanId": f"{span.span_id:016x}",
        "flags": _PARENT_IS_KNOWN | (_PARENT_IS_REMOTE if span.parent_is_remote else 0),
        "name": span.name,
        "kind": _KIND_NUMBERS.get(span.kind, 0),
        "startTimeUnixNano": str(span.start_ns),
        "attributes": _key_values(span.attributes),
        "events": [
            {
                "timeUnixNano": str(event.time_ns),
                "name": event.name,
                "attributes": _key_values(event.attributes),
            }
            for event in span.events
        ],
        "links": [
            {
                "traceId": f"{link.trace_id:032x}",
                "spanId": f"{link.span_id:016x}",
                "attributes": _key_values(link.attributes),
            }
            for link in span.links
        ],
        "status": {"code": _STATUS_NUMBERS.get(span.status, 0)},
    }
    if span.parent_id is not None:
        record["parentSpanId"] = f"{span.parent_id:016x}"
    if span.end_ns is not None:
        record["endTimeUnixNano"] = str(span.end_ns)
    if span.status_message:
        record["status"]["message"] = span.status_message
    return record


def _key_values(attributes: Mapping[str, Any], levels: int = MAX_NESTING) -> list[dict[str, Any]]:
    return [
        {"key": str(key), "value": _any_value(value, levels)} for key, value in attributes.items()
    ]


def _any_value(value: Any, levels: int = MAX_NESTING) -> dict[str, Any]:
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        digits = str(int(value))
        return {"intValue": digits} if int(value) in _INT64 else {"stringValue": digits}
    if isinstance(value, float):
        return {"doubleValue": value if math.isfinite(value) else _NOT_FINITE[str(float(value))]}
    if value is None:
        return {}
    if isinstance(value, bytes):
        return {"bytesValue": base64.b64encode(value).decode()}
    if isinstance(value, (list, tuple, Mapping)) and levels == 0:
        return {"stringValue": TOO_DEEP}
    if isinstance(value, Mapping):
        return {"kvlistValue": {"values": _key_values(value, levels - 1)}}
    if isinstance(value, (list, tuple)):
        return {"arrayValue": {"values": [_any_value(entry, levels - 1) for entry in value]}}
    return {"stringValue": str(value)}


_NOT_FINITE = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
