"""OTLP/JSON <-> Span: the SDK's own converter is the reference, and nothing in a file can hurt."""

from __future__ import annotations

import base64
import contextlib
import copy
import json
import re
from enum import IntEnum
from pathlib import Path

import pytest
from google.protobuf.json_format import MessageToDict, ParseDict
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_allure.formats.otlp_protobuf import (
    MalformedMessageError,
    logs_from_protobuf,
    spans_from_protobuf,
)
from otel_allure.formats.otlp_reader import from_otlp
from otel_allure.formats.otlp_schema import MAX_NESTING, TOO_DEEP
from otel_allure.formats.otlp_writer import to_otlp
from otel_allure.formats.sdk import from_sdk
from otel_allure.model.settings import Settings
from otel_allure.model.spans import Event, Link, Span
from otel_allure.output.to_json import plain
from otel_allure.presentation.presentation import Presentation
from otel_allure.testing.results import steps, tree
from otel_allure.testing.spans import TRACE_ID, build_span
from otel_allure.translation.to_results import to_results

from .recorded import RECORDINGS, cases, read_jsonl

CHECKOUT = Path(__file__).parent / "data" / "otlp" / "checkout-js.jsonl"
FULL = Span(
    trace_id=TRACE_ID,
    span_id=2,
    parent_id=1,
    parent_is_remote=True,
    name="GET /items",
    kind="server",
    start_ns=1_000,
    end_ns=3_000,
    status="error",
    status_message="no",
    attributes={
        "text": "a",
        "numbers": (1, 2.5),
        "map": {"is": True},
        "bytes": b"\xff",
        "no": None,
    },
    events=(Event("exception", 2_000, {"exception.type": "E"}),),
    links=(Link(3, 4, {"why": "because"}),),
    scope="library",
    resource={"service.name": "shop"},
)


def read(request: object) -> tuple[list[Span], list[str]]:
    """Return the spans of a request, and the problems with it."""
    diagnostics: list[str] = []
    request = json.loads(json.dumps(request))
    spans = list(from_otlp(request, lambda doing, detail: diagnostics.append(f"{doing}: {detail}")))
    return spans, diagnostics


def request_of(*records: object) -> dict:
    return {"resourceSpans": [{"scopeSpans": [{"scope": {"name": "s"}, "spans": list(records)}]}]}


def record(**changes: object) -> dict:
    """Return the smallest record of a span, changed; a change to `...` leaves a field out."""
    fields = {"traceId": f"{1:032x}", "spanId": f"{2:016x}", "startTimeUnixNano": "5", **changes}
    return {name: value for name, value in fields.items() if value is not ...}


# -- round trip

values = st.recursive(
    st.none()
    | st.booleans()
    | st.text()
    | st.integers(-(1 << 63), (1 << 63) - 1)
    | st.floats(allow_nan=False)
    | st.binary(),
    lambda inner: st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
attributes = st.dictionaries(st.text(), values, max_size=3)
trace_ids = st.integers(1, (1 << 128) - 1)
span_ids = st.integers(1, (1 << 64) - 1)
times = st.integers(0, (1 << 64) - 1)
spans = st.builds(
    Span,
    trace_id=trace_ids,
    span_id=span_ids,
    parent_id=span_ids,
    parent_is_remote=st.booleans(),
    name=st.text(),
    kind=st.sampled_from(["internal", "server", "client", "producer", "consumer"]),
    start_ns=times,
    end_ns=st.none() | times.filter(bool),
    status=st.sampled_from(["unset", "ok", "error"]),
    status_message=st.text(),
    attributes=attributes,
    events=st.lists(st.builds(Event, st.text(), times, attributes), max_size=2).map(tuple),
    links=st.lists(st.builds(Link, trace_ids, span_ids, attributes), max_size=2).map(tuple),
    scope=st.sampled_from(["", "a", "b"]),
    resource=st.sampled_from([{}, {"service.name": "a"}, {"service.name": "b"}]),
) | st.builds(build_span, st.text(), span_ids, start_ns=times.filter(lambda t: t < 1 << 62))


@given(st.lists(spans, max_size=3))
def test_what_is_written_is_read(spans: list[Span]):
    found, diagnostics = read(to_otlp(spans))
    # Types matter (1 == True == 1.0), and build_span's maps are proxies.
    assert sorted(map(as_text, found)) == sorted(map(as_text, spans))
    assert not diagnostics


def as_text(span: Span) -> str:
    return repr(span._replace(attributes=dict(span.attributes), resource=dict(span.resource)))


def test_grouped_by_resource_and_scope():
    a, b = {"service.name": "a"}, {"service.name": "b"}
    which = [(a, "x"), (b, "x"), (dict(a), "y"), (a, "x")]
    spans = [build_span(str(n), n, resource=r, scope=s) for n, (r, s) in enumerate(which, 1)]
    groups = [
        {s["scope"]["name"]: [span["name"] for span in s["spans"]] for s in group["scopeSpans"]}
        for group in to_otlp(spans)["resourceSpans"]
    ]
    assert groups == [{"x": ["1", "4"], "y": ["3"]}, {"x": ["2"]}]
    assert [span.name for span in read(to_otlp(spans))[0]] == ["1", "4", "3", "2"]


class Number(IntEnum):
    SEVEN = 7


class Odd:
    def __str__(self) -> str:
        return "odd"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (["a"], ("a",)),
        (float("inf"), float("inf")),
        (float("-inf"), float("-inf")),
        (1 << 63, "9223372036854775808"),
        (-(1 << 63), -(1 << 63)),
        (Number.SEVEN, 7),
        (Odd(), "odd"),
        ({1: 2}, {"1": 2}),
    ],
)
def test_values_that_json_does_not_know(value: object, expected: object):
    written = to_otlp([build_span("", 1, attributes={"a": value})])
    (found,), _ = read(written)
    assert found.attributes == {"a": expected}
    assert json.dumps(written, allow_nan=False)


def test_not_a_number():
    written = to_otlp([build_span("", 1, attributes={"a": float("nan")})])
    (found,), _ = read(written)
    assert repr(found.attributes["a"]) == "nan"
    assert json.dumps(written, allow_nan=False)


def test_numbers_of_64_bits_are_text():
    """JavaScript's numbers have 53."""
    written = record_of(FULL)
    numbers = written["startTimeUnixNano"], written["endTimeUnixNano"]
    assert (*numbers, written["events"][0]["timeUnixNano"]) == ("1000", "3000", "2000")
    assert json.dumps(written["attributes"]).count('{"intValue": "1"}') == 1


def record_of(span: Span) -> dict:
    return to_otlp([span])["resourceSpans"][0]["scopeSpans"][0]["spans"][0]


@pytest.mark.parametrize("levels", [MAX_NESTING, MAX_NESTING + 1, 150])
def test_nesting_is_bounded_for_readers_too(levels: int):
    value: object = {"stringValue": "end"}
    for level in range(levels):
        entry = {"key": "k", "value": value}
        deeper = {"kvlistValue": {"values": [entry]}}
        value = deeper if level % 2 else {"arrayValue": {"values": [value]}}
    (span,), diagnostics = read(request_of(record(attributes=[{"key": "a", "value": value}])))
    assert (TOO_DEEP in str(span.attributes)) == bool(diagnostics) == (levels > MAX_NESTING)


@pytest.mark.parametrize("levels", [MAX_NESTING, MAX_NESTING + 1, 100_000])
def test_nesting_is_bounded(levels: int):
    value: object = "end"
    for _ in range(levels):
        value = [value]
    (found,), diagnostics = read(to_otlp([build_span("", 1, attributes={"a": value})]))
    value = found.attributes["a"]
    while isinstance(value, tuple):
        (value,) = value
    assert value == ("end" if levels <= MAX_NESTING else TOO_DEEP)
    assert not diagnostics


# -- what is understood


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"traceId": "AB" * 16}, {"trace_id": 0xABABABABABABABABABABABABABABABAB}),
        ({"traceId": "AAAAAAAAAAAAAAAAAAAABw=="}, {"trace_id": 7}),
        ({"spanId": "AAAAAAAAAAc="}, {"span_id": 7}),
        ({"parentSpanId": f"{7:016x}"}, {"parent_id": 7}),
        ({"parentSpanId": ""}, {"parent_id": None}),
        ({"parentSpanId": "0" * 16}, {"parent_id": None}),
        ({"startTimeUnixNano": 7}, {"start_ns": 7}),
        ({"startTimeUnixNano": 1.7e18}, {"start_ns": 1_700_000_000_000_000_000}),
        ({"startTimeUnixNano": ..., "endTimeUnixNano": "7"}, {"start_ns": 7, "end_ns": 7}),
        ({"startTimeUnixNano": ...}, {"start_ns": 0, "end_ns": None}),
        ({"endTimeUnixNano": "0"}, {"end_ns": None}),
        ({"kind": 0}, {"kind": "internal"}),
        ({"kind": 3}, {"kind": "client"}),
        ({"kind": "3"}, {"kind": "client"}),
        ({"kind": "SPAN_KIND_CLIENT"}, {"kind": "client"}),
        ({"kind": "SPAN_KIND_UNSPECIFIED"}, {"kind": "internal"}),
        ({"kind": "Server"}, {"kind": "server"}),
        ({"status": {}}, {"status": "unset"}),
        ({"status": {"code": 2, "message": "no"}}, {"status": "error", "status_message": "no"}),
        ({"status": {"code": "STATUS_CODE_OK"}}, {"status": "ok"}),
        ({"attributes": None, "events": None, "links": None}, {"attributes": {}, "events": ()}),
        ({"events": [{"name": "e"}]}, {"events": (Event("e", 5, {}),)}),
        ({"events": [{"name": "e", "timeUnixNano": 6}]}, {"events": (Event("e", 6, {}),)}),
        ({"unknown": [{}]}, {"span_id": 2}),
    ],
)
def test_a_field_is_understood(changes: dict, expected: dict):
    (span,), diagnostics = read(request_of(record(**changes)))
    assert {name: getattr(span, name) for name in expected} == expected
    assert not diagnostics


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"stringValue": ""}, ""),
        ({"intValue": "-7"}, -7),
        ({"intValue": 7}, 7),
        ({"intValue": 7.0}, 7),
        ({"doubleValue": 1}, 1.0),
        ({"doubleValue": "-Infinity"}, float("-inf")),
        ({"doubleValue": "2.5"}, 2.5),
        ({"boolValue": False}, False),
        ({"bytesValue": "_w"}, b"\xff"),
        ({"bytesValue": ""}, b""),
        ({}, None),
        (None, None),
        ({"arrayValue": {}}, ()),
        ({"arrayValue": {"values": [{"intValue": 1}, {}]}}, (1, None)),
        ({"arrayValue": {"values": [{"arrayValue": {}}]}}, ((),)),
        ({"kvlistValue": {"values": [{"key": "a", "value": {"boolValue": True}}]}}, {"a": True}),
    ],
)
def test_a_value_is_understood(value: object, expected: object):
    spans, diagnostics = read(request_of(record(attributes=[{"key": "k", "value": value}])))
    found = spans[0].attributes["k"]
    assert (found, type(found)) == (expected, type(expected))
    assert not diagnostics


@pytest.mark.parametrize(
    ("flags", "kind", "remote"),
    [
        (0x301, "client", True),
        (0x300, "client", True),
        (0x100, "server", False),
        ("257", "server", False),
        (0x200, "client", False),
        (1, "server", True),
        (None, "consumer", True),
        (None, "internal", False),
    ],
)
def test_whether_the_parent_is_remote(flags: object, kind: str, remote: bool):
    known = {"parentSpanId": f"{1:016x}", "flags": flags, "kind": kind}
    (span,), diagnostics = read(request_of(record(**known)))
    assert span.parent_is_remote is remote
    assert not diagnostics
    (root,), _ = read(request_of(record(**known | {"parentSpanId": ""})))
    assert not root.parent_is_remote


@pytest.mark.parametrize(
    "request_",
    [
        request_of(record()),
        {"batches": request_of(record())["resourceSpans"]},
        request_of(record())["resourceSpans"][0],
        {
            "resourceSpans": [
                {
                    "instrumentationLibrarySpans": [
                        {"instrumentationLibrary": {"name": "s"}, "spans": [record()]}
                    ]
                }
            ]
        },
    ],
)
def test_a_request_is_understood(request_: dict):
    (span,), diagnostics = read(request_)
    assert (span.span_id, span.scope) == (2, "s")
    assert not diagnostics


@pytest.mark.parametrize("request_", [{}, {"resourceSpans": []}, {"resourceLogs": [{"a": 1}]}])
def test_a_request_without_spans_is_no_problem(request_: dict):
    assert read(request_) == ([], [])


def test_names_in_snake_case_are_understood():
    assert read(in_snake_case(to_otlp([FULL]))) == ([FULL], [])


def in_snake_case(item: object) -> object:
    if isinstance(item, list):
        return [in_snake_case(entry) for entry in item]
    if not isinstance(item, dict):
        return item
    return {re.sub("[A-Z]", r"_\g<0>", k).lower(): in_snake_case(v) for k, v in item.items()}


# -- what is not


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"traceId": ...}, "a span from OTLP: no traceId"),
        ({"spanId": "0" * 16}, "a span from OTLP: no spanId"),
        ({"spanId": 7}, "a span from OTLP: spanId is not 16 hexadecimal digits"),
        ({"traceId": "0x" + "1" * 30}, "a span from OTLP: traceId is not 32 hexadecimal digits"),
        ({"traceId": " " * 32}, "a span from OTLP: traceId is not 32 hexadecimal digits"),
        ({"traceId": "AAAAAAAAAAc="}, "a span from OTLP: traceId is not 32 hexadecimal digits"),
    ],
)
def test_a_span_without_ids_is_left_out(changes: dict, problem: str):
    good = record(spanId=f"{9:016x}")
    spans, diagnostics = read(request_of(record(**changes), good))
    assert [span.span_id for span in spans] == [9]
    assert diagnostics == [f"reading {problem}"]


@pytest.mark.parametrize(
    ("changes", "expected", "problem"),
    [
        ({"name": 7}, {"name": ""}, "the name of a span"),
        ({"parentSpanId": "x"}, {"parent_id": None}, "the id of a parent"),
        ({"startTimeUnixNano": "soon"}, {"start_ns": 0}, "the start of a span"),
        ({"startTimeUnixNano": -1}, {"start_ns": 0}, "the start of a span"),
        ({"startTimeUnixNano": True}, {"start_ns": 0}, "the start of a span"),
        ({"startTimeUnixNano": float("inf")}, {"start_ns": 0}, "the start of a span"),
        ({"endTimeUnixNano": 1 << 64}, {"end_ns": None}, "the end of a span"),
        ({"endTimeUnixNano": "1" * 5000}, {"end_ns": None}, "the end of a span"),
        ({"endTimeUnixNano": 0.5}, {"end_ns": None}, "the end of a span"),
        ({"kind": 9}, {"kind": "internal"}, "the kind of a span"),
        ({"kind": "SPAN_KIND_NEW"}, {"kind": "internal"}, "the kind of a span"),
        ({"kind": []}, {"kind": "internal"}, "the kind of a span"),
        ({"status": 2}, {"status": "unset"}, "the status of a span"),
        ({"status": {"code": -1}}, {"status": "unset"}, "the status of a span"),
        ({"flags": "x", "parentSpanId": f"{1:016x}"}, {"parent_id": 1}, "the flags of a span"),
        ({"attributes": {"a": 1}}, {"attributes": {}}, "an attribute"),
        ({"attributes": ["a"]}, {"attributes": {}}, "an attribute"),
        ({"events": [1, {"name": "e"}]}, {"events": (Event("e", 5, {}),)}, "an event of a span"),
        ({"links": [{"traceId": "1"}]}, {"links": ()}, "a link of a span"),
    ],
)
def test_what_makes_no_sense_is_left_out_of_its_span(changes: dict, expected: dict, problem: str):
    (span,), diagnostics = read(request_of(record(**changes)))
    assert {name: getattr(span, name) for name in expected} == expected
    assert diagnostics
    assert all(text.startswith(f"reading {problem} from OTLP: ") for text in diagnostics)


@pytest.mark.parametrize(
    "value",
    [
        "bare",
        {"stringValue": 7},
        {"intValue": "seven"},
        {"intValue": 1.5},
        {"intValue": True},
        {"doubleValue": "much"},
        {"doubleValue": []},
        {"boolValue": "true"},
        {"bytesValue": "?"},
        {"bytesValue": 7},
        {"arrayValue": []},
        {"arrayValue": {"values": {}}},
        {"kvlistValue": 7},
        {"newValue": 7},
    ],
)
def test_a_value_that_makes_no_sense_is_left_out(value: object):
    good = {"key": "good", "value": {"stringValue": "yes"}}
    (span,), diagnostics = read(
        request_of(record(attributes=[{"key": "bad", "value": value}, good]))
    )
    assert span.attributes == {"good": "yes"}
    assert len(diagnostics) == 1
    assert diagnostics[0].startswith("reading an attribute from OTLP: bad: ")


def test_problems_do_not_quote_values():
    """They are told in the terminal, where secrets do not belong."""
    secret = "s3cret"
    changes = {"traceId": secret, "kind": secret, "name": [secret], "flags": secret}
    values = [{"intValue": secret}, {"bytesValue": secret + "?"}, secret, {"boolValue": secret}]
    attributes = [{"key": "k", "value": value} for value in values]
    _, diagnostics = read(request_of(record(**changes), record(attributes=attributes, kind=secret)))
    assert len(diagnostics) >= 5
    assert secret not in str(diagnostics)


@pytest.mark.parametrize("request_", [None, [], "text", 7, {"resourceSpans": 7}, {"batches": [7]}])
def test_what_is_no_request_is_one_problem(request_: object):
    spans, diagnostics = read(request_)
    assert not spans
    assert len(diagnostics) == 1


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=20), inner),
    max_leaves=5,
)


@given(st.data())
def test_anything_anywhere_costs_no_other_span(data: st.DataObject):
    spans = [FULL._replace(span_id=n) for n in (1, 2, 3)]
    request = to_otlp(spans)
    of_scope = request["resourceSpans"][0]["scopeSpans"][0]["spans"]
    spoil(of_scope[1], data)
    found, _ = read(request)
    assert [span for span in found if span.span_id != 2] == [spans[0], spans[2]]


@given(st.data())
def test_anything_anywhere_raises_nothing(data: st.DataObject):
    request = copy.deepcopy(to_otlp([FULL]))
    spoil(request, data)
    read(request)


def spoil(item: object, data: st.DataObject) -> None:
    """Replace something in `item`, at any depth, by something else."""
    while True:
        keys = list(item) if isinstance(item, dict) else list(range(len(item)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(item[key], (dict, list)) or not item[key] or data.draw(st.booleans()):
            item[key] = data.draw(junk)
            return
        item = item[key]


# -- the SDK's own converter


@pytest.fixture(scope="module")
def sdk_spans():
    exporter = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({"service.name": "shop", "ports": [1, 2]}))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("library", "1.0")
    remote = trace.SpanContext(TRACE_ID, 7, is_remote=True, trace_flags=trace.TraceFlags(1))
    context = trace.set_span_in_context(trace.NonRecordingSpan(remote))
    values = {"s": "a", "i": -1, "f": 0.5, "b": True, "l": ["a", "b"], "y": b"\x00\xff"}
    with tracer.start_as_current_span("parent", context, trace.SpanKind.SERVER, values):
        for kind in trace.SpanKind:
            link = trace.Link(remote, {"why": "because"})
            with tracer.start_as_current_span(kind.name, kind=kind, links=[link]) as span:
                span.add_event("event", values)
    with pytest.raises(RuntimeError), tracer.start_as_current_span("root"):
        raise RuntimeError("no")
    with tracer.start_as_current_span("fine") as span:
        span.set_status(trace.StatusCode.OK)
    return exporter.get_finished_spans()


def test_spans_of_the_sdk_over_protobuf(sdk_spans):
    """`MessageToDict` says ids in base64, enums by name and 64 bits as text."""
    found, diagnostics = read(MessageToDict(encode_spans(sdk_spans)))
    expected = [plain_data(from_sdk(span)) for span in sdk_spans]
    assert sorted(map(repr, found)) == sorted(map(repr, expected))
    assert not diagnostics


@given(data=st.data())
def test_bytes_of_protobuf_that_are_spoilt(sdk_spans, data: st.DataObject):
    """They are a message with other content, or said to be none; nothing else is raised."""
    whole = encode_spans(sdk_spans).SerializeToString()
    spoilt = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(whole)))
        end = start + data.draw(st.integers(0, 8))
        spoilt[start:end] = data.draw(st.binary(max_size=8))
    with contextlib.suppress(MalformedMessageError):
        found = list(spans_from_protobuf(bytes(spoilt), lambda *_: None))
        assert len(found) <= 2 * len(sdk_spans)
        to_results(found, Presentation(Settings()))


@given(st.binary(max_size=200))
def test_any_bytes_as_protobuf(data: bytes):
    with contextlib.suppress(MalformedMessageError):
        list(spans_from_protobuf(data, lambda *_: None))
        list(logs_from_protobuf(data, lambda *_: None))


def plain_data(span: Span) -> Span:
    """Return the span with dicts for the SDK's maps."""
    return span._replace(
        attributes=dict(span.attributes),
        resource=dict(span.resource),
        events=tuple(event._replace(attributes=dict(event.attributes)) for event in span.events),
        links=tuple(link._replace(attributes=dict(link.attributes)) for link in span.links),
    )


def test_our_json_is_the_message_of_the_sdk(sdk_spans):
    ours = ParseDict(ids_as_base64(to_otlp(map(from_sdk, sdk_spans))), ExportTraceServiceRequest())
    expected = ExportTraceServiceRequest.FromString(encode_spans(sdk_spans).SerializeToString())
    for group in expected.resource_spans:
        for of_scope in group.scope_spans:
            of_scope.scope.ClearField("version")
            for span in of_scope.spans:
                span.flags &= 0x300  # Span does not know whether it was sampled
                for link in span.links:
                    link.ClearField("flags")
    assert ours == expected


def ids_as_base64(item: object) -> object:
    """Return OTLP/JSON as the generic parser of protobuf wants it."""
    if isinstance(item, list):
        return [ids_as_base64(entry) for entry in item]
    if not isinstance(item, dict):
        return item
    return {
        name: base64.b64encode(bytes.fromhex(value)).decode()
        if name in ("traceId", "spanId", "parentSpanId")
        else ids_as_base64(value)
        for name, value in item.items()
    }


@given(st.lists(spans, max_size=3))
def test_whatever_we_write_is_otlp(spans: list[Span]):
    """The parser of protobuf refuses unknown fields, wrong types and numbers out of range."""
    ParseDict(ids_as_base64(to_otlp(spans)), ExportTraceServiceRequest())


# -- from another language


def test_the_javascript_sdk():
    (spans,) = read_jsonl(CHECKOUT)
    orders, broken = (
        plain(to_results(span for span in spans if span.trace_id == trace_id).results[0])
        for trace_id in dict.fromkeys(span.trace_id for span in spans)
    )
    assert tree(without_attachments(orders)) == [
        {"GET /items/1 → 200": ["request handler"]},
        {"GET /items/2 → 200": ["request handler"]},
        {"GET /items/3 → 200": ["request handler"]},
        {"step: order": [{"POST /orders → 201": [{"request handler": ["reserve stock"]}]}]},
    ]
    assert tree(without_attachments(broken)) == [
        {"broken: GET /items/9 → 500": ["request handler"]}
    ]
    assert (orders["name"], orders["status"]) == ("checkout places an order", "passed")
    assert (broken["name"], broken["status"]) == ("checkout of a broken item", "broken")
    assert broken["statusDetails"]["message"] == (
        "RangeError: expected 200, got 500\n\ncaused by HTTP 500, in checkout-js · GET /items/:id"
    )


def without_attachments(item: dict) -> dict:
    below = [without_attachments(step) for step in item.get("steps", ())]
    return {**item, "attachments": [], "steps": below}


def test_concurrent_calls_overlap():
    (spans,) = read_jsonl(CHECKOUT)
    first, *others = sorted(
        (span for span in spans if span.scope.endswith("undici")), key=lambda span: span.start_ns
    )[:3]
    assert all(span.start_ns < first.end_ns for span in others)
    assert {span.parent_id for span in others} == {first.parent_id}


def test_protobuf_of_the_javascript_sdk():
    message = ExportTraceServiceRequest.FromString(CHECKOUT.with_suffix(".pb").read_bytes())
    found, diagnostics = read(MessageToDict(message))
    (expected,) = read_jsonl(CHECKOUT)
    # The frames of a stack name the script, which was renamed in the text only.
    assert str(found).replace("/srv/rec.cjs", "/srv/checkout.js") == str(expected)
    assert not diagnostics


# -- recordings


@pytest.mark.parametrize("name", RECORDINGS)
def test_each_recorded_span_is_shown_once(name: str):
    everything = Presentation(Settings(fold=0, max_steps=0, asgi_events=True, join_calls=False))
    for case, spans in cases(name).items():
        (result,) = to_results(spans, everything).results
        assert result.name == case
        assert len(list(steps(plain(result)))) == len(spans) - 1, case
