"""What a trace is asked: what is selected and expected, and what is told where it is not so."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_allure import InconclusiveError, TraceAssertionError, TraceUsageError
from otel_allure.assertions import view
from otel_allure.assertions.trace import BaseTrace
from otel_allure.formats.otlp_reader import from_otlp
from otel_allure.model import conventions as c
from otel_allure.model.spans import Span, service_of
from otel_allure.testing import build_span, trace_of

MS = 1_000_000
TRACES = Path(__file__).parent / "data" / "traces"
TEST = build_span("test_it", 1, start_ns=0, end_ns=1000 * MS, attributes={c.KIND: c.TEST})


def step(name: str, span_id: int, parent_id: int = 1, **more: Any) -> Span:
    return build_span(name, span_id, parent_id, **{"attributes": {c.KIND: c.STEP}, **more})


def query(text: str, span_id: int, parent_id: int = 1, **more: Any) -> Span:
    asked = {"db.system.name": "postgresql", "db.query.text": text}
    return build_span("db", span_id, parent_id, kind="client", attributes=asked, **more)


def get(path: str, span_id: int, parent_id: int = 1, status: int = 200, **more: Any) -> Span:
    asked = {"http.request.method": "GET", "url.path": path, "http.response.status_code": status}
    fields = {"kind": "client", "attributes": asked, **more}
    return build_span("GET", span_id, parent_id, **fields)


def ids(spans: Any) -> list[int]:
    return [span.span_id for span in spans]


Errors = type[Exception] | tuple[type[Exception], ...]


def told(ask: Callable[[], object], error: Errors = TraceAssertionError) -> str:
    with pytest.raises(error) as raised:
        ask()
    return str(raised.value)


# -- against a naive search

NAMES = ["pay", "pay now", "stock", "GET /a", "GET /b"]


@st.composite
def traces(draw: st.DrawFn) -> list[Span]:
    """A test and some spans below it, each begun after what it is below."""
    spans = [TEST]
    for span_id in range(2, draw(st.integers(3, 16))):
        above = draw(st.sampled_from(spans))
        start = draw(st.integers(0, 20)) * MS
        name = draw(st.sampled_from(NAMES))
        is_step = draw(st.booleans())
        attributes: dict[str, Any] = {c.KIND: c.STEP} if is_step else {}
        if draw(st.booleans()):
            attributes["shop.id"] = draw(st.integers(0, 2))
        spans.append(
            build_span(
                name,
                span_id,
                above.span_id,
                kind=draw(st.sampled_from(["internal", "client", "server"])),
                status=draw(st.sampled_from(["unset", "error"])),
                start_ns=start,
                end_ns=start + draw(st.integers(0, 6)) * MS,
                scope=draw(st.sampled_from(["", "lib"])),
                resource=draw(st.sampled_from([{}, {"service.name": "shop"}])),
                attributes=attributes,
            )
        )
    return spans


CRITERIA = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from([*NAMES, "pay*", "GET ?a", re.compile("a")]),
        "kind": st.sampled_from(["internal", "client"]),
        "service": st.sampled_from(["shop", "sh*"]),
        "scope": st.just("lib"),
        "status": st.sampled_from(["error", "unset"]),
        "attributes": st.sampled_from([{"shop.id": 1}, {"shop.id": lambda value: value != 0}]),
    },
)


def naive(spans: list[Span], asked: dict[str, Any]) -> list[Span]:
    """Return what is selected, by one look at each span and no index."""

    def fits(expected: Any, text: str) -> bool:
        if isinstance(expected, re.Pattern):
            return expected.search(text) is not None
        pattern = "".join({"*": ".*", "?": "."}.get(sign, re.escape(sign)) for sign in expected)
        return re.fullmatch(pattern, text) is not None

    def is_it(span: Span) -> bool:
        rules: dict[str, Callable[[Any], bool]] = {
            "name": lambda name: fits(name, span.name),
            "kind": lambda kind: span.kind == kind,
            "service": lambda service: fits(service, service_of(span)),
            "scope": lambda scope: fits(scope, span.scope),
            "status": lambda status: span.status == status,
            "attributes": lambda all_of: all(
                value(span.attributes.get(name))
                if callable(value)
                else span.attributes.get(name) == value
                for name, value in all_of.items()
            ),
        }
        return all(rules[name](value) for name, value in asked.items())

    return [span for span in spans[1:] if is_it(span)]


def above_of(span: Span, spans: list[Span]) -> list[int]:
    by_id = {each.span_id: each for each in spans}
    found = []
    while span.parent_id is not None:
        found.append(span.parent_id)
        span = by_id[span.parent_id]
    return found


@settings(max_examples=50, deadline=None)
@given(traces(), CRITERIA, st.sampled_from(NAMES))
def test_what_is_selected_is_what_a_naive_search_finds(spans, asked, anchor):
    trace = trace_of(spans)
    expected = naive(spans, asked)
    found = trace.find(**asked)
    assert set(ids(found)) == set(ids(expected))
    assert [s.start_ns for s in found] == sorted(s.start_ns for s in expected)
    anchors = set(ids(naive(spans, {"name": anchor})))
    if not anchors:
        assert "expected something of that name" in told(lambda: found.below(anchor))
        return
    below = {s.span_id for s in expected if anchors & set(above_of(s, spans))}
    assert set(ids(found.below(anchor))) == below
    directly = {s.span_id for s in expected if s.parent_id in anchors}
    assert set(ids(found.directly_below(anchor))) == directly
    over = {i for s in spans if s.span_id in anchors for i in above_of(s, spans)}
    assert set(ids(found.above(anchor))) == set(ids(expected)) & over


def moments(*groups: list[Span]) -> list[list[int]]:
    """Return how many of each group run at any time at which something begins."""
    times = {span.start_ns for group in groups for span in group}
    return [
        [sum(s.start_ns <= time < (s.end_ns or 0) for s in group) for group in groups]
        for time in times
    ]


def is_met(ask: Callable[[], object]) -> bool:
    try:
        ask()
    except TraceAssertionError:
        return False
    return True


@settings(max_examples=50, deadline=None)
@given(traces(), st.permutations(NAMES))
def test_order_and_overlap_are_what_a_naive_search_finds(spans, names):
    trace = trace_of(spans)
    one, two = (naive(spans, {"name": name}) for name in names[:2])
    most = max(count for (count,) in moments(spans[1:]))
    assert is_met(lambda: trace.spans.at_most_at_once(max(1, most)))
    if most > 1:
        assert not is_met(lambda: trace.spans.at_most_at_once(most - 1))
    if not (one and two):
        return
    both = any(all(counts) for counts in moments(one, two))
    assert is_met(lambda: trace.overlap(*names[:2])) == both
    assert is_met(lambda: trace.no_overlap(*names[:2])) != both
    ordered = max(s.end_ns or 0 for s in one) <= min(s.start_ns for s in two)
    assert is_met(lambda: trace.in_order(*names[:2])) == ordered


@settings(max_examples=25, deadline=None)
@given(traces(), st.integers(0, 4), st.integers(0, 4))
def test_counts_are_what_a_naive_search_finds(spans, least, more):
    selected = trace_of(spans).find("pay*")
    count = len(naive(spans, {"name": "pay*"}))
    assert is_met(lambda: selected.between(least, least + more)) == (least <= count <= least + more)
    assert is_met(selected.exists) == (count > 0)
    assert is_met(selected.absent) == (count == 0)
    assert is_met(selected.once) == (count == 1)


# -- real traces


def hotrod(name: str) -> BaseTrace:
    document = json.loads((TRACES / f"jaeger-hotrod-{name}.json").read_text("utf-8"))
    return trace_of(from_otlp(document, pytest.fail))


def test_an_n_plus_one_is_one():
    trace = hotrod("n_plus_one_positive")
    text = told(trace.no_n_plus_one)
    assert "found GetDriver ×13" in text
    assert "✗       GetDriver ×13" in text
    trace.no_n_plus_one(allow=["GetDriver"])
    trace.no_n_plus_one(least=14)


def test_a_fan_out_is_none():
    trace = hotrod("n_plus_one_near_miss")
    trace.no_n_plus_one()
    trace.http("GET /route").exactly(10).at_most_at_once(3)
    assert trace.tree() == "GET /dispatch\n  GET /customer\n  GET /route ×10"


def test_an_error_is_told_where_it_began():
    text = told(hotrod("error_timeout_masked").no_errors)
    assert "found 1, the first is POST /api/checkout: HTTP 504" in text
    hotrod("error_timeout_masked").no_errors(but=[504])


# -- selecting

CHECKOUT = [
    TEST,
    step("checkout", 2, start_ns=0, end_ns=100 * MS),
    query("SELECT * FROM stock", 3, 2, start_ns=1 * MS, end_ns=2 * MS),
    query("UPDATE stock SET n = 1", 4, 2, start_ns=3 * MS, end_ns=4 * MS),
    get("/price", 5, 2, start_ns=10 * MS, end_ns=60 * MS),
    get("/price", 6, 5, kind="server", start_ns=12 * MS, end_ns=58 * MS),
    query("SELECT 1 FROM price", 7, 6, start_ns=14 * MS, end_ns=15 * MS),
    build_span("send mail", 8, 2, start_ns=70 * MS, end_ns=80 * MS, kind="producer",
               attributes={"messaging.system": "kafka", "messaging.destination.name": "mail"}),
    build_span("GET", 9, 1, start_ns=90 * MS, end_ns=91 * MS, kind="client",
               attributes={"db.system": "redis", "db.statement": "GET ?"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("sql", [3, 4, 7]),
        ("http", [5]),
        ("messages", [8]),
        ("cache", [9]),
        ("rpc", []),
        ("calls", [3, 4, 5, 7, 8, 9]),
    ],
)
def test_calls_by_their_domain(kind, found):
    assert ids(getattr(trace_of(CHECKOUT), kind)) == found


def test_a_call_that_both_sides_tell_of_is_one():
    trace = trace_of(CHECKOUT)
    assert ids(trace.http("GET /price")) == [5]
    assert ids(trace.http(kind="server")) == [6]
    assert ids(trace.http.below(trace.http)) == [6]


def test_old_conventions_are_as_new_ones():
    old = {"http.method": "GET", "http.target": "/price?id=1", "http.status_code": 404}
    trace = trace_of([TEST, build_span("HTTP GET", 2, 1, kind="client", attributes=old)])
    trace.http("GET /price").once().status(404).status("4xx")


def test_what_fixtures_do_is_apart():
    setup = build_span("setup", 20, 1, attributes={c.KIND: c.PHASE, c.PHASE_NAME: "setup"})
    fixture = build_span("db", 21, 20, attributes={c.KIND: c.FIXTURE})
    trace = trace_of([*CHECKOUT, setup, fixture, query("INSERT INTO stock", 22, 21)])
    assert ids(trace.sql) == [3, 4, 7]
    assert ids(trace.fixture("db").sql) == [22]
    assert "There is 'db'." in told(lambda: trace.fixture("bd").sql)


def test_a_trace_of_a_part():
    trace = trace_of(CHECKOUT)
    assert ids(trace.step("checkout").cache) == []
    assert ids(trace.step("check*").sql("SELECT*")) == [3, 7]
    assert ids(trace.during(3 * MS, 14 * MS).spans) == [4, 5, 6]
    assert "expected a step, found none\nThere is 'checkout'." in told(
        lambda: trace.step("chekout").sql
    )


def test_a_selection_is_a_sequence_of_spans():
    sql = trace_of(CHECKOUT).sql
    assert len(sql) == 3
    assert [span.name for span in sql] == ["db"] * 3
    assert sql[0] in sql
    assert sql == sql.all()
    assert sql.first().attributes["db.query.text"] == "SELECT * FROM stock"
    assert sql("UPDATE*").one().span_id == 4
    assert repr(sql) == "<trace.sql: 3 spans: 'SELECT stock', 'UPDATE stock', 'SELECT price'>"


def test_below_after_an_expectation_is_one():
    trace = trace_of(CHECKOUT)
    assert ids(trace.sql.below("GET /price")) == [7]
    text = told(lambda: trace.sql.exactly(3).below("GET /price"))
    assert "'SELECT stock' below 'checkout'" in text
    trace.sql("SELECT price").once().below("checkout").parent("GET /price").ancestor("test_it")


def test_values_are_compared_as_users_write_them():
    """Lists are tuples in OpenTelemetry; a function need not know that something may be missing."""
    its = {"tags": ("a", "b"), "count": 3}
    trace = trace_of([TEST, build_span("q", 2, 1, attributes=its), build_span("r", 3, 1)])
    trace.find(attributes={"tags": ["a", "b"]}).once().attribute("tags", contains="a")
    trace.find(attributes={"count": lambda value: value > 2}).once()
    trace.find(attributes={"count": lambda value: value is None}).once()
    told(lambda: trace.span("q").attribute("count", contains="3"))
    told(lambda: trace.span("q").attribute("tags", contains=["a", "b"]))
    with pytest.raises(TypeError):
        trace.find(attributes={"count": lambda value: value + "x"})


def test_spans_and_nameless_selections_have_an_order():
    trace = trace_of(
        [TEST, *(query("SELECT 1", i, start_ns=i * MS, end_ns=(i + 1) * MS) for i in (2, 3))]
    )
    trace.in_order(*trace.sql)
    assert "'db' #2 began" in told(lambda: trace.in_order(*reversed(trace.sql)))
    early, late = (trace.sql.where(lambda span, i=i: span.span_id == i) for i in (2, 3))
    trace.in_order(early, late)
    trace.no_overlap(early, trace.sql[1])
    assert "#2 began 2.00 ms before" in told(lambda: trace.in_order(late, early))


@pytest.mark.parametrize("path", ["/users/{}", "/health"])
def test_a_test_that_asks_means_its_own_requests_too(path):
    def trace(count: int) -> BaseTrace:
        return trace_of(
            [TEST, *(get(path.format(i), i, start_ns=i * MS, end_ns=(i + 1) * MS)
                     for i in range(2, 2 + count))]
        )  # fmt: skip

    assert "×5" in told(trace(5).no_n_plus_one)
    trace(4).no_n_plus_one()


# -- bad use

MISUSES: list[tuple[Callable[[BaseTrace], object], str]] = [
    (lambda t: t.find(nmae="x"), "unknown keyword 'nmae'; did you mean 'name'?"),
    (lambda t: t.find(servce="x"), "did you mean 'service'?"),
    (lambda t: t.find(kind="clinet"), "none of internal, server, client, producer, consumer"),
    (lambda t: t.find(status="2x"), "none of ok, error, unset, 2xx to 5xx"),
    (lambda t: t.find(3), "a text or a regular expression, not 3"),
    (lambda t: t.sql.between(3, 2), "nothing is at least 3 and at most 2"),
    (lambda t: t.sql.exactly(-1), "a whole number of at least 0"),
    (lambda t: t.sql.at_most(1.5), "a whole number of at least 0"),
    (lambda t: t.sql.at_least(0), "always so"),
    (lambda t: t.sql.faster_than(0), "a number of seconds, more than 0"),
    (lambda t: t.sql.share_at_most(2), "more than 0 and at most 1"),
    (lambda t: t.sql.at_most_at_once(0), "at least 1"),
    (lambda t: t.no_errors(but="x"), "is a list: but=['x']"),
    (lambda t: t.in_order("pay"), "takes two names or more"),
    (lambda t: t.overlap("pay", "pay"), "each once"),
    (lambda t: t.overlap("send mail", "send*"), "selects, another one selects, too"),
    (lambda t: t.during(2, 1), "it ends before it has begun"),
    (lambda t: t.budget(sq=1), "'sq' is none of sql, http"),
    (lambda t: t.budget(sql=-1), "is not a whole number of at least 0"),
    (lambda t: t.budget(), "of what?"),
    (lambda t: t.step("checkout").budget(sql=1), "a block is a part itself"),
    (lambda t: t.budget(sql=float("inf")), "is not a whole number of at least 0"),
    (lambda t: t.budget(seconds=float("nan")), "is not a number of seconds of at least 0"),
    (lambda t: t.find(re.compile(b"x")), "a text or a regular expression, not re.compile(b'x')"),
    (lambda t: t.find(service=3), "a service is a text"),
    (lambda t: t.find(scope=["x"]), "a scope is a text"),
    (lambda t: t.find(status=[404]), "status [404] is none of ok"),
    (lambda t: t.find(attributes="x"), 'attributes is by name, as {"name": "value"}, not \'x\''),
    (lambda t: t.find(attributes={3: "x"}), "attributes is by name"),
    (lambda t: t.span(None), "a name is a text or a regular expression, not None"),
    (lambda t: t.step(3), "a step is a text"),
    (lambda t: t.fixture(3), "a fixture is a text"),
    (lambda t: t.sql.below(3), "not 3"),
    (lambda t: t.in_order(3, 4), "not 3"),
    (lambda t: t.during(1.5, 2.5), "both are nanoseconds, as time.time_ns()"),
    (lambda t: t.sql.exactly(None), "a whole number of at least 0"),
    (lambda t: t.sql.share_at_most("1"), "more than 0 and at most 1"),
    (lambda t: t.sql.faster_than(float("inf")), "a number of seconds, more than 0"),
    (lambda t: t.sql.total_faster_than(True), "a number of seconds, more than 0"),
    (lambda t: t.sql.attribute(3), "its name is a text"),
    (lambda t: t.sql.attribute("db.system.name", matches="("), "is no regular expression"),
    (lambda t: t.sql.attribute("db.system.name", where=3), "it takes a function, as where="),
    (lambda t: t.sql.attributes(3), "attributes is by name"),
    (lambda t: t.sql.where("x"), "it takes a function, as lambda span:"),
    (lambda t: t.no_n_plus_one(least=0), "a whole number of at least 2"),
    (lambda t: t.no_n_plus_one(least="x"), "a whole number of at least 2"),
    (lambda t: t.no_n_plus_one(allow=3), "is a list: allow=[3]"),
    (lambda t: t.no_errors(but=404), "is a list: but=[404]"),
    (lambda t: t.tree("x"), "replace is by name"),
    (lambda t: t.tree({"(": "x"}), "is no regular expression"),
    (lambda t: t.check.http("GET /prize").first(), ".first(): there is no such span to return"),
    (lambda t: t.check.spans.one(), ".one(): there is no such span to return"),
]


@pytest.mark.parametrize(("ask", "text"), MISUSES)
def test_what_cannot_be_asked_is_told(ask, text):
    assert text in told(lambda: ask(trace_of(CHECKOUT)), (TraceUsageError, TraceAssertionError))


def test_to_ask_before_anything_happened_is_told():
    assert "nothing has happened" in told(lambda: trace_of([TEST]).sql, TraceUsageError)


def test_nothing_follows_from_a_slip_of_the_pen():
    trace = trace_of(CHECKOUT)
    for wrong in ("sned mail", "Send-Mail", "send  mail"):
        assert "but 'send mail' is there" in told(trace.span(wrong).absent)
    assert "'db.query.text' is there" in told(trace.find(**{"db.query.txt": "x"}).absent)
    trace.span("send mails").absent()
    trace.span("get mail").at_most(0)
    trace.sql("DELETE*").absent()


def test_a_slip_in_the_name_that_the_span_has_itself():
    """It can be selected by that, too; but what every request is named says nothing of one."""
    trace = trace_of([TEST, query("SELECT * FROM orders", 2), get("/stock", 3)])
    assert "but 'db' is there" in told(trace.span("DB").absent)
    trace.http("get /").absent()


def test_a_failure_about_many_spans_is_told_in_linear_time(monkeypatch):
    """What they have in common is looked for once, not for each of them."""
    looked = 0

    def is_frame(span: Span) -> bool:
        nonlocal looked
        looked += 1
        return view.is_test(span)

    spans = [step(f"step {n}", n, start_ns=MS, end_ns=2 * MS) for n in range(2, 302)]
    trace = trace_of([TEST, *spans])
    monkeypatch.setattr(view, "is_frame", is_frame)
    assert "found 300" in told(lambda: trace.spans.at_most_at_once(1))
    assert looked < 20 * len(spans)


def test_nothing_is_known_of_a_service_that_is_silent():
    trace = trace_of(CHECKOUT)
    for ask in (trace.find(service="billing").absent, trace.find(service="billing").once):
        text = told(ask, InconclusiveError)
        assert "billing never reported a span in this run; is its exporter set?" in text


def test_what_is_expected_of_each_is_not_so_of_none():
    none = trace_of(CHECKOUT).http("GET /prize")
    for ask in (lambda: none.status(200), lambda: none.faster_than(1)):
        assert "The nearest is 'GET /price'." in told(ask)


def test_a_large_tree_is_cut():
    many = [query(f"SELECT a{i} FROM t{i}", 100 + i) for i in range(500)]
    text = told(lambda: trace_of([TEST, *many]).sql.at_most(3))
    assert text.count("\n") < 40
    assert "… 476 more lines" in text


def test_values_are_masked():
    secret = get("/login?token=abcdefghijklmnop", 2)
    its = {"api.password": "hunter22"}
    trace = trace_of([TEST, secret, build_span("log in", 3, 1, attributes=its)])
    for ask in (
        trace.http.absent,
        lambda: trace.http.attribute("url.path", "/pay"),
        lambda: trace.http(**{"url.path": "/pay"}).once(),
        lambda: trace.span("log in").attribute("api.password", "other"),
        lambda: trace.span("log in", **{"api.password": "other"}).exists(),
    ):
        text = told(ask)
        assert "abcdefghijklmnop" not in text
        assert "hunter22" not in text


# -- snapshots


def test_a_snapshot_is_the_same_in_each_run():
    def run(first: int, order: int) -> str:
        fan = [get(f"/route/{first + i}", 10 + i, 2, start_ns=(5 + order * i) * MS,
                   end_ns=90 * MS) for i in range(2)]  # fmt: skip
        late = query("SELECT * FROM orders", 30, 2, start_ns=95 * MS, end_ns=96 * MS)
        return trace_of(
            [TEST, step("pay 0c2f9a5e-1111-4222-8333-944445555666", 2, end_ns=100 * MS),
             *fan, build_span("audit", 20, 2, start_ns=6 * MS, end_ns=91 * MS), late]
        ).tree()  # fmt: skip

    assert run(17, 2) == run(4711, -2) == (
        "pay {uuid}\n  GET /route/{id} ×2\n  audit\n  SELECT orders"
    )  # fmt: skip


def test_what_is_one_after_the_other_stays_in_order():
    trace = trace_of([TEST, step("b", 2), step("a", 3), step("a", 4), step("c", 5)])
    assert trace.tree() == "b\na ×2\nc"
    assert trace.tree({"[ab]": "x"}) == "x ×3\nc"
