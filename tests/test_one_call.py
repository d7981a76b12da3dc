"""Client and server of one call: one step, with what both say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from otel_allure.model import conventions as c
from otel_allure.model.settings import Settings
from otel_allure.model.spans import Event, Log, Span
from otel_allure.output.to_json import plain
from otel_allure.presentation.presentation import Presentation
from otel_allure.testing.results import steps, tree
from otel_allure.testing.spans import TRACE_ID, build_span
from otel_allure.translation.to_results import to_results

MS = 1_000_000
TEST = build_span("test", 1, end_ns=100 * MS, attributes={c.KIND: c.TEST})


def http(
    kind: str, span_id: int, parent_id: int, status: int | None = 201, **attributes: Any
) -> Span:
    """Return one side of `POST /orders`; the server's service is the shop."""
    asked: dict[str, Any] = {"http.request.method": "POST", **attributes}
    if status is not None:
        asked["http.response.status_code"] = status
    if kind == "client":
        asked.setdefault("url.full", "http://shop:80/orders")
        times = {"start_ns": 10 * MS, "end_ns": 26 * MS}
    else:
        asked.setdefault("url.path", "/orders")
        times = {"start_ns": 12 * MS, "end_ns": 25 * MS}
    resource = {} if kind == "client" else {"service.name": "shop"}
    fields = {"kind": kind, "attributes": asked, "resource": resource, **times}
    return build_span("POST", span_id, parent_id, **fields)


def failing(span: Span, **exception: str) -> Span:
    attributes = {f"exception.{name}": value for name, value in exception.items()}
    events = [Event("exception", 1, attributes)] if exception else []
    return span._replace(status="error", events=events)


CLIENT, SERVER = http("client", 2, 1), http("server", 3, 2)
QUERY = build_span("SELECT", 4, 3, kind="client", attributes={"db.system.name": "sqlite"})


def result_of(*spans: Span, **settings: object) -> dict[str, Any]:
    presentation = Presentation(Settings(waterfall="off", **settings))
    (result,) = to_results([TEST, *spans], presentation).results
    return plain(result)


def one_step(*spans: Span, **settings: object) -> dict[str, Any]:
    (step,) = result_of(*spans, **settings)["steps"]
    return step


def parameters(step: dict[str, Any]) -> dict[str, str]:
    return {p["name"]: p["value"] for p in step["parameters"]}


def test_they_are_one_step_with_the_time_of_both():
    step = one_step(CLIENT, SERVER, QUERY)
    assert tree(step) == ["SELECT"]
    assert step["name"] == "POST /orders → 201 (shop)"
    told = parameters(step)
    assert list(told)[:2] == ["client's time", "server's time"]
    assert (told["client's time"], told["server's time"]) == ("16.0 ms", "13.0 ms")
    assert told["url"] == "http://shop:80/orders"


def test_a_setting_keeps_them_apart():
    step = one_step(CLIENT, SERVER, QUERY, join_calls=False)
    assert tree(step) == [{"POST /orders → 201 (shop)": ["SELECT"]}]
    assert step["name"] == "POST /orders → 201"


def test_there_is_one_exchange_with_headers_and_bodies_of_both():
    client = http(
        "client",
        2,
        1,
        **{"http.request.header.accept": ["text/html"], "http.request.body.content": "cup"},
    )
    server = http(
        "server",
        3,
        2,
        **{
            "http.request.header.accept": ["text/html"],
            "http.request.header.x-forwarded": ["proxy"],
            "http.response.header.server": ["nginx"],
            "http.response.body.content": "thanks",
        },
    )
    found = to_results([TEST, client, server], Presentation(Settings(waterfall="off")))
    (step,) = found.results[0].steps
    (attachment,) = step.attachments
    exchange = json.loads(found.files[attachment.source])
    request, response = exchange["request"], exchange["response"]
    headers = {header["name"]: header["value"] for header in request["headers"]}
    assert headers == {"accept": "text/html", "x-forwarded": "proxy"}
    assert request["body"]["value"] == "cup"
    assert response["status"] == 201
    assert response["headers"] == [{"name": "server", "value": "nginx"}]
    assert response["body"]["value"] == "thanks"
    assert (exchange["start"], exchange["stop"]) == (10, 26)


RAISED = {"type": "StockError", "message": "out of sync", "stacktrace": "Traceback: stock"}
TIMED_OUT = {"type": "ReadTimeout", "message": "after 5 s", "stacktrace": "Traceback: client"}
OUTCOMES = {
    "server": (
        (http("client", 2, 1, 500)._replace(status="error"), failing(SERVER, **RAISED)),
        "broken",
        "StockError: out of sync\nHTTP 500",
        "Traceback: stock",
    ),
    "server alone": (
        (CLIENT, failing(SERVER, **RAISED)),
        "broken",
        "StockError: out of sync",
        "Traceback: stock",
    ),
    "client alone": (
        (failing(http("client", 2, 1, None), **TIMED_OUT), SERVER),
        "broken",
        "ReadTimeout: after 5 s",
        "Traceback: client",
    ),
    "both": (
        (
            failing(http("client", 2, 1, None), **TIMED_OUT),
            failing(SERVER, type="CancelledError", message="gone", stacktrace="T: s"),
        ),
        "broken",
        "ReadTimeout: after 5 s\nCancelledError: gone",
        "Traceback: client\n\nT: s",
    ),
    "the same": (
        (
            http("client", 2, 1, 503)._replace(status="error"),
            http("server", 3, 2, 503)._replace(status="error"),
        ),
        "broken",
        "HTTP 503",
        None,
    ),
}


@pytest.mark.parametrize(
    ("spans", "status", "message", "trace"), OUTCOMES.values(), ids=list(OUTCOMES)
)
def test_an_error_of_either_is_shown(spans, status, message, trace):
    step = one_step(*spans)
    details = step["statusDetails"]
    assert (step["status"], details["message"], details.get("trace")) == (status, message, trace)


def test_a_client_that_has_no_answer_does_not_have_the_servers():
    step = one_step(failing(http("client", 2, 1, None), **TIMED_OUT), SERVER)
    assert step["name"] == "POST /orders (shop)"
    assert parameters(step)["server's answer"] == "201"


def test_what_they_say_differently_is_all_there():
    client = http("client", 2, 1, tenant="a", **{"http.request.header.host": ["shop"]})
    server = http("server", 3, 2, tenant="b", user="Alice")
    told = parameters(one_step(client, server))
    assert (told["tenant"], told["tenant (server)"], told["user"]) == ("a", "b", "Alice")
    everything = parameters(one_step(client, server, span_parameters="all"))
    assert everything["url.path (server)"] == "/orders"


def test_logs_attachments_links_and_notes_of_both_are_there():
    sources = {c.ATTACHMENT_SOURCES: ["a-attachment.txt"], c.ATTACHMENT_NAMES: ["mine"]}
    logs = {i: [Log(TRACE_ID, i, i, "INFO", "app", f"log {i}")] for i in (2, 3)}
    spans = [TEST, CLIENT, http("server", 3, 2, **sources)]
    found = to_results(spans, Presentation(Settings(waterfall="off")), logs)
    (step,) = found.results[0].steps
    assert [a.name for a in step.attachments] == ["mine", "log"]
    log = found.files[step.attachments[-1].source]
    assert "log 2" in log
    assert "log 3" in log


def test_steps_of_the_server_are_below():
    handler = build_span("check the stock", 5, 3, attributes={c.KIND: c.STEP})
    step = one_step(CLIENT, SERVER, QUERY, handler)
    assert tree(step) == ["SELECT", "check the stock"]


def test_calls_of_calls():
    inner = [http("client", 5, 3), http("server", 6, 5), build_span("reserve", 7, 6)]
    inner[1] = inner[1]._replace(resource={"service.name": "stock"})
    assert tree(one_step(CLIENT, SERVER, *inner)) == [{"POST /orders → 201 (stock)": ["reserve"]}]


def test_several_layers_of_one_side_are_one():
    """A library and the one below it; a server and its framework."""
    spans = [
        http("client", 2, 1),
        http("client", 3, 2),
        http("server", 4, 3),
        http("internal", 5, 4),
        build_span("query", 6, 5),
    ]
    assert tree(one_step(*spans)) == ["query"]


def test_a_client_in_the_process_of_its_server():
    """As with a test client: the server's span is an internal one, below a span of the client."""
    assert one_step(CLIENT, http("internal", 3, 2), QUERY)["name"] == "POST /orders → 201 (shop)"


def test_grpc():
    asked = {"rpc.system": "grpc", "rpc.service": "shop.Orders", "rpc.method": "Place"}
    spans = [
        build_span("p", i, i - 1, kind=k, attributes=asked)
        for i, k in ((2, "client"), (3, "server"))
    ]
    assert one_step(*spans)["name"] == "shop.Orders/Place"


NOT_ONE = {
    "messages": [
        build_span("send", 2, 1, kind="producer", attributes={"messaging.system": "kafka"}),
        build_span("process", 3, 2, kind="consumer", attributes={"messaging.system": "kafka"}),
    ],
    "a call that was repeated": [CLIENT, SERVER, http("server", 5, 2)],
    "another method": [
        CLIENT,
        SERVER._replace(attributes={**SERVER.attributes, "http.request.method": "GET"}),
    ],
    "a step between": [
        CLIENT,
        build_span("retry", 5, 2, attributes={c.KIND: c.STEP}),
        SERVER._replace(parent_id=5),
    ],
    "a redirect to another place": [
        CLIENT,
        http("client", 5, 2, **{"url.full": "http://shop/other"}),
    ],
    "a middleware": [CLIENT._replace(kind="server"), build_span("middleware", 5, 2)],
    "a query": [CLIENT, QUERY._replace(parent_id=2)],
}


@pytest.mark.parametrize("spans", NOT_ONE.values(), ids=list(NOT_ONE))
def test_what_is_not_one_call(spans):
    assert len(list(steps(result_of(*spans)))) == len(spans)


def test_no_neighbours_have_one_title():
    for spans in NOT_ONE.values():
        for step in steps(result_of(*spans)):
            assert step["name"] not in [below["name"] for below in step.get("steps", ())]


def test_other_programs_parts_find_the_servers_span():
    page = build_span("page", 1, kind="server")
    (program,) = to_results([page, CLIENT, SERVER]).programs
    assert program.steps[2] is program.steps[3]
