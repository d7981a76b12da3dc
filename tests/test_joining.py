"""Programs that write to one directory: their parts of a trace are one result."""

from __future__ import annotations

import itertools
import subprocess
import sys
from dataclasses import replace

import pytest

from otel_allure.model.settings import Settings
from otel_allure.model.spans import Event, Span
from otel_allure.output.report import Report
from otel_allure.testing.results import Results, tree
from otel_allure.testing.spans import build_span

SETTINGS = Settings(waterfall="off", attach_sql=False, attach_http=False)


def spans_of(service: str, *spans: Span) -> list[Span]:
    return [span._replace(resource={"service.name": service}) for span in spans]


def serve(name: str, number: int, parent: int | None = None, **more: object) -> Span:
    return build_span(
        name, number, parent, kind="server", parent_is_remote=parent is not None, **more
    )


GATEWAY = spans_of("gateway", serve("GET /", 1), build_span("ask shop", 2, 1, kind="client"))
SHOP = spans_of(
    "shop", serve("GET /shop", 3, 2), build_span("think", 4, 3), build_span("ask", 5, 4)
)
STOCK = spans_of("stock", serve("GET /stock", 6, 5), build_span("SELECT", 7, 6, kind="client"))
IN_STOCK = {"GET /stock (stock)": ["SELECT"]}
IN_SHOP = {"GET /shop (shop)": [{"think": [{"ask": [IN_STOCK]}]}]}
WHOLE = {"GET /": [{"ask shop": [IN_SHOP]}]}


@pytest.fixture
def program(tmp_path):
    """Return the report of another program that writes to the same directory."""
    return lambda: Report(tmp_path / "results", settings=SETTINGS)


@pytest.fixture
def written(tmp_path):
    return lambda: {r["name"]: tree(r) for r in Results(tmp_path / "results").results}


@pytest.mark.parametrize(
    "order", list(itertools.permutations(range(3))), ids=lambda order: "".join(map(str, order))
)
@pytest.mark.parametrize("by", ["whole", "span"])
def test_parts_are_one_result_in_any_order(program, written, order, by):
    """Whoever is ready first. Late spans of each find their place, too."""
    parts = [(program(), part) for part in (GATEWAY, SHOP, STOCK)]
    for report, part in [parts[i] for i in order]:
        first = part if by == "whole" else part[:1]
        report.add(first)
        report.settle()
    for report, part in [parts[i] for i in order]:
        report.add(part)
        report.settle()
    assert written() == WHOLE


def test_a_part_without_its_trace_is_a_result(program, written):
    """The program that called may be a browser."""
    program().add(SHOP)
    assert written() == {"GET /shop": [{"think": ["ask"]}]}


def test_parts_below_the_same_span_stay_apart(program, written):
    """A message with two consumers, a request that is sent again."""
    for number in (10, 20):
        program().add(spans_of("consumer", serve(f"process {number}", number, 2)))
    assert sorted(written()) == ["process 10", "process 20"]
    program().add(GATEWAY)
    below = [f"process {number} (consumer)" for number in (10, 20)]
    assert written() == {"GET /": [{"ask shop": below}]}
    program().add(spans_of("consumer", serve("process 30", 30, 2)))
    assert written() == {"GET /": [{"ask shop": [*below, "process 30 (consumer)"]}]}


def test_requests_of_one_page_to_one_program_stay_apart(program, written):
    """The browser exports nothing; both are of one trace, and below the same span."""
    program().add(spans_of("shop", serve("GET /a", 10, 2), serve("GET /b", 20, 2)))
    assert sorted(written()) == ["GET /a", "GET /b"]


def test_a_name_that_is_free_again_may_be_another_programs(program, written):
    """The shop took the first consumer's part in; then a second one came, with that name."""
    first, second, shop = program(), program(), program()
    first.add(spans_of("first", serve("process 1", 10, 5)))
    shop.add(SHOP)
    second.add(spans_of("second", serve("process 2", 20, 5)))
    first.add(spans_of("first", build_span("late", 11, 10)))
    first.settle()
    program().add(GATEWAY)
    consumers = [{"process 1 (first)": ["late"]}, "process 2 (second)"]
    whole = [{"ask shop": [{"GET /shop (shop)": [{"think": [{"ask": consumers}]}]}]}]
    assert written() == {"GET /": whole}


def test_a_part_below_the_root_itself(program, written):
    """Its program has sent the headers by itself, without a span."""
    program().add(spans_of("shop", serve("GET /shop", 3, 1)))
    program().add(GATEWAY)
    assert written() == {"GET /": ["ask shop", "GET /shop (shop)"]}


def test_a_part_below_a_folded_call(program, written):
    calls = [build_span("ask shop", 100 + n, 1, kind="client") for n in range(20)]
    program().add(spans_of("gateway", serve("GET /", 1), *calls))
    program().add(spans_of("shop", serve("GET /shop", 3, 113)))
    (result,) = written().values()
    assert "GET /shop (shop)" in str(result)


def test_what_both_have_said_stays(program, tmp_path):
    """Statuses, messages and attachments of a part; ids that Allure knows it by do not change."""
    error = serve("GET /shop", 3, 2, status="error", attributes={"http.response.status_code": 500})
    program().add(GATEWAY)
    (before,) = Results(tmp_path / "results").results
    program().add(spans_of("shop", error))
    (result,) = Results(tmp_path / "results").results
    part = result["steps"][0]["steps"][0]
    assert part["status"] != "passed"
    assert "trace_id" not in {p["name"] for p in part["parameters"]}
    for name in ("uuid", "historyId", "fullName", "labels", "start", "stop", "testCaseId"):
        assert result[name] == before[name]
    shown = {p["name"] for p in result["parameters"] if p.get("mode") != "hidden"}
    assert shown == {p["name"] for p in before["parameters"] if p.get("mode") != "hidden"}


def request(kind: str, number: int, parent: int | None, path: str, **more: object) -> Span:
    said = {"http.request.method": "GET", **more.pop("attributes", {})}
    said |= {"http.route": path} if kind == "server" else {"url.full": f"http://{kind}{path}"}
    start = number * 1_000_000
    fields = {"start_ns": start, "end_ns": start + 20_000_000, "kind": kind, **more}
    is_remote = kind == "server" and parent is not None
    return build_span("GET", number, parent, attributes=said, parent_is_remote=is_remote, **fields)


ANSWER = {"http.response.status_code": 500}
HTTP = (
    spans_of("gateway", request("server", 1, None, "/"), request("client", 2, 1, "/shop/1")),
    spans_of("shop", request("server", 3, 2, "/shop/{id}", attributes={"tenant": "eu"}),
             build_span("think", 4, 3), request("client", 5, 4, "/cup")),
    spans_of("stock", request("server", 6, 5, "/cup", status="error", attributes=ANSWER),
             build_span("SELECT", 7, 6)),
)  # fmt: skip
IN_ONE = [{"GET /shop/1 (shop)": [{"think": [{"broken: GET /cup (stock)": ["SELECT"]}]}]}]


@pytest.mark.parametrize(
    "order", list(itertools.permutations(range(3))), ids=lambda order: "".join(map(str, order))
)
@pytest.mark.parametrize("by", ["whole", "span"])
def test_client_and_server_are_one_step(program, tmp_path, order, by):
    """In whatever order they come, however often each is written."""
    parts = [(program(), part) for part in HTTP]
    for report, part in [parts[i] for i in order]:
        report.add(part if by == "whole" else part[:1])
        report.settle()
    for report, part in [parts[i] for i in order]:
        report.add(part)
        report.settle()
    (result,) = Results(tmp_path / "results").results
    assert tree(result) == IN_ONE
    (shop,) = result["steps"]
    shown = {p["name"]: p["value"] for p in shop["parameters"] if p.get("mode") != "hidden"}
    assert shown == {
        "client's time": "20.0 ms",
        "server's time": "20.0 ms",
        "url": "http://client/shop/1",
        "service": "gateway",
        "tenant": "eu",
    }
    (stock,) = shop["steps"][0]["steps"]
    assert stock["statusDetails"]["message"] == "HTTP 500"


FAILED_CALL = {"status": "error", "attributes": ANSWER}
RAISED = Event(
    "exception", 0, {"exception.type": "RuntimeError", "exception.message": "out of sync"}
)
FAILING = (
    spans_of("gateway", request("server", 1, None, "/", **FAILED_CALL),
             request("client", 2, 1, "/shop/1", **FAILED_CALL)),
    spans_of("shop", request("server", 3, 2, "/shop/{id}", **FAILED_CALL),
             request("client", 5, 3, "/cup", **FAILED_CALL)),
    spans_of("stock", request("server", 6, 5, "/cup", **FAILED_CALL, events=[RAISED])),
)  # fmt: skip
CAUSES = {
    (0,): "HTTP 500, in gateway · GET /shop/1",
    (0, 1): "HTTP 500, in shop · GET /cup, called by gateway",
    (0, 1, 2): "RuntimeError: out of sync, in stock · GET /cup, called by shop ← gateway",
}


@pytest.mark.parametrize(
    "order", list(itertools.permutations(range(3))), ids=lambda order: "".join(map(str, order))
)
def test_the_cause_is_as_deep_as_is_known(program, tmp_path, order):
    reports = {number: program() for number in order}
    so_far: list[int] = []
    for number in (*order, *order):  # each writes its part again
        so_far.append(number)
        reports[number].add(FAILING[number][: 1 if len(so_far) < 3 else None])
        reports[number].settle()
    for each, report in reports.items():
        report.add(FAILING[each])
        report.settle()
    (result,) = Results(tmp_path / "results").results
    assert result["statusDetails"]["message"] == f"HTTP 500\n\ncaused by {CAUSES[0, 1, 2]}"


def test_the_cause_grows_with_what_is_known(program, tmp_path):
    for number, expected in enumerate(CAUSES.values()):
        program().add(FAILING[number])
        (result,) = Results(tmp_path / "results").results
        assert result["statusDetails"]["message"] == f"HTTP 500\n\ncaused by {expected}"


def test_what_is_sent_again_is_a_step_each(program, written):
    """Whoever sends it again has one span for all."""
    first, second = (spans_of("shop", request("server", n, 2, "/shop/{id}")) for n in (30, 40))
    own = {"GET /": [{"GET /shop/1": ["GET /shop/{id} (shop)"] * 2}]}
    for parts in ((HTTP[0], first, second), (first, HTTP[0]), (second,)):
        for part in parts:
            program().add(part)
    assert written() == own


def test_client_and_server_are_two_steps_where_that_is_asked_for(tmp_path, written):
    for part in HTTP[:2]:
        Report(tmp_path / "results", settings=replace(SETTINGS, join_calls=False)).add(part)
    (below,) = written()["GET /"][0]["GET /shop/1"]
    assert list(below) == ["GET /shop/{id} (shop)"]


def test_what_cannot_be_read_is_left_alone(program, written, tmp_path):
    program().add(SHOP)
    (path,) = (tmp_path / "results").glob("*-result.json")
    path.write_text('{"half')
    program().add(GATEWAY)
    assert path.read_text() == '{"half'
    path.unlink()
    assert written() == {"GET /": ["ask shop"]}


def test_two_roots_of_one_trace_are_two_results(program, written):
    """Broken headers: neither is a part of the other, and none is lost."""
    for number in (1, 50):
        program().add(spans_of("gateway", serve(f"GET /{number}", number)))
    assert sorted(written()) == ["GET /1", "GET /50"]


PROGRAM = """
import sys
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags
from otel_allure import AllureSpanExporter

provider = TracerProvider(resource=Resource({"service.name": sys.argv[1]}))
provider.add_span_processor(SimpleSpanProcessor(AllureSpanExporter("results")))
tracer = provider.get_tracer("app")
for line in sys.stdin:
    trace_id, span_id = (int(part, 16) for part in line.split())
    above = SpanContext(trace_id, span_id, True, TraceFlags(1))
    context = trace.set_span_in_context(NonRecordingSpan(above)) if span_id else None
    with tracer.start_as_current_span(sys.argv[1], context, SpanKind.SERVER):
        call = tracer.start_span("call", kind=SpanKind.CLIENT)
        told = call.get_span_context()
        print(f"{told.trace_id:x} {told.span_id:x}", flush=True)
        call.end()
provider.shutdown()
"""


def test_two_programs_at_the_same_time(tmp_path):
    """Each request is one result, whoever is faster; both services are in the environment."""
    programs = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, name],
            cwd=tmp_path, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )
        for name in ("gateway", "shop")
    ]  # fmt: skip
    gateway, shop = programs
    for _ in range(30):
        print("0 0", file=gateway.stdin, flush=True)
        print(gateway.stdout.readline(), end="", file=shop.stdin, flush=True)
    assert [program.communicate()[1] for program in programs] == [None, None]
    results = Results(tmp_path / "results")
    assert [tree(r) for r in results.results] == [[{"call": [{"shop (shop)": ["call"]}]}]] * 30
    told = (tmp_path / "results" / "environment.properties").read_text()
    assert "Service\\ gateway" in told
    assert "Service\\ shop" in told
