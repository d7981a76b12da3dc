"""What is remarkable about the calls of a test: tags, and lines in its description."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from otel_allure.formats.otlp_reader import from_otlp
from otel_allure.model import conventions as c
from otel_allure.model.settings import Settings
from otel_allure.model.spans import Event, Span
from otel_allure.output.to_json import plain
from otel_allure.presentation.presentation import Presentation
from otel_allure.testing.results import steps
from otel_allure.testing.spans import build_span
from otel_allure.translation.description import with_findings
from otel_allure.translation.findings import Finding, findings_of
from otel_allure.translation.span_tree import SpanTree
from otel_allure.translation.to_results import to_results

MS = 1_000_000
TEST = build_span("test", 1, attributes={c.KIND: c.TEST})
STEP = build_span("Open the page", 2, 1, attributes={c.KIND: c.STEP})
PAGE = build_span(
    "GET",
    3,
    2,
    kind="server",
    resource={"service.name": "shop"},
    attributes={"http.request.method": "GET", "http.route": "/orders"},
)
TRACES = Path(__file__).parent / "data" / "traces"


def call(span_id: int, parent_id: int, attributes: dict[str, object], **fields) -> Span:
    """Return a call of the shop's."""
    fields = {"kind": "client", "resource": {"service.name": "shop"}, **fields}
    return build_span("call", span_id, parent_id, attributes=attributes, **fields)


def query(span_id: int, parent_id: int = 3, text: str = "", **fields) -> Span:
    text = text or f"SELECT * FROM lines WHERE o = {span_id}"
    return call(span_id, parent_id, {"db.system": "postgresql", "db.statement": text}, **fields)


def get(span_id: int, parent_id: int = 3, path: str = "", method: str = "GET", **fields) -> Span:
    url = f"http://stock:80/{path or f'items/{span_id}'}"
    asked = {"http.request.method": method, "url.full": url, "server.address": "stock"}
    return call(span_id, parent_id, {**asked, **fields.pop("attributes", {})}, **fields)


def rpc(span_id: int, parent_id: int = 3) -> Span:
    return call(span_id, parent_id, {"rpc.system": "grpc", "rpc.method": "Get", "rpc.service": "S"})


def cache(span_id: int, parent_id: int = 3) -> Span:
    return call(span_id, parent_id, {"db.system": "redis", "db.statement": "GET ?"})


def redis(span_id: int, command: str) -> Span:
    return call(span_id, 3, {"db.system": "redis", "db.statement": command})


def found(*spans: Span, **settings: object) -> list[tuple[str, str]]:
    presentation = Presentation(Settings(**settings))
    tree = SpanTree([TEST, STEP, PAGE, *spans])
    return [tuple(finding) for finding in findings_of(TEST, tree, presentation)]


def tags(*spans: Span, **settings: object) -> list[str]:
    return [tag for tag, _ in found(*spans, **settings)]


# -- N+1


@pytest.mark.parametrize("one", [query, get, rpc, cache])
def test_equal_calls_one_after_the_other(one):
    assert tags(*map(one, range(10, 15))) == ["n+1"]
    assert tags(*map(one, range(10, 14))) == []
    assert tags(*map(one, range(10, 14)), n_plus_one=4) == ["n+1"]
    assert tags(*map(one, range(10, 40)), n_plus_one=0) == []


def test_what_is_said_of_an_n_plus_one():
    assert found(*map(query, range(10, 22))) == [
        ("n+1", "shop · SELECT lines ×12, one after the other, 12.0 ms, in shop · GET /orders")
    ]
    below_a_step = [query(i, 2, resource={}) for i in range(10, 15)]
    assert found(*below_a_step)[0][1].endswith('5.00 ms, in step "Open the page"')


@pytest.mark.parametrize("one", [query, get, rpc, cache])
def test_calls_at_the_same_time_are_a_fan_out(one):
    spans = [one(i)._replace(end_ns=(i + 2) * MS) for i in range(10, 30)]
    assert tags(*spans) == []


@pytest.mark.parametrize(
    "spans",
    [
        [query(i, text=f"INSERT INTO lines VALUES ({i})") for i in range(10, 30)],
        [get(i, method="POST") for i in range(10, 30)],
        [query(i, text=f"SELECT {chr(87 + i)} FROM lines") for i in range(10, 30)],
        [call(i, 3, {"messaging.system": "kafka"}) for i in range(10, 30)],
        [call(i, 3, {"gen_ai.operation.name": "chat"}) for i in range(10, 30)],
        [get(i, path="ready", start_ns=i * 50 * MS) for i in range(10, 30)],
        [query(i, text="SELECT done FROM jobs", start_ns=i * 50 * MS) for i in range(10, 30)],
        [get(i, path=f"items?page={i}") for i in range(10, 30)],
        [query(i, text=f"SELECT a FROM b LIMIT 10 OFFSET {i}") for i in range(10, 30)],
        [call(i, 3, {"graphql.path": "cart.item"}, kind="internal") for i in range(10, 30)],
        [get(i, 2) for i in range(10, 19)],
        [get(i, 2, path="limited") for i in range(10, 40)],
    ],
    ids=[
        "writes", "requests that write", "other queries", "messages", "models",
        "polling", "polling of a table", "pages", "pages of a table", "resolvers",
        "a short loop of the test's", "one request of the test's again and again",
    ],
)  # fmt: skip
def test_no_n_plus_one(spans):
    assert tags(*spans) == []


def test_loop_of_requests_that_the_test_makes_itself_has_to_be_longer():
    assert tags(*(get(i, 2) for i in range(10, 20))) == ["n+1"]


USERS = ("alice", "bob", "james", "eve", "mallory")


def served(span: Span, route: str) -> Span:
    """Return what the server says of a request."""
    told = {"http.request.method": "GET", "http.route": route}
    return call(span.span_id + 500, span.span_id, told, kind="server", start_ns=span.start_ns)


def paths(pattern: str, parts: tuple[str, ...] = USERS, **fields) -> list[Span]:
    """Return requests one after the other, each with another word in its path."""
    return [get(i, path=pattern.format(part), **fields) for i, part in enumerate(parts, 10)]


SLUGS = ("red-cup", "green-tea", "blue-plate", "old-pot", "big-spoon")
HEX = ("deadbeef-cafe-4bad-8bad-aaaaaaaaaaaa", *(f"{i:032x}" for i in range(4)))


@pytest.mark.parametrize(
    ("spans", "pattern"),
    [
        (paths("items/{}", ("1", "2", "3", "4", "5")), "GET /items/*"),
        (paths("users/{}"), "GET /users/*"),
        (paths("v2/users/{}/orders?limit=3"), "GET /v2/users/*/orders"),
        (paths("api/products/{}", SLUGS), "GET /api/products/*"),
        (paths("users/{}", HEX), "GET /users/*"),
        (paths("mail/{}@example.org"), "GET /mail/*"),
        (paths("stock/{}", attributes={"url.template": "/stock/{name}"}), "GET /stock/{name}"),
        ([s for i in paths("stock/{}") for s in (i, served(i, "/stock/{n}"))], "GET /stock/{n}"),
        ([s for i in paths("users/{}") for s in (i, served(i, "/{path:.*}"))], "GET /users/*"),
        ([redis(i, f"GET user:{name}") for i, name in enumerate(USERS, 10)], "redis GET user:*"),
        ([redis(i, f"GET user:{i}:name") for i in range(10, 15)], "redis GET user:*"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_things_are_told_by_their_names_and_the_finding_by_what_they_have_in_common(spans, pattern):
    ((tag, text),) = found(*spans)
    assert (tag, text.partition(" ×")[0]) == ("n+1", f"shop · {pattern}")


RESOURCES = ("users", "orders", "products", "prices", "me")


@pytest.mark.parametrize(
    "spans",
    [
        paths("api/{}", RESOURCES),
        paths("{}", ("health", "version", "login", "me", "news")),
        paths("{}/count", RESOURCES),
        paths("admins/{}", RESOURCES),
        paths("users/{}", ("me", "count", "search", "new", "recent")),
        paths("assets/{}", ("app.js", "app.css", "logo", "font", "map")),
        paths("stock/{}"),
        [s for i in paths("users/{}") for s in (i, served(i, f"/users/name-{i.span_id}"))],
        [get(i)._replace(attributes={**get(i).attributes, "url.full": f"http://h{i}/items/1"})
         for i in range(10, 15)],
    ],
    ids=["resources", "pages", "parts", "plurals", "questions", "files", "not certain",
         "routes of their own", "hosts"],
)  # fmt: skip
def test_other_words_are_no_things(spans):
    assert tags(*spans) == []


def test_turns_of_two_lookups():
    spans = [query(i, text=f"SELECT * FROM {'a' if i % 2 else 'b'}") for i in range(10, 20)]
    assert tags(*spans) == ["n+1", "n+1"]


@pytest.mark.parametrize(
    "text",
    [
        "-- name: GetLines :many\nSELECT * FROM lines WHERE o = {}",
        "/* shop */ SELECT * FROM lines WHERE o = {}",
        "SELECT * FROM lines WHERE o = {} /*trace=a{}b*/",
        "(SELECT * FROM lines WHERE o = {})",
        "SELECT * FROM lines WHERE o = '-- {}'",
    ],
)
def test_a_query_reads_whatever_stands_before_it(text):
    assert tags(*(query(i, text=text.format(i, i)) for i in range(10, 15))) == ["n+1"]


@pytest.mark.parametrize("text", ["SELECT 1", "select 1;", "/* ping */ SELECT 1"])
def test_a_pool_that_asks_whether_its_database_is_there(text):
    assert tags(*(query(i, text=text) for i in range(10, 20))) == []


@pytest.mark.parametrize(
    "command",
    ["SET user:{} x", "del user:{}", "INCR hits:{}", "HSET user:{} a 1", "LPUSH jobs x",
     "EXPIRE user:{} 60", "BRPOP jobs:{} 5", "XREADGROUP GROUP a b STREAMS jobs >",
     "ZADD top:{} 1 a"],
)  # fmt: skip
def test_commands_that_write_or_wait_look_up_nothing(command):
    assert tags(*(redis(i, command.format(i)) for i in range(10, 15))) == []


@pytest.mark.parametrize(
    "command",
    ["GET u:{}", "mget u:{}", "HGETALL u:{}", "HGET u:{} a", "SMEMBERS u:{}", "ZRANGE u:{} 0 1",
     "EXISTS u:{}", "TTL u:{}", "LRANGE u:{} 0 1", "SISMEMBER u:{} a", "GETRANGE u:{} 0 1"],
)  # fmt: skip
def test_commands_that_read(command):
    assert tags(*(redis(i, command.format(i)) for i in range(10, 15))) == ["n+1"]


def hotrod(name: str) -> list[Finding]:
    document = json.loads((TRACES / f"jaeger-hotrod-{name}.json").read_text("utf-8"))
    tree = SpanTree(from_otlp(document, pytest.fail))
    (root,) = tree.roots
    return findings_of(root, tree, Presentation())


def test_real_n_plus_one():
    call, where = "redis-manual · GetDriver", "driver · driver.DriverService/FindNearest"
    assert hotrod("n_plus_one_positive") == [
        ("n+1", f"{call} ×13, one after the other, 192 ms, in {where}"),
        ("retry", f"{call} was tried 2 times, the last one went well"),
    ]


def test_real_fan_out():
    slow = "frontend · GET /customer took 1.31 s"
    assert hotrod("n_plus_one_near_miss") == [("slow", slow)]


# -- slow


def test_innermost_slow_call():
    spans = [
        get(10, 3, start_ns=0, end_ns=3000 * MS),
        call(11, 10, {"http.request.method": "GET"}, kind="server", start_ns=0, end_ns=2900 * MS),
        query(12, 11, start_ns=0, end_ns=1500 * MS),
        query(13, 11, start_ns=0, end_ns=900 * MS),
    ]
    assert found(*spans) == [("slow", "shop · SELECT lines took 1.50 s")]
    assert tags(*spans, slow_ms=0) == []
    assert tags(*spans, slow_ms=800) == ["slow", "slow"]


@pytest.mark.parametrize(
    "span",
    [
        query(10, end_ns=999 * MS),
        call(10, 3, {"gen_ai.operation.name": "chat"}, end_ns=9000 * MS),
        call(10, 3, {"messaging.system": "kafka"}, kind="consumer", end_ns=9000 * MS),
        build_span("work", 10, 3, end_ns=9000 * MS),
        call(10, 3, {"http.method": "GET", "http.scheme": "ws"}, kind="server", end_ns=9000 * MS),
        build_span("Wait", 10, 2, end_ns=9000 * MS, attributes={c.KIND: c.STEP}),
    ],
    ids=["quick", "a model", "a consumer that waits", "no call", "a socket", "a step"],
)
def test_not_slow(span):
    assert tags(span) == []


# -- retries


FAILED = {"status": "error", "attributes": {"http.response.status_code": 503}}


def test_retries():
    again = [get(i, path="stock", **FAILED) for i in (10, 12)]
    text = "shop · GET /stock was tried {} times, {}"
    went_well = text.format(3, "the last one went well")
    assert found(*again, get(14, path="stock")) == [("retry", went_well)]
    assert found(*again) == [("retry", text.format(2, "failed each time"))]
    assert tags(call(10, 3, {"rpc.system": "aws-api", "retry_attempts": 2})) == ["retry"]


@pytest.mark.parametrize(
    "spans",
    [
        [get(10, **FAILED), get(12)],
        [get(10, path="stock", **FAILED), get(12, path="stock", method="HEAD")],
        [get(10, path="a", **FAILED), get(11, path="a")._replace(start_ns=10 * MS)],
        [get(10, path="a"), get(12, path="a")],
        [get(i, path="a", status="error", attributes={"http.status_code": 404}) for i in (10, 12)],
    ],
    ids=["another thing", "another method", "at the same time", "no failure", "expected answers"],
)
def test_no_retry(spans):
    assert tags(*spans) == []


# -- unfinished and unreported


def test_unfinished():
    assert found(get(10, path="stock", end_ns=None)) == [
        ("unfinished", "shop · GET /stock had not ended when the report was written")
    ]


def test_nothing_is_said_of_a_test_that_has_not_ended():
    tree = SpanTree([TEST._replace(end_ns=None), get(10, 1, end_ns=None)])
    assert findings_of(tree.by_id[1], tree, Presentation()) == []


def reported(span_id: int, parent_id: int, service: str = "stock") -> Span:
    attributes = {"http.request.method": "GET", "http.route": "/x"}
    resource = {"service.name": service}
    return call(span_id, parent_id, attributes, kind="server", resource=resource)


def test_service_that_never_reported():
    spans = [get(10), reported(11, 10), get(12, path="stock"), query(13)]
    text = "shop · GET /stock (stock): the service that was called has reported nothing of it"
    assert found(*spans) == [("unreported", text)]


def orphan(span_id: int) -> Span:
    """A query of a service that was killed before it had answered."""
    its = {"resource": {"service.name": "stock"}, "start_ns": 5 * MS, "end_ns": 6 * MS}
    return query(span_id, 99, "SELECT 1", **its)


RATES = {"server.address": "rates"}
OPEN = get(10, 1, start_ns=1 * MS, end_ns=9 * MS)


def test_service_that_was_killed_while_it_answered():
    """What it had done is in the call that it answered, and the call's step says so."""
    spans = [TEST, OPEN, orphan(20), orphan(21)]
    (result,) = map(plain, to_results(spans).results)
    (step,) = result["steps"]
    assert len(step["steps"]) == 2
    (told,) = [p["value"] for p in step["parameters"] if p["name"] == "unreported"]
    assert told.endswith("was it killed?")
    assert "GET /items/10 (stock): the service that was called has not" in result["description"]


CUT = {"status": "error", "status_message": "Connection reset by peer"}


def cut(span_id: int, start: int, end: int, parent_id: int = 2, **more) -> Span:
    """A call that was cut off."""
    return get(span_id, parent_id, start_ns=start * MS, end_ns=end * MS, **CUT, **more)


def unreported(result: dict) -> dict[str, str]:
    """Return what steps say of it, by name."""
    return {
        step["name"]: parameter["value"]
        for step in steps(result)
        for parameter in step.get("parameters", ())
        if parameter["name"] == "unreported"
    }


def test_service_that_was_killed_with_several_calls_open():
    """Each of them says so, also that of which nothing had ended, and what is whose is open."""
    answered = get(13, 2, start_ns=1 * MS, end_ns=9 * MS, attributes={"http.status_code": 200})
    calls = [cut(10, 1, 9), cut(11, 2, 9), cut(12, 7, 9), answered, reported(30, 13)]
    before = [get(14, 2, start_ns=0, end_ns=1 * MS), get(15, 2, path="rates", attributes=RATES)]
    others = [orphan(20), orphan(21)._replace(parent_id=98)]
    (result,) = map(plain, to_results([TEST, STEP, *calls, *before, *others]).results)
    told = unreported(result)
    killed = [told.pop(f"GET /items/{n}", "") for n in (10, 11, 12)]
    assert all(each.endswith("was it killed?") for each in killed), told
    assert "/items/13" not in str(told)
    (step,) = result["steps"]
    assert [s["name"] for s in step["steps"]].count("SELECT") == 2
    assert "one of 2 calls" in told["SELECT"]


@pytest.mark.parametrize(
    "spans",
    [
        [OPEN, get(12, 1, start_ns=2 * MS, end_ns=8 * MS)],
        [get(10, 1, start_ns=1 * MS, end_ns=4 * MS)],
        [OPEN, reported(11, 10)],
        [get(10, 1, start_ns=1 * MS, end_ns=9 * MS, resource={"service.name": "stock"})],
        [query(10, 1, start_ns=1 * MS, end_ns=9 * MS)],
    ],
    ids=["two calls", "it was over", "it was answered", "the same process", "a database"],
)
def test_what_nobody_knows_the_call_of_is_below_the_test(spans):
    (result,) = map(plain, to_results([TEST, *spans, orphan(20)]).results)
    assert result["steps"][-1]["name"] == "SELECT"
    assert "was it killed" not in str(result)


@pytest.mark.parametrize(
    "spans",
    [[get(10), get(12)], [get(10), reported(11, 10, "shop"), get(12)]],
    ids=["no service reports", "only the process itself"],
)
def test_nothing_is_expected_where_nobody_reports(spans):
    assert tags(*spans) == []


# -- in the report


def test_tags_and_lines_of_a_result():
    its = {c.DESCRIPTION: "A page.", c.LABEL_NAMES: ["tag"], c.LABEL_VALUES: ["slow"]}
    test = TEST._replace(attributes={**TEST.attributes, **its})
    spans = [test, STEP, PAGE, *map(query, range(10, 15)), get(20, end_ns=5000 * MS)]
    (result,) = map(plain, to_results(spans).results)
    assert [label["value"] for label in result["labels"] if label["name"] == "tag"] == [
        "slow",
        "n+1",
    ]
    assert result["description"].startswith("A page.\n\n**n+1**: shop · SELECT lines ×5")
    html = result["descriptionHtml"]
    assert html.index("<p>A page.") < html.index("<b>n+1</b>") < html.index("<b>slow</b>")
    assert html.index("<b>slow</b>") < html.index("<img")


def test_nothing_is_added_where_nothing_was_found():
    (result,) = to_results(
        [TEST, STEP, PAGE, query(10)], Presentation(Settings(waterfall="off"))
    ).results
    assert (result.description, result.descriptionHtml) == (None, None)
    assert [label.name for label in result.labels] == ["trace_id"]


def test_what_to_look_for_is_a_setting():
    spans = [*map(query, range(10, 15)), get(20, end_ns=5000 * MS)]
    assert tags(*spans, findings=("slow",)) == ["slow"]
    assert tags(*spans, findings=()) == []


def test_many_of_a_kind_are_told_in_few_lines():
    lines = [text for _, text in found(*(get(i, end_ns=9000 * MS) for i in range(10, 30)))]
    assert len(lines) == 6
    assert lines[-1] == "… and 15 more"


FOUND = [Finding("n+1", "SELECT a_b <x> ×5")]


@pytest.mark.parametrize(
    ("text", "html", "expected"),
    [
        (None, None, ("**n+1**: SELECT a\\_b \\<x\\> ×5",
                      "<p><b>n+1</b>: SELECT a_b &lt;x&gt; ×5</p>\n")),
        ("# A\n- b", None, ("# A\n- b\n\n**n+1**: SELECT a\\_b \\<x\\> ×5", None)),
        (None, "<h1>A</h1>", ("**n+1**: SELECT a\\_b \\<x\\> ×5",
                              "<h1>A</h1><p><b>n+1</b>: SELECT a_b &lt;x&gt; ×5</p>\n")),
    ],
    ids=["none", "Markdown", "HTML"],
)  # fmt: skip
def test_authors_description_stays(text, html, expected):
    assert with_findings(text, html, FOUND) == expected


def test_secrets_are_masked():
    token = "-".join(["hunter2", "hunter2"])
    spans = [get(i, path=f"x?token={token}", **FAILED) for i in (10, 12)]
    events = [Event("exception", 0, {"exception.message": f"password={token}"})]
    assert token not in str(found(*(span._replace(events=events) for span in spans)))


def test_cost_grows_with_the_number_of_spans():
    def took(count: int) -> float:
        spans = [
            *(query(i) for i in range(10, count)),
            *(get(count + i, path="a", **FAILED) for i in range(count)),
            *(get(3 * count + i, 3 * count + i - 1 if i else 3) for i in range(count)),
        ]
        started = time.process_time()
        assert "n+1" in tags(*spans)
        return time.process_time() - started

    assert took(2000) < 20 * max(took(400), 0.02)
