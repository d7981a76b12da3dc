"""Where a failed test broke first: one line of its message, and of the step that failed."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from otel_allure.formats.otlp_reader import from_otlp
from otel_allure.model import conventions as c
from otel_allure.model.spans import Event, Span
from otel_allure.output.to_json import plain
from otel_allure.testing.results import steps
from otel_allure.testing.spans import build_span
from otel_allure.translation.to_results import to_container, to_results

STEP = {c.KIND: c.STEP}
MS = 1_000_000
FAILED = {c.STATUS: "failed", c.MESSAGE: "AssertionError: assert 500 == 200"}
ASK = build_span("Ask the gateway", 2, 1, attributes=STEP)
TRACES = Path(__file__).parent / "data" / "traces"


def failed_test(**attributes: object) -> Span:
    return build_span("test", 1, attributes={c.KIND: c.TEST, **FAILED, **attributes})


def call(span_id: int, parent_id: int, service: str = "", kind: str = "client", **fields) -> Span:
    """Return a call of HTTP: a server has the route, a client the path."""
    where = {"http.route": "/{p}"} if kind == "server" else {"url.full": "http://host/shoes"}
    fields["attributes"] = {"http.request.method": "GET", **where, **fields.get("attributes", {})}
    resource = {"service.name": service} if service else {}
    return build_span("GET", span_id, parent_id, kind=kind, resource=resource, **fields)


def error(*raised: str, answer: int | None = None, at_ns: int = 0) -> dict[str, object]:
    """Return the fields of a span in error."""
    fields: dict[str, object] = {"status": "error"}
    if raised:
        kind, _, text = raised[0].partition(": ")
        told = {"exception.type": kind, "exception.message": text}
        fields["events"] = [Event("exception", at_ns, told)]
    if answer is not None:
        fields["attributes"] = {"http.response.status_code": answer}
    return fields


def result_of(*spans: Span) -> dict:
    (result,) = to_results(spans).results
    return plain(result)


def line_of(*spans: Span) -> str:
    """Return what is said beside the test's own message, empty if nothing is."""
    own = spans[0].attributes[c.MESSAGE]
    message = result_of(*spans)["statusDetails"]["message"]
    assert message.startswith(own)
    return message[len(own) :].removeprefix("\n\n")


def three_services(deep: dict[str, object], above: dict[str, object]) -> list[Span]:
    return [
        failed_test(),
        ASK,
        call(3, 2, **above),
        call(4, 3, "gateway", "server", **above),
        call(5, 4, "gateway", **above),
        call(6, 5, "catalogue", "server", **above),
        call(7, 6, "catalogue", **above),
        call(8, 7, "stock", "server", **deep),
    ]


OUT_OF_SYNC = error("RuntimeError: stock is out of sync", answer=500)


def test_the_deepest_error_and_the_way_to_it():
    spans = three_services(OUT_OF_SYNC, error(answer=500))
    assert line_of(*spans) == (
        "caused by RuntimeError: stock is out of sync, in stock · GET /{p},"
        ' called by catalogue ← gateway ← step "Ask the gateway"'
    )


def test_own_message_is_first_and_whole():
    spans = three_services(OUT_OF_SYNC, error(answer=500))
    own = "AssertionError: assert 500 == 200\n +  where 500 = <Response>.status"
    spans[0] = failed_test(**{c.MESSAGE: f"{own}\n"})
    message = result_of(*spans)["statusDetails"]["message"]
    assert message.startswith(f"{own}\n\ncaused by RuntimeError: stock is out of sync, in stock")


def test_steps_that_failed_say_it_too():
    """Those with the test's message, and those above the cause; not the others."""
    spans = three_services(OUT_OF_SYNC, error(answer=500))
    spans[1] = ASK._replace(attributes={**STEP, c.STATUS: "broken", c.MESSAGE: "Oops"})
    spans += [
        build_span("Check", 20, 1, attributes={**STEP, **FAILED}),
        build_span("Other", 21, 1, attributes={**STEP, **FAILED, c.MESSAGE: "Another"}),
        build_span("Fine", 22, 1, attributes=STEP),
    ]
    result = result_of(*spans)
    line = result["statusDetails"]["message"].partition("\n\n")[2]
    said = {step["name"]: step.get("statusDetails", {}).get("message") for step in result["steps"]}
    assert said == {
        "Ask the gateway": f"Oops\n\n{line}",
        "Check": f"{FAILED[c.MESSAGE]}\n\n{line}",
        "Other": "Another",
        "Fine": None,
    }


@pytest.mark.parametrize(
    "spans",
    [
        pytest.param([ASK], id="no call"),
        pytest.param([ASK, call(3, 2, "shop", "server")], id="no error"),
        pytest.param([ASK, call(3, 2, **error(answer=404))], id="an answer that is no error"),
        pytest.param(
            [ASK, call(3, 2, **error("asyncio.CancelledError"))], id="cancelled with the rest"
        ),
        pytest.param(
            [
                build_span("work", 2, 1, **error("AssertionError: assert 500 == 200")),
                build_span("Check", 3, 2, attributes={**STEP, **FAILED}),
            ],
            id="the same exception on its way through spans of the test's own code",
        ),
    ],
)
def test_nothing_is_said_where_that_is_nothing_new(spans):
    assert line_of(failed_test(), *spans) == ""


def phase(name: str, span_id: int, start_ns: int) -> Span:
    its = {c.KIND: c.PHASE, c.PHASE_NAME: name}
    return build_span(name, span_id, 1, attributes=its, start_ns=start_ns, end_ns=start_ns + MS)


@pytest.mark.parametrize(("failed_in", "is_said"), [("call", False), ("teardown", True)])
def test_what_came_after_the_failure_is_no_cause(failed_in, is_said):
    line = line_of(
        failed_test(**{c.FAILED_IN: failed_in}),
        phase("call", 2, MS),
        phase("teardown", 3, 3 * MS),
        build_span(
            "finalizer",
            4,
            3,
            attributes={c.KIND: c.FIXTURE, c.PHASE_NAME: "after", c.STATUS: "broken"},
            start_ns=3 * MS,
        ),
        call(5, 4, start_ns=3 * MS, **error("RuntimeError: gone")),
    )
    assert ("RuntimeError: gone" in line) == is_said


def test_nothing_broke_in_a_test_that_was_to_fail_and_has_not():
    told = {c.MESSAGE: "[XPASS(strict)] not yet"}
    assert line_of(failed_test(**told), call(2, 1, **error("RuntimeError: gone"))) == ""


def test_passed_test_says_nothing():
    spans = three_services(OUT_OF_SYNC, error(answer=500))
    spans[0] = build_span("test", 1, attributes={c.KIND: c.TEST})
    assert "statusDetails" not in result_of(*spans)


def test_of_several_the_first_to_break():
    """The one that started first may break last."""
    first = call(3, 2, start_ns=3 * MS, end_ns=90 * MS, **error("LateError: late", at_ns=80 * MS))
    second = call(4, 2, start_ns=4 * MS, end_ns=9 * MS, **error("EarlyError: early", at_ns=8 * MS))
    assert line_of(failed_test(), ASK, first, second).startswith("caused by EarlyError: early")


def test_error_that_reached_the_test_comes_first():
    """Not the earlier one, which the gateway has caught: its answer was 200."""
    caught = [call(3, 2), call(4, 3, "gateway", "server"), call(5, 4, "gateway", **OUT_OF_SYNC)]
    reached = call(9, 2, **error("ConnectError: refused"))
    line = line_of(failed_test(), ASK, *caught, reached)
    assert (
        line == 'caused by ConnectError: refused, in GET /shoes, called by step "Ask the gateway"'
    )
    line = line_of(failed_test(), ASK, *caught)
    assert line.startswith("perhaps caused by RuntimeError: stock is out of sync, in gateway · ")


def test_error_that_a_retry_has_made_up_for_comes_last():
    retried = [call(3, 2, **error(answer=503)), call(4, 2)]
    assert line_of(failed_test(), ASK, *retried).startswith("perhaps caused by HTTP 503, in GET")
    other = call(5, 2, attributes={"url.full": "http://host/other"}, status="error")
    line = line_of(failed_test(), ASK, *retried, other)
    assert line.startswith("caused by an error, in GET /other")


def test_same_exception_is_not_told_twice():
    """Where it was raised is new all the same."""
    told = {c.MESSAGE: "sqlite3.OperationalError: no such table: orders"}
    query = {"db.system": "sqlite", "db.statement": "SELECT * FROM orders"}
    raised = error("sqlite3.OperationalError: no such table: orders")
    select = build_span("SELECT", 3, 2, kind="client", **{**raised, "attributes": query})
    line = line_of(failed_test(**told), ASK, select)
    assert line == 'caused in SELECT orders, called by step "Ask the gateway"'


def test_own_service_is_not_named():
    spans = three_services(OUT_OF_SYNC, error(answer=500))
    spans[2] = spans[2]._replace(resource={"service.name": "tests"})
    assert "called by catalogue ← gateway ← step" in line_of(*spans)
    alone = call(3, 1, "tests", **error(answer=502))
    assert line_of(failed_test(), alone) == "caused by HTTP 502, in GET /shoes"


def test_called_by_a_fixture_or_the_test():
    fixture = {**BEFORE, **FAILED}
    broken = call(3, 2, "shop", "server", **error(answer=500))
    orders = build_span("orders", 2, 1, attributes=fixture)
    assert line_of(failed_test(), orders, broken).endswith('called by fixture "orders"')
    line = line_of(failed_test(), call(2, 1, **error(answer=500)), broken)
    assert line == "caused by HTTP 500, in shop · GET /{p}"


BEFORE = {c.KIND: c.FIXTURE, c.PHASE_NAME: "before"}
AFTER = {c.KIND: c.FIXTURE, c.PHASE_NAME: "after"}


@pytest.mark.parametrize(
    ("fixture", "calls", "expected"),
    [
        (AFTER, [call(3, 2, **error(answer=500))], ""),
        ({**AFTER, **FAILED}, [call(3, 2, **error(answer=500))], "caused by HTTP 500"),
        (BEFORE, [call(3, 2, **error("ConnectError: refused")), call(5, 2)], ""),
        (BEFORE, [call(3, 2, **error(answer=500))], "perhaps caused by HTTP 500"),
        ({**BEFORE, **FAILED}, [call(3, 2, **error(answer=500))], "caused by HTTP 500"),
    ],
    ids=["a tear-down", "one that failed", "a server waited for", "a set-up", "one that failed"],
)
def test_what_a_fixture_is_to_blame_for(fixture, calls, expected):
    line = line_of(failed_test(), build_span("server", 2, 1, attributes=fixture), *calls)
    assert line.partition(",")[0] == expected


def test_fixture_with_a_trace_of_its_own_says_it():
    attributes = {c.KIND: c.FIXTURE, c.PHASE_NAME: "before", **FAILED}
    spans = [
        build_span("orders", 1, attributes={c.KIND: c.CONTAINER}),
        build_span("orders", 2, 1, attributes=attributes),
        call(3, 2, "shop", "server", **OUT_OF_SYNC),
    ]
    (container,) = to_container(spans, ["test"]).containers
    (fixture,) = container.befores
    assert fixture.statusDetails.message == (
        f"{FAILED[c.MESSAGE]}\n\ncaused by RuntimeError: stock is out of sync,"
        ' in shop · GET /{p}, called by fixture "orders"'
    )


# -- time-outs


def test_who_used_up_the_time_has_no_error():
    """A client that does not wait: the service answers, and too late."""
    spans = [
        failed_test(),
        ASK,
        call(3, 2, end_ns=5000 * MS, **error("ReadTimeout: timed out")),
        call(4, 3, "shop", "server", end_ns=7000 * MS),
        build_span("SELECT", 5, 4, kind="client", resource={"service.name": "shop"}, end_ns=9 * MS),
        build_span(
            "lock", 6, 4, kind="client", resource={"service.name": "shop"}, end_ns=6000 * MS
        ),
    ]
    assert line_of(*spans) == (
        "caused by a time-out (ReadTimeout: timed out): 5.99 s in shop · lock,"
        ' called by step "Ask the gateway"'
    )


def test_time_out_of_which_nothing_is_known():
    spans = [failed_test(), ASK, call(3, 2, end_ns=5000 * MS, **error("ReadTimeout: timed out"))]
    assert line_of(*spans).startswith("caused by ReadTimeout: timed out, in GET /shoes")


def test_test_does_not_wait_itself():
    told = {c.STATUS: "broken", c.MESSAGE: "TimeoutError"}
    spans = [
        failed_test(**told),
        build_span(
            "call", 2, 1, end_ns=900 * MS, attributes={c.KIND: c.PHASE, c.PHASE_NAME: "call"}
        ),
        build_span("Long before", 3, 2, end_ns=700 * MS, attributes=STEP),
        call(4, 3, end_ns=690 * MS),
        build_span("Wait", 5, 2, start_ns=700 * MS, end_ns=800 * MS, attributes={**STEP, **told}),
        call(6, 5, start_ns=701 * MS, end_ns=800 * MS, **error("asyncio.CancelledError")),
        call(7, 6, "shop", "server", start_ns=702 * MS, end_ns=None),
    ]
    line = line_of(*spans)
    assert line == (
        'caused by a time-out: more than 198 ms in shop · GET /{p}, called by step "Wait"'
    )


def hotrod(name: str) -> list[Span]:
    document = json.loads((TRACES / f"jaeger-hotrod-{name}.json").read_text("utf-8"))
    return list(from_otlp(document, pytest.fail))


def below_a_failed_test(spans: list[Span]) -> list[Span]:
    """Return the spans as the work of one step of a test."""
    root = spans[0]
    test = failed_test()._replace(
        trace_id=root.trace_id, start_ns=root.start_ns, end_ns=root.end_ns
    )
    ids = {span.span_id for span in spans}
    step = ASK._replace(trace_id=root.trace_id, start_ns=root.start_ns, end_ns=root.end_ns)
    return [test, step, *(s if s.parent_id in ids else s._replace(parent_id=2) for s in spans)]


def test_masked_time_out_of_a_real_trace():
    line = line_of(*below_a_failed_test(hotrod("error_timeout_masked")))
    assert line == (
        "perhaps caused by a time-out (HTTP 504): 15.0 s in frontend · POST /api/checkout,"
        ' called by frontend-proxy ← step "Ask the gateway"'
    )


def test_retried_calls_of_a_real_trace():
    line = line_of(*below_a_failed_test(hotrod("n_plus_one_positive")))
    assert line == (
        "perhaps caused by *errors.errorString: redis timeout, in redis-manual · GetDriver,"
        ' called by driver ← frontend ← step "Ask the gateway"'
    )


def test_result_that_is_no_test():
    """A request to a server whose own spans are all there is."""
    root = call(1, 0, "gateway", "server", **error(answer=502))._replace(parent_id=None)
    result = result_of(root, call(2, 1, "stock", "server", **OUT_OF_SYNC))
    assert result["statusDetails"]["message"] == (
        "HTTP 502\n\ncaused by RuntimeError: stock is out of sync, in stock · GET /{p},"
        " called by gateway"
    )


def test_secrets_are_masked():
    token = "-".join(["hunter2", "hunter2"])
    broken = error(f"RuntimeError: refused, password={token}", answer=500)
    assert token not in str(result_of(*three_services(broken, error(answer=500))))


def test_cost_grows_with_the_number_of_spans():
    def took(count: int) -> float:
        deep = [call(i, i - 1, f"s{i % 7}", **error(answer=500)) for i in range(3, count)]
        flat = [call(count + i, 2, **error(f"Error: {i}")) for i in range(count)]
        spans = [failed_test(), ASK, *deep, *flat]
        started = time.process_time()
        assert "caused by" in result_of(*spans)["statusDetails"]["message"]
        return time.process_time() - started

    assert took(1500) < 20 * max(took(300), 0.02)


def test_each_failed_subtest_has_a_cause_of_its_own():
    failed = {**STEP, **FAILED}
    spans = [
        failed_test(),
        build_span("first", 2, 1, attributes=failed),
        call(3, 2, **error("KeyError: no cup here")),
        build_span("second", 4, 1, attributes=failed),
        build_span("inner", 5, 4, attributes={**failed, c.MESSAGE: "ValueError: bad"}),
        call(6, 5, **error("OSError: the disk is full")),
        build_span("third", 7, 1, attributes={**failed, c.MESSAGE: "AssertionError: own"}),
    ]
    spans[3] = spans[3]._replace(attributes={**failed, c.MESSAGE: "AssertionError: other"})
    found = {
        step["name"]: step["statusDetails"]["message"].partition("\n\n")[2].partition(",")[0]
        for step in steps(result_of(*spans))
        if step["name"][:3] != "GET"
    }
    disk = "caused by OSError: the disk is full"
    assert found == {
        "first": "caused by KeyError: no cup here", "second": disk, "inner": disk, "third": ""
    }  # fmt: skip
    assert line_of(*spans).startswith("caused by KeyError: no cup here")


def test_steps_below_a_failed_group_of_calls_say_nothing():
    spans = [failed_test(), *(call(i, 1, **error(answer=500)) for i in range(2, 30))]
    result = result_of(*spans)
    messages = [step.get("statusDetails", {}).get("message", "") for step in steps(result)]
    assert messages
    assert not any("caused" in message for message in messages)
