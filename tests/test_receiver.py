"""Spans of services, received by OTLP/HTTP."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import random
import socket
import subprocess
import sys
import threading
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import closing

import pytest
import zstandard
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult

from otel_allure.cli import main as cli
from otel_allure.cli.receive import _Live
from otel_allure.inputs.arrivals import Arrivals, ArrivalsReader, variables_for
from otel_allure.inputs.forwarding import Forwarder
from otel_allure.inputs.otlp_receiver import OtlpReceiver, address_of
from otel_allure.model import conventions as c
from otel_allure.model.diagnostics import Diagnostics
from otel_allure.model.settings import Settings
from otel_allure.model.spans import Link, Log, Record, Span
from otel_allure.output.report import Report
from otel_allure.recording.tracer import RecordingTracer, is_ours
from otel_allure.testing.results import Results, steps, tree
from otel_allure.testing.spans import build_span

from .trace_formats import dumped, message, to_otlp

JSON, PROTOBUF = {"Content-Type": "application/json"}, {"Content-Type": "application/x-protobuf"}
SPANS = [build_span("GET /", 1, kind="server"), build_span("SELECT", 2, 1, kind="client")]
REQUEST = dumped(to_otlp(SPANS))


class Receiver:
    """A receiver, and what it has taken."""

    def __init__(self, **settings: object) -> None:
        self.taken: list[Record] = []
        self.refuses = 0
        self.diagnostics = Diagnostics(log=False)
        token = str(settings.pop("token", ""))
        forward = settings.pop("forward", None)
        self.it = OtlpReceiver(self.take, Settings(**settings), self.diagnostics, token, forward)
        self.it.start()
        self.port = address_of(self.it.endpoint.removeprefix("http://")).port

    def take(self, records: list[Record]) -> list[str]:
        self.taken += records[self.refuses :]
        return ["too many"] * min(self.refuses, len(records))

    def connect(self, timeout: float = 10) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def ask(self, method: str, path: str, body: object, headers: dict[str, str]):
        with closing(self.connect()) as connection:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.headers), answer.read()

    def raw(self, data: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self.port), 10) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(4096), b""))


@pytest.fixture(scope="module")
def shared() -> Iterator[Receiver]:
    receiver = Receiver(receiver_max_mb=1.0, receiver_origins=("https://*.test",))
    yield receiver
    receiver.it.stop()


@pytest.fixture
def receiver(shared: Receiver) -> Receiver:
    shared.taken.clear()
    shared.refuses = 0
    return shared


@pytest.fixture
def another() -> Iterator[object]:
    made: list[Receiver] = []

    def make(**settings: object) -> Receiver:
        made.append(Receiver(**settings))
        return made[-1]

    yield make
    for each in made:
        each.it.stop()


# -- what is taken


def chunked(body: bytes) -> Iterator[bytes]:
    yield body[:10]
    yield body[10:]


TAKEN = {
    "JSON": (REQUEST, JSON),
    "JSON with a charset": (REQUEST, {"Content-Type": "application/json; charset=utf-8"}),
    "protobuf": (message(SPANS), PROTOBUF),
    "gzip": (gzip.compress(REQUEST), {**JSON, "Content-Encoding": "gzip"}),
    "gzip of protobuf": (gzip.compress(message(SPANS)), {**PROTOBUF, "Content-Encoding": "gzip"}),
    "gzip in two members": (
        gzip.compress(REQUEST[:99]) + gzip.compress(REQUEST[99:]),
        {**JSON, "Content-Encoding": "gzip"},
    ),
    "deflate": (zlib.compress(REQUEST), {**JSON, "Content-Encoding": "deflate"}),
    "zstd": (zstandard.compress(REQUEST), {**JSON, "Content-Encoding": "zstd"}),
    "zstd in two frames": (
        zstandard.compress(REQUEST[:99]) + zstandard.compress(REQUEST[99:]),
        {**JSON, "Content-Encoding": "zstd"},
    ),
    "identity": (REQUEST, {**JSON, "Content-Encoding": "identity"}),
    "in chunks": (chunked(REQUEST), JSON),
}


@pytest.mark.parametrize("name", TAKEN)
def test_it_takes(receiver, name):
    body, headers = TAKEN[name]
    status, told, answer = receiver.ask("POST", "/v1/traces", body, headers)
    assert (status, answer) == (200, b"" if "protobuf" in name else b"{}")
    assert told["Content-Type"] == headers["Content-Type"].partition(";")[0]
    assert [span.name for span in receiver.taken] == ["GET /", "SELECT"]


@pytest.mark.parametrize(
    ("path", "body", "headers", "count"),
    [
        ("/v1/traces", b"{}", JSON, 0),
        ("/v1/traces", b"", PROTOBUF, 0),
        ("/v1/traces", b'{"resourceSpans": [], "new": 1}', JSON, 0),
        ("/v1/metrics", b'{"resourceMetrics": []}', JSON, 0),
        ("/v1/logs", b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [{}]}]}]}', JSON, 1),
    ],
)
def test_it_takes_what_says_little(receiver, path, body, headers, count):
    status, _, answer = receiver.ask("POST", path, body, headers)
    assert (status, len(answer)) == (200, len(b"{}") if headers is JSON else 0)
    assert len(receiver.taken) == count


@pytest.mark.parametrize("kind", ["json", "protobuf"])
def test_a_partial_success_has_counts(receiver, kind):
    """One has no id, one is refused, one is taken."""
    spans = [build_span("no id", 0), *SPANS]
    receiver.refuses = 1
    body, headers = (dumped(to_otlp(spans)), JSON) if kind == "json" else (message(spans), PROTOBUF)
    status, _, answer = receiver.ask("POST", "/v1/traces", body, headers)
    assert status == 200
    if kind == "json":
        partial = json.loads(answer)["partialSuccess"]
        rejected, told = int(partial["rejectedSpans"]), partial["errorMessage"]
    else:
        parsed = ExportTraceServiceResponse.FromString(answer).partial_success
        rejected, told = parsed.rejected_spans, parsed.error_message
    assert rejected == 2
    assert "no spanId" in told
    assert [span.name for span in receiver.taken] == ["SELECT"]


def test_what_is_odd_is_told_though_nothing_is_rejected(receiver):
    request = to_otlp(SPANS)
    request["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["kind"] = 99
    _, _, answer = receiver.ask("POST", "/v1/traces", dumped(request), JSON)
    partial = json.loads(answer)["partialSuccess"]
    assert "rejectedSpans" not in partial
    assert "span_kind" in partial["errorMessage"]


# -- what is not

GZIP = {"Content-Encoding": "gzip"}
GZIPPED = {**JSON, **GZIP}
BOMB = gzip.compress(bytes(20 << 20))
OTHER = b"\n\x03abc\x12\x02hi"
REFUSED = {
    "another method": ("GET", "/v1/traces", None, {}, 405),
    "another method with a body": ("PUT", "/v1/traces", REQUEST, JSON, 405),
    "another path": ("POST", "/v1/profiles", REQUEST, JSON, 404),
    "the root": ("GET", "/", None, {}, 404),
    "no type": ("POST", "/v1/traces", REQUEST, {}, 415),
    "another type": ("POST", "/v1/traces", REQUEST, {"Content-Type": "text/plain"}, 415),
    "another encoding": ("POST", "/v1/traces", REQUEST, {**JSON, "Content-Encoding": "br"}, 415),
    "no JSON": ("POST", "/v1/traces", b"nothing", JSON, 400),
    "an empty body": ("POST", "/v1/traces", b"", JSON, 400),
    "a list": ("POST", "/v1/traces", b"[]", JSON, 400),
    "deep JSON": ("POST", "/v1/traces", b"[" * 100_000, JSON, 400),
    "no UTF-8": ("POST", "/v1/traces", b'{"\xff": 1}', JSON, 400),
    "another object": ("POST", "/v1/traces", b'{"a": 1}', JSON, 400),
    "another signal": ("POST", "/v1/traces", b'{"resourceLogs": []}', JSON, 400),
    "no list": ("POST", "/v1/traces", b'{"resourceSpans": {}}', JSON, 400),
    "ids that are too short": (
        "POST", "/v1/traces", REQUEST.replace(b'"traceId": "', b'"traceId": "0'), JSON, 400,
    ),
    "no protobuf": ("POST", "/v1/traces", b"\xff\xff\xff", PROTOBUF, 400),
    "JSON as protobuf": ("POST", "/v1/traces", REQUEST, PROTOBUF, 400),
    "protobuf as JSON": ("POST", "/v1/traces", message(SPANS), JSON, 400),
    "protobuf of another message": ("POST", "/v1/traces", OTHER, PROTOBUF, 400),
    "protobuf that was cut": ("POST", "/v1/traces", message(SPANS)[:-3], PROTOBUF, 400),
    "spans as logs": ("POST", "/v1/logs", REQUEST, JSON, 400),
    "no gzip": ("POST", "/v1/traces", REQUEST, {**JSON, "Content-Encoding": "gzip"}, 400),
    "gzip that was cut": (
        "POST", "/v1/traces", gzip.compress(REQUEST)[:-9], {**JSON, **GZIP}, 400,
    ),
    "gzip before something else": (
        "POST", "/v1/traces", gzip.compress(REQUEST) + REQUEST, {**JSON, **GZIP}, 400,
    ),
    "deflate before something else": (
        "POST", "/v1/traces", zlib.compress(REQUEST) + REQUEST,
        {**JSON, "Content-Encoding": "deflate"}, 400,
    ),
    "nothing, as gzip": ("POST", "/v1/traces", b"", {**PROTOBUF, **GZIP}, 400),
    "resources that are none": ("POST", "/v1/traces", b'{"resourceSpans": [null]}', JSON, 400),
    "scopes that are none": (
        "POST", "/v1/traces", b'{"resourceSpans": [{"scopeSpans": 5}]}', JSON, 400,
    ),
    "too large": ("POST", "/v1/traces", bytes(64 << 20), JSON, 413),
    "too large when inflated": (
        "POST", "/v1/traces", BOMB, {**JSON, "Content-Encoding": "gzip"}, 413,
    ),
    "no zstd": ("POST", "/v1/traces", REQUEST, {**JSON, "Content-Encoding": "zstd"}, 400),
    "zstd that was cut": (
        "POST", "/v1/traces", zstandard.compress(REQUEST)[:-9],
        {**JSON, "Content-Encoding": "zstd"}, 400,
    ),
    "too large when unpacked from zstd": (
        "POST", "/v1/traces", zstandard.compress(bytes(20 << 20)),
        {**JSON, "Content-Encoding": "zstd"}, 413,
    ),
    "a foreign page": ("POST", "/v1/traces", REQUEST, {**JSON, "Origin": "https://a.example"}, 403),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_it_refuses(receiver, name):
    """With a status that says why, in the encoding of the request, and nothing is taken."""
    method, path, body, headers, expected = REFUSED[name]
    status, told, answer = receiver.ask(method, path, body, headers)
    assert status == expected
    assert receiver.taken == []
    if headers.get("Content-Type") == "application/x-protobuf":
        from google.protobuf.message import Message  # noqa: F401 - protobuf is here

        assert told["Content-Type"] == "application/x-protobuf"
        assert answer[0] == 0x08
        assert answer[2] == 0x12  # code, message
    else:
        assert told["Content-Type"] == "application/json"
        assert json.loads(answer)["message"]
    if expected == 405:
        assert "POST" in told["Allow"]


def test_zstd_is_refused_where_nothing_knows_it(receiver, monkeypatch):
    for name in ("compression.zstd", "zstandard"):
        monkeypatch.setitem(sys.modules, name, None)
    headers = {**JSON, "Content-Encoding": "zstd"}
    status, _, answer = receiver.ask("POST", "/v1/traces", zstandard.compress(REQUEST), headers)
    assert (status, receiver.taken) == (415, [])
    assert "pip install 'otel-allure[otlp]'" in json.loads(answer)["message"]


HOSTILE = {
    "no HTTP": b"\x16\x03\x01 hello\r\n\r\n",
    "nothing": b"",
    "two lengths": b"POST /v1/traces HTTP/1.1\r\nContent-Type: application/json\r\n"
    b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "a length and chunks": b"POST /v1/traces HTTP/1.1\r\nContent-Type: application/json\r\n"
    b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "a length that is none": b"POST /v1/traces HTTP/1.1\r\nContent-Type: application/json\r\n"
    b"Content-Length: -2\r\n\r\n{}",
    "no length": b"POST /v1/traces HTTP/1.1\r\nContent-Type: application/json\r\n\r\n",
    "a body that ends early": b"POST /v1/traces HTTP/1.1\r\nContent-Type: application/json\r\n"
    b"Content-Length: 200\r\n\r\n{}",
    "chunks that are none": b"POST /v1/traces HTTP/1.1\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n{}\r\n",
    "a long line": b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 500 + b"\r\n",
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_requests_get_an_error_or_nothing(receiver, name):
    answer = receiver.raw(HOSTILE[name])
    assert b" 200 " not in answer
    assert receiver.taken == []
    assert receiver.ask("POST", "/v1/traces", REQUEST, JSON)[0] == 200


@pytest.mark.parametrize(
    ("sent", "status", "told"),
    [
        (b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n", 414, "Too Long"),
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 500 + b"\r\n", 431, ""),
        (b"a b c d\r\n\r\n", 400, "Bad request"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "receive-grpc"),
        (b"\x16\x03\x01\x02\x00\x01\x00\n\n", 400, "http://"),
    ],
    ids=["a long line", "many headers", "no request", "HTTP/2", "TLS"],
)
def test_what_cannot_be_read_is_answered_the_same_way(another, sent, status, told):
    receiver = another()
    head, _, body = receiver.raw(sent).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"Content-Type: application/json" in head
    assert told in json.loads(body)["message"]
    assert told in str(receiver.diagnostics.lines())


def test_answers_do_not_wait_for_the_client(receiver):
    """What is sent in two pieces is not held back until the first is acknowledged: 40 ms each.

    It would be each time from the second on; however busy the machine is, one is answered sooner.
    """
    took: list[float] = []
    with closing(receiver.connect()) as connection:
        for _ in range(50):
            start = time.monotonic()
            connection.request("POST", "/v1/traces", b"{}", JSON)
            assert connection.getresponse().read() == b"{}"
            took.append(time.monotonic() - start)
        assert connection.sock is not None
    assert min(took[20:]) < 0.03


def test_a_slow_client_is_sent_away(another):
    """It sends a byte now and then, so that no single read is slow."""
    receiver = another(receiver_timeout=0.3)
    with socket.create_connection(("127.0.0.1", receiver.port), 10) as connection:
        connection.sendall(b"POST /v1/traces HTTP/1.1\r\nContent-Type: application/json\r\n")
        connection.sendall(b"Content-Length: 100\r\n\r\n")
        start = time.monotonic()
        connection.settimeout(0.05)
        answer = b""
        while time.monotonic() - start < 8 and not answer:
            try:
                connection.sendall(b" ")
                answer = connection.recv(100)
            except TimeoutError:
                continue
            except OSError:
                break
    assert time.monotonic() - start < 8
    assert b"408" in answer or not answer
    assert any("receiver_timeout" in line for line in receiver.diagnostics.lines())


def test_more_connections_than_allowed_are_sent_away_and_counted(another):
    receiver = another(receiver_connections=2)
    with closing(receiver.connect()) as one, closing(receiver.connect()) as two:
        for each in (one, two):
            each.request("POST", "/v1/traces", REQUEST, JSON)
            assert each.getresponse().read() == b"{}"
        with socket.create_connection(("127.0.0.1", receiver.port), 10) as third:
            assert b"503" in third.recv(100)
    assert any("receiver_connections" in line for line in receiver.diagnostics.lines())


def test_only_this_machine_without_a_token(another):
    for address in ("0.0.0.0:0", "[::]:0", "192.0.2.1:80"):
        with pytest.raises(ValueError, match="receiver_token"):
            OtlpReceiver(list, Settings(receiver_address=address), Diagnostics(log=False))
    receiver = another(receiver_address="0.0.0.0:0", token="a-token")
    send = ("POST", "/v1/traces", REQUEST)
    assert receiver.ask(*send, JSON)[0] == 401
    assert receiver.ask(*send, {**JSON, "Authorization": "Bearer another"})[0] == 401
    assert receiver.ask(*send, {**JSON, "Authorization": "Bearer a-token"})[0] == 200


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://localhost:3000", True),
        ("http://127.0.0.1:8080", True),
        ("https://shop.test", True),
        ("https://shop.example", False),
        ("http://localhost.example", False),
        ("null", False),
    ],
)
def test_pages_of_this_machine_and_named_ones_may_send(receiver, origin, allowed):
    asked = {"Origin": origin, "Access-Control-Request-Headers": "content-type,traceparent"}
    status, told, _ = receiver.ask("OPTIONS", "/v1/traces", None, asked)
    assert (status == 204) is allowed
    assert told.get("Access-Control-Allow-Origin") == (origin if allowed else None)
    assert ("traceparent" in told.get("Access-Control-Allow-Headers", "")) is allowed


def test_garbage_of_any_kind_is_answered(receiver):
    """A bounded fuzz: bodies that were changed a little, under any of the headers."""
    chance = random.Random(0)
    seeds = [REQUEST, message(SPANS), gzip.compress(REQUEST)]
    headers = [JSON, PROTOBUF, {**JSON, "Content-Encoding": "gzip"}]
    with closing(receiver.connect()) as connection:
        for _ in range(300):
            body = bytearray(chance.choice(seeds))
            for _ in range(chance.randrange(1, 6)):
                at = chance.randrange(len(body))
                body[at : at + chance.randrange(3)] = chance.randbytes(chance.randrange(3))
            how = chance.choice(headers)
            connection.request("POST", f"/v1/{chance.choice(['traces', 'logs'])}", bytes(body), how)
            answer = connection.getresponse()
            answer.read()
            assert answer.status in (200, 400), bytes(body)
    assert receiver.ask("POST", "/v1/traces", REQUEST, JSON)[0] == 200


# -- real exporters


@pytest.mark.parametrize("compression", list(Compression))
def test_the_exporter_of_python(receiver, compression):
    exporter = OTLPSpanExporter(f"{receiver.it.endpoint}/v1/traces", compression=compression)
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with provider.get_tracer("t").start_as_current_span("outer"):
        provider.get_tracer("t").start_span("inner").end()
    provider.shutdown()
    assert [span.name for span in receiver.taken] == ["inner", "outer"]


def test_the_exporter_of_python_for_json(receiver):
    """Compressed or not; what it says is what there is."""
    from opentelemetry.exporter.otlp.common.http import Compression
    from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter

    endpoint = f"{receiver.it.endpoint}/v1/traces"
    for compression in Compression:
        exporter = OTLPSpanExporter(endpoint=endpoint, compression=compression)
        span = TracerProvider().get_tracer("t").start_span(compression.value, attributes={"n": 1})
        span.end()
        assert exporter.export([span]) is SpanExportResult.SUCCESS
        exporter.shutdown()
    assert [span.name for span in receiver.taken] == [each.value for each in Compression]
    assert {span.attributes["n"] for span in receiver.taken} == {1}


# -- where it goes


def test_it_is_forwarded_to_the_users_own_endpoint(receiver, another):
    """As it came; one that is not there costs a note."""
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.it.endpoint}
    assert Forwarder.is_wanted(environ)
    assert not Forwarder.is_wanted({})
    diagnostics = Diagnostics(log=False)
    forwarder = Forwarder(environ, diagnostics)
    first = another(forward=forwarder)
    body = gzip.compress(REQUEST)
    assert first.ask("POST", "/v1/traces", body, {**JSON, "Content-Encoding": "gzip"})[0] == 200
    forwarder.stop()
    assert [span.name for span in receiver.taken] == ["GET /", "SELECT"]
    assert diagnostics.lines() == []
    nowhere = Forwarder({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}, diagnostics)
    nowhere("/v1/traces", {}, b"{}")
    nowhere.stop()
    assert "forwarding" in diagnostics.lines()[0]


def test_what_is_said_of_one_signal_counts_more_for_forwarding(receiver):
    """And gRPC, in whatever way it is met, is told."""
    diagnostics = Diagnostics(log=False)
    forwarder = Forwarder(
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4317",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
            "OTEL_EXPORTER_OTLP_HEADERS": "content-length=5",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{receiver.it.endpoint}/v1/traces",
            "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json",
            "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "x=y",
        },
        diagnostics,
    )
    forwarder("/v1/traces", JSON, REQUEST)
    forwarder("/v1/logs", JSON, b"{}")
    forwarder.stop()
    assert [span.name for span in receiver.taken] == ["GET /", "SELECT"]
    (line,) = diagnostics.lines()
    assert "127.0.0.1:4317 takes gRPC" in line


def our_trace() -> int:
    ours: list[int] = []
    tracer = RecordingTracer(lambda span: ours.append(span.trace_id))
    tracer.start_span("test").end()
    assert is_ours(ours[0])
    return ours[0]


class Both:
    """What has arrived, and who reads it."""

    def __init__(self, *own: int, homes: dict[int, int] | None = None, **settings: object) -> None:
        self.diagnostics = Diagnostics(log=False)
        self.arrivals = Arrivals(Settings(**settings), self.diagnostics, "this run")
        known = homes or {}
        self.reader = ArrivalsReader(
            self.arrivals.told_readers,
            lambda i: known.get(i, i),
            own.__contains__,
            self.diagnostics,
        )


@pytest.fixture
def both() -> Iterator[object]:
    made: list[Both] = []

    def make(*own: int, **more: object) -> Both:
        made.append(Both(*own, **more))
        return made[-1]

    yield make
    for each in made:
        each.arrivals.close()


def of(trace_id: int, *spans: Span, **resource: str) -> list[Span]:
    return [span._replace(trace_id=trace_id, resource=resource) for span in spans]


def test_readers_take_what_is_their_own(both):
    """Once each; what comes later is taken later."""
    mine, others = our_trace(), our_trace()
    it = both(mine)
    it.arrivals.take([*of(mine, *SPANS), *of(others, *SPANS), Log(mine, 1, 5, "INFO", "l", "text")])
    first = it.reader.read()
    assert [type(r) for r in first] == [Span, Span, Log]
    assert first[0] == SPANS[0]._replace(trace_id=mine, events=[], links=[])
    assert it.reader.read() == []
    it.arrivals.take(of(mine, build_span("late", 9)))
    assert [span.name for span in it.reader.read()] == ["late"]


def test_what_a_test_has_adopted_is_its_own(both):
    mine = our_trace()
    it = both(mine, homes={7: mine})
    it.arrivals.take(of(7, *SPANS))
    assert {span.trace_id for span in it.reader.read()} == {mine}
    assert it.reader.claimed == {7}


def test_links_are_followed_whatever_comes_first(both):
    """A consumer's inner spans end before its root, which has the link."""
    mine = our_trace()
    it = both(mine)
    root = build_span("process", 20)._replace(trace_id=8, links=[Link(mine, 2)])
    it.arrivals.take(of(8, build_span("inner", 21, 20)))
    assert it.reader.read() == []
    it.arrivals.take([root])
    it.arrivals.take(of(8, build_span("later", 22, 20)))
    found = {span.name: (span.trace_id, span.parent_id) for span in it.reader.read()}
    assert found == {"process": (mine, 2), "inner": (mine, 20), "later": (mine, 20)}


def test_the_second_hop_may_come_before_the_first(both):
    """Nobody can know where it belongs, until the first has come."""
    mine = our_trace()
    it = both(mine)
    it.arrivals.take([build_span("second", 30)._replace(trace_id=9, links=[Link(8, 20)])])
    assert it.reader.read() == []
    it.arrivals.take([build_span("first", 20)._replace(trace_id=8, links=[Link(mine, 2)])])
    assert {span.name: span.parent_id for span in it.reader.read()} == {"first": 2, "second": 20}


def test_baggage_joins_too(both):
    mine = our_trace()
    it = both(mine)
    it.arrivals.take(of(9, build_span("x", 1, attributes={c.TEST_TRACE: f"{mine:032x}"})))
    assert [span.trace_id for span in it.reader.read()] == [mine]


def test_what_a_program_says_of_tests_is_a_part_of_the_test_that_runs_it(both):
    """The results of a run are of its own tests."""
    mine = our_trace()
    it = both(mine)
    failed = {"status": "error", "status_message": "no"}
    said = [
        build_span("a test", 1, attributes={c.KIND: c.TEST, c.STATUS: "failed"}, **failed),
        build_span("a fixture", 2, attributes={c.KIND: c.FIXTURE}),
        build_span("of others", 3, attributes={c.TEST_CASE_NAME: "x"}, **failed),
        build_span("a step", 4, attributes={c.KIND: c.STEP}),
    ]
    it.arrivals.take(of(mine, *said))
    found = [dict(span.attributes) for span in it.reader.read()]
    assert [its.pop(c.KIND) for its in found] == [c.STEP] * 4
    told = {c.STATUS: "broken", c.MESSAGE: "no"}
    assert found == [{c.STATUS: "failed"}, {}, {c.TEST_CASE_NAME: "x", **told}, {}]


def test_who_sent_one_message_of_a_batch_is_told_where_it_was_taken(both):
    """It is shown in one test; also where its trace begins otherwise, and belongs to none."""
    first, second = our_trace(), our_trace()
    it = both(second)
    links = [Link(first, 2), Link(second, 3), Link(second, 4)]
    batch = build_span("take", 20, kind="consumer")._replace(
        trace_id=8, links=links, resource={"service.name": "mail"}
    )
    polled = build_span("polled", 30, 29, kind="consumer")._replace(trace_id=9, links=links)
    it.arrivals.take([batch, polled])
    told = [(log.span_id, log.text) for log in it.reader.read()]
    where = "has a link to this. It is in a trace that is"
    assert told == [
        (4, f"take (mail) {where} another test's, {first:032x}"),
        (4, f"polled {where} no test's, {9:032x}"),
    ]


LIMITS = [
    ({"receiver_max_spans": 3}, "receiver_max_spans"),
    ({"receiver_max_attributes": 2}, "receiver_max_attributes"),
    ({"receiver_max_levels": 1}, "receiver_max_levels"),
    ({"receiver_max_held": 2}, "receiver_max_held"),
]


@pytest.mark.parametrize(("settings", "told"), LIMITS)
def test_limits_cut_and_are_told(both, settings, told):
    mine = our_trace()
    it = both(mine, **settings)
    deep = {"a": 1, "b": {"c": {"d": 1}}, "e": 2}
    spans = [build_span("x", n, attributes=deep) for n in range(1, 6)]
    refused = it.arrivals.take(of(mine, *spans))
    it.arrivals.take([s._replace(trace_id=50 + n) for n, s in enumerate(spans)])
    assert told in " ".join(it.diagnostics.lines())
    found = it.reader.read()
    cut = [record for record in found if isinstance(record, Log)]
    assert ["left out" in record.text for record in cut] == [True] * bool(refused)  # in the test
    assert len(found) - len(cut) == 5 - len(refused)
    assert bool(refused) is (told == "receiver_max_spans")
    assert (dict(found[0].attributes) == deep) is (
        told in ("receiver_max_spans", "receiver_max_held")
    )


def test_a_result_of_the_command_says_that_spans_are_left_out(tmp_path):
    """Once, however many they are; and how many is told at the end."""
    live = _Live(Report(tmp_path, settings=Settings(receiver_max_spans=3)))
    spans = [build_span("GET /", 1), *(build_span(f"x{n}", n, 1) for n in range(2, 8))]
    assert len(live.take(spans[:5])) == 2
    assert len(live.take(spans[5:])) == 2
    live.close()
    (result,) = Results(tmp_path).results
    assert [step["name"] for step in steps(result)] == ["x2", "x3"]
    bodies = [Results(tmp_path).body(a) for a in result["attachments"] if a["name"] == "log"]
    assert "".join(bodies).count("the others are left out") == 1
    assert live.report.diagnostics.lines()[0].endswith(
        "receiver_max_spans for one test (and 3 more)"
    )


def test_each_limit_is_counted(both):
    """What was cut first does not hide what else was."""
    it = both(our_trace(), receiver_max_attributes=1, receiver_max_levels=1)
    deep = {"b": {"c": {"d": 1}}}
    it.arrivals.take(of(9, *(build_span("x", n, attributes=deep) for n in (1, 2, 3))))
    it.arrivals.take(of(9, build_span("x", 4, attributes={"a": 1, "b": 2})))
    assert it.diagnostics.lines() == [
        "receiving spans, levels: more than receiver_max_levels (and 2 more)",
        "receiving spans, attributes: more than receiver_max_attributes",
    ]


def test_requests_that_belong_to_no_test_are_counted(both):
    """Those of this run's programs alone: a shared service has other clients."""
    it = both(our_trace())
    request = build_span("GET /", 1, kind="server")
    ours = {"service.name": "shop", c.RUN: "this run"}
    it.arrivals.take([request._replace(trace_id=n, resource=ours) for n in (11, 12, 13)])
    it.arrivals.take([request._replace(trace_id=14, resource={"service.name": "shared"})])
    assert it.arrivals.without_a_test([13]) == {"shop": 2}


def test_variables_for_exporters():
    told = variables_for("http://h:1", "http/json", "t", "r", {"OTEL_RESOURCE_ATTRIBUTES": "a=b"})
    assert told["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://h:1"
    assert told["OTEL_EXPORTER_OTLP_HEADERS"] == "authorization=Bearer%20t"
    assert told["OTEL_RESOURCE_ATTRIBUTES"] == "a=b,allure.run=r"
    assert "OTEL_EXPORTER_OTLP_HEADERS" not in variables_for("", "", "", "r", {})


def test_variables_for_one_signal_lead_nowhere_else():
    """Exporters prefer them; one that is not set stays so."""
    environ = {
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://user's/v1/traces",
        "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "authorization=theirs",
        "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL": "grpc",
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://user's/v1/metrics",
    }
    told = variables_for("http://h:1", "http/json", "", "r", environ)
    own = {name: told[name] for name in environ.keys() & told.keys()}
    assert own == {
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://h:1/v1/traces",
        "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "",
        "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL": "http/json",
    }


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("OTEL_SDK_DISABLED", "True", "false"),
        ("OTEL_SDK_DISABLED", "false", None),
        ("OTEL_TRACES_SAMPLER", "always_off", "parentbased_always_on"),
        ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio", "parentbased_always_on"),
        ("OTEL_TRACES_SAMPLER", "always_on", None),
        ("OTEL_TRACES_EXPORTER", "none", "otlp"),
        ("OTEL_TRACES_EXPORTER", "console, otlp_proto_grpc", "otlp,console"),
        ("OTEL_TRACES_EXPORTER", "allure", None),
        ("OTEL_TRACES_EXPORTER", "", None),
    ],
)
def test_variables_that_keep_spans_back(name, given, told):
    """As CI has them, for the tests' own sake."""
    assert variables_for("http://h:1", "http/json", "", "r", {name: given}).get(name) == told


def test_all_bodies_together_have_a_limit(another):
    """What is too much now may be sent again; what is held is given back."""
    receiver = another(receiver_max_mb=1.0)
    memory = receiver.it._server.memory
    with memory.holding() as hold:
        hold((4 << 20) - len(REQUEST))
        assert receiver.ask("POST", "/v1/traces", REQUEST, JSON)[0] == 200
        hold(1)
        status, told, answer = receiver.ask("POST", "/v1/traces", gzip.compress(REQUEST), GZIPPED)
        assert (status, told["Retry-After"]) == (503, "1")
        assert "together with other requests" in json.loads(answer)["message"]
    assert receiver.ask("POST", "/v1/traces", REQUEST, JSON)[0] == 200


def test_many_at_a_time(receiver):
    """Nothing is lost between threads."""

    def send() -> None:
        with closing(receiver.connect()) as connection:
            for _ in range(20):
                connection.request("POST", "/v1/traces", REQUEST, JSON)
                assert connection.getresponse().read() == b"{}"

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(receiver.taken) == 8 * 20 * len(SPANS)


# -- in a process of its own

SENDER = """
import os, sys
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import Link
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))
tracer = provider.get_tracer("t")
with tracer.start_as_current_span("test", attributes={"test.case.name": "checkout"}) as test:
    with tracer.start_as_current_span("send"):
        pass
with tracer.start_as_current_span("receive", links=[Link(test.get_span_context())]):
    with tracer.start_as_current_span("think"):
        pass
sys.exit(3)
"""


@pytest.mark.usefixtures("only_steps")
def test_the_command_makes_results_of_what_a_program_sends(tmp_path, capfd):
    """Of its consumer's trace, too, though the root with the link comes last."""
    output = tmp_path / "results"
    program = [sys.executable, "-c", SENDER]
    assert cli.main(["receive", "-o", str(output), "--", *program]) == 3
    (result,) = Results(output).results
    assert (result["name"], tree(result)) == ("checkout", ["send", {"receive": ["think"]}])
    assert "4 spans and log records: 1 result in" in capfd.readouterr().out


@pytest.mark.skipif(os.name == "nt", reason="there are no such signals")
def test_the_command_ends_by_a_signal_and_writes_what_it_has(tmp_path):
    command = [sys.executable, "-m", "otel_allure", "receive", "-o", str(tmp_path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as program:
        assert program.stderr is not None
        endpoint = program.stderr.readline().split()[-1]
        host = address_of(endpoint.removeprefix("http://"))
        with closing(http.client.HTTPConnection(*host, timeout=10)) as connection:
            connection.request("POST", "/v1/traces", REQUEST, JSON)
            assert connection.getresponse().status == 200
        program.terminate()
        assert program.wait(30) == 0
    assert [result["name"] for result in Results(tmp_path).results] == ["GET /"]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--address", "192.0.2.1:1"], 2, "receiver_token"),
        (["--address", "nonsense:x"], 2, "it is no HOST:PORT"),
        (["--address", "no.such.host.invalid:1"], 2, "no.such.host.invalid:1: [Errno"),
        (["--", "no-such-program"], 127, "there is no program no-such-program"),
        pytest.param(
            ["-o", os.devnull, "--", "sh", "-c", "kill -9 $$"],
            137,
            "is received at",
            marks=pytest.mark.skipif(os.name == "nt", reason="there is no such signal"),
        ),
    ],
)
def test_the_command_says_what_is_wrong(arguments, code, told, capsys):
    assert cli.main(["receive", *arguments]) == code
    assert told in capsys.readouterr().err


# -- in a run of pytest

SERVICE = r"""
import os, signal, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from opentelemetry import propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, BatchSpanProcessor

provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))
tracer = provider.get_tracer("shop")
SERVER = trace.SpanKind.SERVER
together = threading.Barrier(int(os.environ.get("TOGETHER", 1)))

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        context = None if self.path == "/alone" else propagate.extract(dict(self.headers))
        with tracer.start_as_current_span(f"GET {self.path}", context, SERVER):
            with tracer.start_as_current_span("SELECT items"):
                pass
            if self.path.startswith("/kill"):
                together.wait()  # for each of them has its query been sent
                os.kill(os.getpid(), signal.SIGKILL)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args):
        pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""

TESTS = """
import http.client, subprocess, sys
import allure, otel_allure, pytest
from opentelemetry import propagate, trace

@pytest.fixture(scope="session")
def port():
    env = {**otel_allure.environment(), "OTEL_SERVICE_NAME": "shop"}
    command = [sys.executable, "service.py"]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as program:
        yield int(program.stdout.readline())
        program.terminate()

def get(port, path):
    attributes = {"http.request.method": "GET", "server.address": "shop", "server.port": port}
    tracer, kind = trace.get_tracer("client"), trace.SpanKind.CLIENT
    with tracer.start_as_current_span("GET", kind=kind, attributes=attributes):
        headers = {}
        propagate.inject(headers)
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", path, headers=headers)
        connection.getresponse().read()
        connection.close()

@pytest.mark.parametrize("name", ["a", "b", "c"])
def test_it(port, name):
    with allure.step("ask"):
        get(port, f"/{name}")

def test_alone(port):
    get(port, "/alone")

def test_environment(otel_environment):
    assert otel_environment["TRACEPARENT"]
    assert "allure.test_trace=" in otel_environment["BAGGAGE"]
    assert otel_environment["OTEL_EXPORTER_OTLP_ENDPOINT"].startswith("http://127.0.0.1:")
    assert "PATH" not in otel_environment
"""


@pytest.mark.usefixtures("only_steps")
@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one process", "workers"])
def test_what_services_do_is_in_the_step_that_called_them(run, pytester, workers):
    """From the step through the client's call to the service's own spans."""
    pytester.makepyfile(service=SERVICE)
    plugins = ("xdist",) if workers else ()
    done = run(TESTS, "--allure-otel-receiver", *workers, plugins=plugins, passed=5)
    for name in "abc":
        served = {f"GET /{name} (shop)": ["SELECT items"]}
        assert tree(done.report[f"test_it[{name}]"]) == [{"ask": [{"GET": [served]}]}]
    text = done.outcome.stdout.str()
    assert "context is not propagated: shop, 1 request belongs to no test" in text
    assert "not complete" not in text


KILLED = """
from concurrent.futures import ThreadPoolExecutor

@pytest.fixture(params=[1, 3])
def calls(request, monkeypatch):
    monkeypatch.setenv("TOGETHER", str(request.param))
    return request.param

def test_it(calls, port):
    get(port, "/fine")
    with allure.step("ask"), ThreadPoolExecutor() as pool:
        for asked in [pool.submit(get, port, "/kill") for _ in range(calls)]:
            assert isinstance(asked.exception(), OSError)
"""


@pytest.mark.usefixtures("only_steps")
@pytest.mark.skipif(os.name == "nt", reason="there is no such signal")
def test_a_service_that_is_killed_leaves_what_it_has_done(run, pytester):
    """In the step of the call, or of all that were open; each says what has become of it."""
    pytester.makepyfile(service=SERVICE)
    its = TESTS.partition("@pytest.mark.parametrize")[0].replace('scope="session"', "") + KILLED
    done = run(its, "--allure-otel-receiver", plugins=(), passed=2)
    for calls in (1, 3):
        result = done.report[f"test_it[{calls}]"]
        fine, asked = tree(result)
        assert fine == {"GET": [{"GET /fine (shop)": ["SELECT items"]}]}
        assert calls > 1 or asked == {"ask": [{"broken: GET": ["SELECT items"]}]}
        below = list(steps(result["steps"][1]))
        assert Counter(s["name"] for s in below) == {"GET": calls, "SELECT items": calls}
        told = [p["value"] for s in below if s["name"] == "GET" for p in s["parameters"]]
        assert sum("was it killed?" in value for value in told) == calls
    for number in ("1 call", "3 calls"):
        done.outcome.stdout.fnmatch_lines([f"*nothing was received of {number} to shop:*"])


def test_nobody_waits_for_services_after_an_interrupt(run):
    done = run(
        """
        import otel_allure
        from opentelemetry import trace

        def test_it():
            otel_allure.environment()
            asked = {"http.request.method": "GET", "server.address": "silent"}
            tracer, kind = trace.get_tracer("client"), trace.SpanKind.CLIENT
            tracer.start_span("GET", kind=kind, attributes=asked).end()
            raise KeyboardInterrupt
        """,
        "--allure-otel-receiver",
        plugins=(),
    )
    text = done.outcome.stdout.str() + done.outcome.stderr.str()
    assert "nothing was received of 1 call to silent" in text
    assert "waited" not in text


def test_without_the_option_nothing_of_it_is_there(run):
    done = run(
        """
        import sys, otel_allure

        def test_it():
            assert "otel_allure.inputs.otlp_receiver" not in sys.modules
            assert "otel_allure.pytest_plugin.remote" not in sys.modules
            assert "http.server" not in sys.modules
            assert "OTEL_EXPORTER_OTLP_ENDPOINT" not in otel_allure.environment()
        """,
        plugins=(),
        passed=1,
    )
    assert len(done.report.results) == 1


def test_a_received_step_takes_the_place_of_none_of_ours(run):
    """Neither one that has made its id up, nor ours itself, which an exporter in the tests sent."""
    done = run(
        """
        import json
        import urllib.request
        import allure, otel_allure
        from opentelemetry.trace import get_current_span

        def send(name, start=None):
            span = get_current_span()
            context = span.get_span_context()
            told = {"traceId": f"{context.trace_id:032x}", "spanId": f"{context.span_id:016x}"}
            told |= {"name": name, "startTimeUnixNano": start or span.start_time}
            told |= {"parentSpanId": f"{span.parent.span_id:016x}" if span.parent else ""}
            told["endTimeUnixNano"] = told["startTimeUnixNano"] + 1
            told["attributes"] = [{"key": "allure.kind", "value": {"stringValue": "step"}}]
            body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [told]}]}]}).encode()
            url = otel_allure.environment()["OTEL_EXPORTER_OTLP_ENDPOINT"] + "/v1/traces"
            request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
            urllib.request.urlopen(request).close()

        def test_it():
            with allure.step("mine"):
                send("made up", start=1)
                send("mine, told by another")
                with allure.step("inner"):
                    pass
        """,
        "--allure-otel-receiver",
        plugins=(),
        passed=1,
    )
    names = ["made up", {"mine": ["inner"]}, "[Waterfall]"]
    assert tree(done.report["test_it"]) == names


@pytest.mark.parametrize("by", ["command line", "ini file", "a test that asks"])
def test_to_receive_without_a_report_is_told_to_whoever_has_typed_it(pytester, monkeypatch, by):
    """What a project has set is as without us."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile(f"def test_it({'trace' * (by == 'a test that asks')}): pass")
    typed = ["--allure-otel-receiver"]
    if by == "ini file":
        pytester.makeini("[pytest]\nallure_otel_receiver = true\naddopts = --allure-otel-receiver")
        typed = []
    done = pytester.runpytest_inprocess("-p", "otel_allure.pytest_plugin", *typed)
    done.assert_outcomes(passed=1)
    assert ("needs --alluredir" in done.stdout.str()) is (by == "command line")


def test_an_address_that_is_taken_ends_the_run_before_it_begins(run):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        option = f"--allure-receiver-address={address}"
        done = run("def test_it(): pass", "--allure-otel-receiver", option, plugins=())
    assert done.outcome.ret == 4
    done.outcome.stderr.fnmatch_lines([f"*nothing can be received at {address}*"])
