"""What people read of spans that come from instrumentation: tables of spans and expectations."""

from __future__ import annotations

import pytest

from otel_allure.model import conventions as c
from otel_allure.model.outcome import OK, Outcome
from otel_allure.model.settings import SPAN_ERRORS, Settings
from otel_allure.model.spans import Event, Span
from otel_allure.presentation.domains.table import DOMAINS
from otel_allure.presentation.presentation import Presentation, as_text
from otel_allure.testing.spans import build_span

PRESENTATION = Presentation()
ALL = Presentation(Settings(span_parameters="all"))
title, outcome = PRESENTATION.title, PRESENTATION.outcome


def client(attributes: dict, name: str = "the span's name", **fields: object) -> Span:
    return build_span(name, 1, **{"kind": "client", "attributes": attributes, **fields})


def parameters(span: Span) -> dict[str, str]:
    return dict(PRESENTATION.parameters(span))


# -- titles

HTTP = {
    "client": (
        {
            "http.request.method": "GET",
            "url.full": "https://api/users/7?x=1#top",
            "http.response.status_code": 200,
        },
        "GET /users/7 → 200",
    ),
    "client, old names": (
        {"http.method": "GET", "http.url": "https://api/users/7?x=1", "http.status_code": 200},
        "GET /users/7 → 200",
    ),
    "server: the route, which is the same for all": (
        {
            "http.request.method": "GET",
            "http.route": "/users/{id}",
            "url.path": "/users/7",
            "http.response.status_code": 404,
        },
        "GET /users/{id} → 404",
    ),
    "server, old names": (
        {"http.method": "POST", "http.target": "/users?x=1", "http.status_code": 500},
        "POST /users → 500",
    ),
    "no route matched": (
        {"http.method": "GET", "http.route": "", "http.target": "/x"},
        "GET /x",
    ),
    "no answer": ({"http.request.method": "GET", "url.template": "/users/{id}"}, "GET /users/{id}"),
    "no place": ({"http.method": "GET"}, "GET"),
    "root": ({"http.method": "GET", "http.url": "http://api"}, "GET /"),
    "no url at all": ({"http.method": "GET", "http.url": "http://[::1"}, "GET"),
    "bytes": ({"http.method": "GET", "http.url": b"http://a/b"}, "GET /b"),
    "numbers": ({"http.method": 7, "http.target": 8, "http.status_code": 2.5}, "7 8 → 2.5"),
    "a method of its own": (
        {"http.request.method": "_OTHER", "http.request.method_original": "PURGE", "url.path": "/"},
        "PURGE /",
    ),
    "an unknown method": ({"http.request.method": "_OTHER", "url.path": "/"}, "HTTP /"),
    "a path that is a url": (
        {"http.method": "GET", "http.target": "/to/https://www.a.org/b"},
        "GET /to/a.org/b",
    ),
    "lines and controls": ({"http.method": "GET", "http.target": "/a\r\n\x00\u202eb"}, "GET /a b"),
}
DATABASES = {
    "summary": (
        {"db.system.name": "postgresql", "db.query.summary": "SELECT users"},
        "SELECT users",
    ),
    "query": (
        {"db.system.name": "postgresql", "db.query.text": "select * from users where id = $1"},
        "SELECT users",
    ),
    "old names": (
        {"db.system": "postgresql", "db.statement": 'INSERT INTO "public"."users" VALUES ($1)'},
        "INSERT public.users",
    ),
    "comments": (
        {"db.system": "x", "db.statement": "/* by: me */ -- why\n UPDATE users SET a = 1"},
        "UPDATE users",
    ),
    "a table is made": (
        {"db.system": "x", "db.statement": "CREATE TABLE IF NOT EXISTS users (id int)"},
        "CREATE TABLE users",
    ),
    "an index is made": (
        {"db.system": "x", "db.statement": "create unique index concurrently by_name on users"},
        "CREATE INDEX by_name",
    ),
    "one word": ({"db.system": "x", "db.statement": "BEGIN;"}, "BEGIN"),
    "a query of a query": (
        {"db.system": "x", "db.statement": "SELECT n FROM (SELECT 1 AS n FROM users) AS t"},
        "SELECT users",
    ),
    "from in a function": (
        {"db.system": "x", "db.statement": "SELECT extract(year FROM day) FROM orders"},
        "SELECT orders",
    ),
    "named queries": (
        {
            "db.system": "x",
            "db.statement": "WITH a AS (SELECT 1 FROM x), b AS (SELECT (2)) INSERT INTO y SELECT 1",
        },
        "INSERT y",
    ),
    "from in a text": ({"db.system": "x", "db.statement": "SELECT 'from it''s x'"}, "SELECT"),
    "brackets do not match": (
        {"db.system": "x", "db.statement": "SELECT )) FROM x ((y"},
        "SELECT x",
    ),
    "nothing but a comment": ({"db.system": "x", "db.statement": "-- nothing"}, "the span's name"),
    "operation and index": (
        {"db.system": "redis", "db.operation": "GET", "db.name": "0"},
        "redis GET",
    ),
    "operation and collection": (
        {"db.system.name": "mongodb", "db.operation.name": "find", "db.collection.name": "u"},
        "find u",
    ),
    "a command": ({"db.system": "redis", "db.statement": "SET ? ?"}, "redis SET"),
    "a command and its key": (
        {"db.system.name": "valkey", "db.query.text": "GET user:1"},
        "valkey GET user:1",
    ),
    "values are no key": (
        {"db.system": "redis", "db.statement": "SET user:1 x y"},
        "redis SET user:1",
    ),
    "no password": ({"db.system": "redis", "db.statement": "auth hunter2"}, "redis auth"),
    "a command and a collection": (
        {"db.system": "mongodb", "db.statement": "find {'a': 1}", "db.mongodb.collection": "u"},
        "find u",
    ),
    "several commands": (
        {"db.system": "redis", "db.statement": "SET ?\nGET ?"},
        "redis the span's name",
    ),
    "a document": ({"db.system": "elasticsearch", "db.statement": "{}"}, "the span's name"),
    "nothing more": ({"db.system": "x", "db.name": "shop"}, "the span's name"),
}
RPC = {
    "old names": (
        {"rpc.system": "grpc", "rpc.service": "shop.Cart", "rpc.method": "Add"},
        "shop.Cart/Add",
    ),
    "new names": ({"rpc.system.name": "grpc", "rpc.method": "shop.Cart/Add"}, "shop.Cart/Add"),
    "all is well": (
        {"rpc.system": "grpc", "rpc.method": "shop.Cart/Add", "rpc.grpc.status_code": 0},
        "shop.Cart/Add",
    ),
    "a code": (
        {"rpc.system": "grpc", "rpc.method": "shop.Cart/Add", "rpc.grpc.status_code": 5},
        "shop.Cart/Add → NOT_FOUND",
    ),
    "a code, new names": (
        {
            "rpc.system.name": "grpc",
            "rpc.method": "shop.Cart/Add",
            "rpc.response.status_code": "NOT_FOUND",
        },
        "shop.Cart/Add → NOT_FOUND",
    ),
    "a code nobody knows": (
        {"rpc.system": "grpc", "rpc.method": "a/B", "rpc.grpc.status_code": 99},
        "a/B → 99",
    ),
    "connect": (
        {"rpc.system": "connect_rpc", "rpc.method": "a/B", "rpc.connect_rpc.error_code": "aborted"},
        "a/B → aborted",
    ),
    "json-rpc": (
        {"rpc.system": "jsonrpc", "rpc.method": "add", "rpc.jsonrpc.error_code": -32602},
        "add → -32602",
    ),
    "an unknown method": (
        {"rpc.system.name": "grpc", "rpc.method": "_OTHER", "rpc.method_original": "a/B"},
        "a/B",
    ),
    "aws": (
        {"rpc.system": "aws-api", "rpc.service": "SNS", "rpc.method": "Publish"},
        "SNS.Publish",
    ),
    "no method": ({"rpc.system": "grpc"}, "the span's name"),
}
OTHERS = {
    "message sent": (
        {
            "messaging.system": "kafka",
            "messaging.operation.name": "send",
            "messaging.destination.name": "orders",
        },
        "send orders",
    ),
    "message, old names": (
        {
            "messaging.system": "rabbitmq",
            "messaging.operation": "receive",
            "messaging.destination": "shop,new",
        },
        "receive shop,new",
    ),
    "message, a queue made up": (
        {
            "messaging.system": "x",
            "messaging.operation.type": "receive",
            "messaging.destination.name": "amq.gen-8f2",
            "messaging.destination.temporary": True,
        },
        "receive (temporary)",
    ),
    "message by the AWS SDK": (
        {
            "rpc.system": "aws-api",
            "rpc.service": "SQS",
            "rpc.method": "SendMessage",
            "messaging.system": "aws.sqs",
            "messaging.destination": "orders",
        },
        "SendMessage orders",
    ),
    "message without a destination": ({"messaging.system": "kafka"}, "the span's name"),
    "celery task": (
        {"celery.action": "run", "celery.task_name": "shop.mail", "messaging.destination": "q"},
        "run shop.mail",
    ),
    "table by the AWS SDK": (
        {
            "rpc.system": "aws-api",
            "rpc.service": "DynamoDB",
            "rpc.method": "GetItem",
            "db.system": "dynamodb",
            "db.operation": "GetItem",
            "aws.dynamodb.table_names": ("carts",),
        },
        "GetItem carts",
    ),
    "object": (
        {
            "rpc.system": "aws-api",
            "rpc.service": "S3",
            "rpc.method": "GetObject",
            "aws.s3.bucket": "photos",
            "aws.s3.key": "a/b.jpg",
            "http.status_code": 404,
        },
        "S3.GetObject photos/a/b.jpg → 404",
    ),
    "object, a bucket": (
        {"rpc.system.name": "aws-api", "rpc.method": "S3/ListObjects", "aws.s3.bucket": "photos"},
        "S3/ListObjects photos",
    ),
    "graphql": (
        {"graphql.operation.type": "query", "graphql.operation.name": "Cart"},
        "query Cart",
    ),
    "graphql without a name": ({"graphql.operation.type": "mutation"}, "mutation"),
    "graphql resolver": ({"graphql.field.path": "cart.items.0"}, "resolve cart.items.0"),
    "graphql over http": (
        {
            "graphql.operation.type": "query",
            "graphql.operation.name": "Cart",
            "http.request.method": "POST",
            "http.response.status_code": 200,
        },
        "query Cart → 200",
    ),
    "model": ({"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}, "chat gpt-4o"),
    "model, old names": (
        {"gen_ai.system": "openai", "gen_ai.operation.name": "chat", "gen_ai.request.model": "o1"},
        "chat o1",
    ),
    "agent": (
        {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": "Planner",
            "gen_ai.request.model": "gpt-4o",
        },
        "invoke_agent Planner",
    ),
    "tool": (
        {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "get_price"},
        "execute_tool get_price",
    ),
    "model without an operation": ({"gen_ai.system": "openai"}, "the span's name"),
    "function called": ({"faas.invoked_name": "resize"}, "invoke resize"),
    "function": ({"faas.trigger": "timer"}, "the span's name"),
    "search over http": (
        {
            "db.system.name": "elasticsearch",
            "db.operation.name": "search",
            "db.collection.name": "items",
            "http.request.method": "POST",
            "url.full": "http://es:9200/items/_search",
        },
        "search items",
    ),
    "anything else": ({"x.y": 1}, "the span's name"),
    "nothing": ({}, "the span's name"),
    "a step of ours": ({c.KIND: c.STEP, "http.method": "GET"}, "the span's name"),
}


def cases(**tables: dict) -> list:
    return [
        pytest.param(*row, id=f"{domain}: {name}")
        for domain, table in tables.items()
        for name, row in table.items()
    ]


@pytest.mark.parametrize(
    ("attributes", "expected"), cases(http=HTTP, databases=DATABASES, rpc=RPC, others=OTHERS)
)
def test_title(attributes, expected):
    """Old and new names of the conventions give the same title."""
    assert title(client(attributes)) == expected


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("producer", "send orders"), ("consumer", "process orders"), ("client", "orders")],
)
def test_title_of_a_message_without_an_operation(kind, expected):
    """Old conventions say it by the span's kind."""
    span = client({"messaging.system": "x", "messaging.destination.name": "orders"}, kind=kind)
    assert title(span) == expected


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        pytest.param({"http.method": "GET", "http.route": "/x"}, "name", id="middleware"),
        pytest.param(
            {"http.method": "GET", "http.route": "/x", "http.status_code": 200},
            "GET /x → 200",
            id="a request to an application in the same process",
        ),
        pytest.param({"rpc.system": "grpc", "rpc.method": "a/B"}, "name", id="around a call"),
        pytest.param(
            {"messaging.system": "x", "messaging.destination.name": "q"},
            "name",
            id="around a message",
        ),
        pytest.param({"db.system": "sqlite", "db.statement": "BEGIN"}, "BEGIN", id="embedded"),
        pytest.param(
            {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "t"},
            "execute_tool t",
            id="tool",
        ),
        pytest.param({"graphql.operation.type": "query"}, "query", id="graphql"),
    ],
)
def test_title_of_an_internal_span(attributes, expected):
    """It may be work around a call, a framework's middleware for instance: then it has its name."""
    assert title(client(attributes, kind="internal", name="name")) == expected


def test_title_is_cut_where_it_is_long():
    """With a mark; the answer and the service stay."""
    attributes = {"http.method": "GET", "http.target": "/" + "x" * 500, "http.status_code": 200}
    found = title(client({**attributes, "peer.service": "catalog"}))
    assert len(found) == 120
    assert found.endswith("xx… → 200 (catalog)")
    found = title(client({**attributes, "peer.service": "c" * 500}))
    assert len(found) < 250


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("GET https://www.example.com/a?b=1", "GET example.com/a?b=1"),
        ("see www.example.com", "see example.com"),
        ("several\n lines\tof \x1b[0m text", "several lines of [0m text"),
        (" \n ", "unnamed span"),
        ("", "unnamed span"),
    ],
)
def test_a_span_of_no_domain_has_its_name(name, expected):
    """On one line, and without what the report tools make a link of."""
    assert title(client({}, name=name)) == expected


def test_a_step_without_a_name_has_a_title():
    """The report tools show none, or something unreadable."""
    assert title(client({c.KIND: c.STEP}, name="")) == "unnamed span"


# -- which service was called


def of_service(name: str, kind: str, **attributes: str) -> Span:
    return client(
        {"http.request.method": "GET", **attributes}, kind=kind, resource={"service.name": name}
    )


@pytest.mark.parametrize(
    ("span", "above", "expected"),
    [
        pytest.param(of_service("tests", "client"), None, "GET", id="client"),
        pytest.param(
            of_service("tests", "client", **{"peer.service": "catalog"}),
            None,
            "GET (catalog)",
            id="client that knows the peer",
        ),
        pytest.param(
            of_service("tests", "client", **{"service.peer.name": "catalog"}),
            None,
            "GET (catalog)",
            id="client that knows the peer, new name",
        ),
        pytest.param(
            of_service("catalog", "server"),
            of_service("tests", "client"),
            "GET (catalog)",
            id="server",
        ),
        pytest.param(
            of_service("catalog", "server"),
            client({c.KIND: c.STEP}),
            "GET (catalog)",
            id="in a step",
        ),
        pytest.param(
            of_service("tests", "server"), of_service("tests", "client"), "GET", id="same process"
        ),
        pytest.param(
            of_service("unknown_service", "server"),
            of_service("tests", "client"),
            "GET",
            id="unknown",
        ),
        pytest.param(of_service("catalog", "server"), None, "GET", id="nothing above"),
        pytest.param(
            of_service("catalog", "client"), of_service("tests", "client"), "GET", id="its own call"
        ),
    ],
)
def test_title_names_the_service_that_was_called(span, above, expected):
    """Where it is another one than the caller's."""
    assert title(span, above) == expected


# -- parameters


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        pytest.param(
            client(
                {
                    "http.request.method": "GET",
                    "url.full": "https://bob:pw@api/x?token=t&page=2",
                    "http.response.status_code": 200,
                    "http.request.header.accept": ("text/html",),
                    "http.request.resend_count": 2,
                    "network.protocol.version": "1.1",
                    "server.address": "api",
                    "thread.id": 1,
                    "order.id": 17,
                },
                resource={"service.name": "shop"},
            ),
            {
                "url": "https://****@api/x?token=****&page=2",
                "resends": "2",
                "service": "shop",
                "order.id": "17",
            },
            id="http client",
        ),
        pytest.param(
            client(
                {
                    "http.request.method": "GET",
                    "url.scheme": "https",
                    "server.address": "shop",
                    "server.port": 443,
                    "url.path": "/a",
                    "url.query": "b=1",
                },
                kind="server",
            ),
            {"url": "https://shop/a?b=1"},
            id="http server",
        ),
        pytest.param(
            client(
                {
                    "http.method": "GET",
                    "http.host": "[::1]",
                    "net.host.port": 80,
                    "http.target": "/a?b",
                },
                kind="server",
            ),
            {"url": "http://[::1]:80/a?b"},
            id="http server, old names",
        ),
        pytest.param(
            client({"http.method": "GET", "http.target": "/a"}, kind="server"),
            {"url": "/a"},
            id="http server without a name",
        ),
        pytest.param(
            client(
                {
                    "db.system": "postgresql",
                    "db.name": "shop",
                    "db.user": "bob",
                    "db.statement": "SELECT 1",
                    "net.peer.name": "db",
                    "net.peer.port": 5432,
                    "net.transport": "ip_tcp",
                }
            ),
            {
                "query": "SELECT 1",
                "system": "postgresql",
                "server": "db:5432",
                "database": "shop",
            },
            id="database, old names",
        ),
        pytest.param(
            client(
                {
                    "db.system.name": "redis",
                    "db.query.text": "GET ?",
                    "server.address": "cache",
                    "server.port": 6379,
                    "db.response.returned_rows": 0,
                }
            ),
            {"query": "GET ?", "system": "redis", "server": "cache:6379", "rows": "0"},
            id="a short command needs no attachment",
        ),
        pytest.param(
            client(
                {
                    "rpc.system": "grpc",
                    "rpc.method": "a/B",
                    "rpc.request.metadata.x-tenant": ("acme",),
                    "rpc.request.metadata.authorization": ("Bearer abc",),
                    "net.peer.ip": "10.0.0.1",
                    "rpc.user_agent": "grpc-python",
                }
            ),
            {
                "system": "grpc",
                "server": "10.0.0.1",
                "rpc.request.metadata.x-tenant": "acme",
                "rpc.request.metadata.authorization": "****",
            },
            id="rpc: metadata is captured only where somebody asked for it",
        ),
        pytest.param(
            client(
                {
                    "messaging.system": "kafka",
                    "messaging.destination.name": "orders",
                    "messaging.destination.partition.id": "3",
                    "messaging.kafka.offset": 42,
                    "messaging.batch.message_count": 2,
                    "server.address": '["a:9092", "b:9092"]',
                }
            ),
            {
                "system": "kafka",
                "server": "a:9092, b:9092",
                "destination": "orders",
                "partition": "3",
                "offset": "42",
                "messages": "2",
            },
            id="message",
        ),
        pytest.param(
            client(
                {
                    "gen_ai.operation.name": "chat",
                    "gen_ai.system": "openai",
                    "gen_ai.request.model": "gpt-4o",
                    "gen_ai.response.model": "gpt-4o-2026",
                    "gen_ai.usage.prompt_tokens": 7,
                    "gen_ai.usage.output_tokens": 3,
                    "gen_ai.response.finish_reasons": ("stop", "length"),
                    "gen_ai.response.id": "r1",
                }
            ),
            {
                "provider": "openai",
                "model": "gpt-4o",
                "answered by": "gpt-4o-2026",
                "input tokens": "7",
                "output tokens": "3",
                "finish reasons": "stop, length",
            },
            id="model",
        ),
        pytest.param(
            client(
                {
                    "rpc.system": "aws-api",
                    "rpc.method": "PutObject",
                    "aws.s3.bucket": "photos",
                    "aws.s3.key": "a.jpg",
                    "aws.request_id": "r1",
                    "retry_attempts": 0,
                }
            ),
            {
                "bucket": "photos",
                "key": "a.jpg",
                "system": "aws-api",
                "request id": "r1",
                "retries": "0",
            },
            id="of two domains",
        ),
        pytest.param(
            client(
                {"order.id": 17, "net.peer.name": "db", "thread.id": 1, "otel.scope.name": "s"},
                scope="shop.client",
            ),
            {"server": "db", "scope": "shop.client", "order.id": "17"},
            id="a call that no domain knows",
        ),
        pytest.param(
            client({"component": "search", "query": "cups"}, kind="internal"),
            {"component": "search", "query": "cups"},
            id="component is a mark with one value only",
        ),
        pytest.param(
            client(
                {
                    "user.password": "pw",
                    "flag": True,
                    "body": b"\xff{}",
                    "nothing": None,
                    "nested": {"password": "pw", "a": [1, {"api_key": "k", "b": 2}]},
                },
                kind="internal",
                scope="shop",
            ),
            {
                "user.password": "****",
                "flag": "true",
                "body": "\ufffd{}",
                "nothing": "None",
                "nested": "{password: ****, a: 1, {api_key: ****, b: 2}}",
            },
            id="somebody's own span",
        ),
    ],
)
def test_parameters(span, expected):
    """A choice in an order, and what somebody has added; the rest only on demand."""
    assert list(parameters(span).items()) == list(expected.items())


def test_all_parameters():
    """On demand there is every attribute, beside the choice."""
    attributes = {"http.method": "GET", "http.url": "http://a/", "thread.id": 1, c.STATUS: "passed"}
    assert list(ALL.parameters(client(attributes))) == [
        ("url", "http://a/"),
        ("http.method", "GET"),
        ("http.url", "http://a/"),
        ("thread.id", "1"),
    ]


@pytest.mark.parametrize("name", [None, "", "unknown_service", "unknown_service:python"], ids=repr)
def test_a_service_that_is_not_known_is_no_parameter(name):
    """The SDK makes a name up where none is given."""
    assert parameters(client({}, resource={"service.name": name})) == {}


def test_long_values_are_cut():
    """With a mark; and no half of a secret is left at the cut."""
    text = parameters(client({"body": "x" * 5000}))["body"]
    assert (len(text), text[-1]) == (2000, "…")
    text = parameters(client({"body": "x " * 990 + JWT + " x" * 9000}))["body"]
    assert "eyJ" not in text


def test_many_attributes_are_cut_with_a_note():
    """A step is no place for a dump."""
    span = client({f"a{n}": n for n in range(33)})
    assert len(parameters(span)) == 31
    assert parameters(span)["…"] == "3 more attributes"
    assert len(dict(ALL.parameters(span))) == 33


def test_as_text_of_values_in_themselves():
    """However deep they are."""
    value: list = []
    for _ in range(5000):
        value = [value]
    assert as_text(value) == "…"


# -- outcome

RAISED = Event(
    "exception",
    1,
    {
        "exception.type": "ValueError",
        "exception.message": "no",
        "exception.stacktrace": "Traceback",
    },
)
BROKEN_BY_IT = Outcome("broken", "ValueError: no", "Traceback")


def raised(kind: str, message: str = "") -> Event:
    return Event("exception", 1, {"exception.type": kind, "exception.message": message})


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, OK, id="unset"),
        pytest.param({"status": "ok"}, OK, id="ok"),
        pytest.param({"events": [RAISED]}, OK, id="raised and handled"),
        pytest.param({"status": "error"}, Outcome("broken", "error"), id="error"),
        pytest.param(
            {"status": "error", "status_message": "why"}, Outcome("broken", "why"), id="message"
        ),
        pytest.param(
            {"status": "error", "attributes": {"error.type": "timeout"}},
            Outcome("broken", "timeout"),
            id="error.type",
        ),
        pytest.param(
            {"status": "error", "attributes": {"error.type": "T"}, "status_message": "after 3 s"},
            Outcome("broken", "T: after 3 s"),
            id="error.type and message",
        ),
        pytest.param(
            {"status": "error", "attributes": {"error.type": "T"}, "status_message": "T: no"},
            Outcome("broken", "T: no"),
            id="error.type in the message",
        ),
        pytest.param({"status": "error", "events": [RAISED]}, BROKEN_BY_IT, id="raised"),
        pytest.param(
            {"status": "error", "events": [RAISED, Event("message", 2)]},
            BROKEN_BY_IT,
            id="raised, and more events",
        ),
        pytest.param(
            {"status": "error", "events": [RAISED._replace(name="http.client.request.exception")]},
            BROKEN_BY_IT,
            id="raised, an event of another name",
        ),
        pytest.param(
            {"status": "error", "attributes": dict(RAISED.attributes)},
            BROKEN_BY_IT,
            id="raised, on the span",
        ),
        pytest.param(
            {"status": "error", "events": [Event("exception", 1)], "status_message": "why"},
            Outcome("broken", "why"),
            id="raised, nothing known",
        ),
        pytest.param(
            {"status": "error", "events": [Event("exception", 1, {"exception.type": b"E"})]},
            Outcome("broken", "E"),
            id="raised, bytes",
        ),
        *(
            pytest.param(
                {"status": "error", "events": [raised(kind, "1 == 2")]},
                Outcome(status, f"{kind}: 1 == 2"),
                id=kind,
            )
            for kind, status in [
                ("AssertionError", "failed"),
                ("java.lang.AssertionError", "failed"),
                ("org.opentest4j.AssertionFailedError", "failed"),
                ("asyncio.exceptions.CancelledError", "skipped"),
            ]
        ),
        *(
            pytest.param(
                {"status": "error", "attributes": {name: code}}, expected, id=f"{code}, {name}"
            )
            for name in ("http.response.status_code", "http.status_code")
            for code, expected in [
                (404, OK),
                ("404", OK),
                (400, OK),
                (499, OK),
                (500, Outcome("broken", "HTTP 500")),
                (503, Outcome("broken", "HTTP 503")),
                ("what", Outcome("broken", "error")),
                (200, Outcome("broken", "error")),
                (float("inf"), Outcome("broken", "error")),
            ]
        ),
        pytest.param(
            {
                "status": "error",
                "attributes": {"http.response.status_code": 404, "error.type": "404"},
            },
            OK,
            id="404 as the conventions have it",
        ),
        pytest.param(
            {"status": "error", "attributes": {"http.status_code": 404}, "events": [RAISED]},
            OK,
            id="404, for which the client raises",
        ),
        pytest.param(
            {"status": "error", "attributes": {"http.status_code": 500}, "events": [RAISED]},
            BROKEN_BY_IT,
            id="500 and what was raised for it",
        ),
        pytest.param(
            {
                "status": "error",
                "attributes": {"http.status_code": 503},
                "status_message": "in an hour",
            },
            Outcome("broken", "HTTP 503: in an hour"),
            id="503 and a message",
        ),
        *(
            pytest.param(
                {"status": "error", "attributes": {name: code}, "status_message": "why"},
                expected,
                id=f"{name} {code}",
            )
            for name, code, expected in [
                ("rpc.grpc.status_code", 5, OK),
                ("rpc.grpc.status_code", 14, Outcome("broken", "RPC UNAVAILABLE: why")),
                ("rpc.grpc.status_code", 0, Outcome("broken", "why")),
                ("rpc.response.status_code", "NOT_FOUND", OK),
                ("rpc.response.status_code", "INTERNAL", Outcome("broken", "RPC INTERNAL: why")),
                ("rpc.response.status_code", "-32601", OK),
                ("rpc.response.status_code", "-32603", Outcome("broken", "JSON-RPC -32603: why")),
                ("rpc.response.status_code", "7001", Outcome("broken", "RPC 7001: why")),
                ("rpc.connect_rpc.error_code", "not_found", OK),
                ("rpc.connect_rpc.error_code", "internal", Outcome("broken", "RPC internal: why")),
                ("rpc.jsonrpc.error_code", -32600, OK),
            ]
        ),
    ],
)
def test_outcome(fields, expected):
    """A 4xx may be what the test wants to see; a 5xx and an exception colour the step."""
    assert outcome(client(**{"attributes": {}, **fields})) == expected


ERRORS = {
    "exceptions": client({}, status="error", events=[RAISED]),
    "5xx": client({"http.status_code": 503}, status="error", status_message="ValueError: no"),
    "4xx": client({"http.status_code": 404}, status="error", status_message="ValueError: no"),
    "others": client({"error.type": "ValueError"}, status="error", status_message="no"),
}


@pytest.mark.parametrize("kind", SPAN_ERRORS)
def test_which_errors_colour_a_step_is_a_setting(kind):
    """Each kind for itself; what does not colour the step is told as a parameter."""
    only = Presentation(Settings(span_errors=(kind,)))
    assert [k for k, span in ERRORS.items() if only.outcome(span) != OK] == [kind]
    without = Presentation(Settings(span_errors=tuple({*SPAN_ERRORS} - {kind})))
    for name, span in ERRORS.items():
        told = dict(without.parameters(span)).get("error")
        assert told == ("ValueError: no" if name == kind else None)


@pytest.mark.parametrize("mark", [{c.TEST_CASE_NAME: "a"}, {c.PYTEST_SPAN_TYPE: "test"}], ids=str)
def test_the_error_of_a_test_is_its_verdict(mark):
    """Of another producer; no setting changes it."""
    nothing = Presentation(Settings(span_errors=()))
    assert nothing.outcome(client(mark, status="error")).status == "broken"
    assert (
        nothing.outcome(client(mark, status="error", events=[raised("AssertionError")])).status
        == "failed"
    )


def test_an_exception_that_was_handled_is_told():
    """It does not colour the step."""
    assert parameters(client({}, events=[RAISED])) == {"exception": "ValueError: no"}


# -- secrets

SECRET = "hunter2SECRET"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    "span",
    [
        pytest.param(client({}, name=f"GET https://bob:{SECRET}@api/"), id="name"),
        pytest.param(client({}, name=f"GET /x?api_key={SECRET}"), id="name with a query"),
        pytest.param(client({}, name=f"GET /x?sig={SECRET}", kind="internal"), id="internal name"),
        pytest.param(
            client({"http.method": "GET", "http.url": f"https://api/x?token={SECRET}"}), id="query"
        ),
        pytest.param(
            client({"http.method": "GET", "http.target": f"/x?token={SECRET}"}), id="target"
        ),
        pytest.param(
            client({"db.system": "x", "db.query.summary": f"SET PASSWORD='{SECRET}'"}), id="summary"
        ),
        pytest.param(
            client({"db.system": "x", "db.query.text": f"SELECT 'from {SECRET}'"}), id="a literal"
        ),
        pytest.param(
            client({"http.method": "GET", "peer.service": f"x://a:{SECRET}@b"}), id="service"
        ),
        pytest.param(
            client({"http.method": "GET", "http.status_code": f"token={SECRET}"}), id="answer"
        ),
    ],
)
def test_no_secrets_in_titles(span):
    """They are masked, or left out with the query."""
    assert SECRET not in title(span)


def test_no_half_of_a_secret_in_a_title_that_is_cut():
    """It is masked before."""
    found = title(client({"http.method": "GET", "http.target": "/" + "x" * 80 + "/" + JWT}))
    assert "eyJ" not in found


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"status_message": f"cannot reach redis://:{SECRET}@db"}, id="message"),
        pytest.param({"attributes": {"error.type": f"token={SECRET}"}}, id="error.type"),
        *(
            pytest.param(
                {"events": [Event("exception", 1, {name: f"E: password='{SECRET}' in it"})]},
                id=name,
            )
            for name in ("exception.type", "exception.message", "exception.stacktrace")
        ),
    ],
)
def test_no_secrets_in_outcomes(fields):
    """Nor in the traces of exceptions, which show source lines with literals."""
    span = client(**{"attributes": {}, "status": "error", **fields})
    found = outcome(span)
    assert found.status == "broken"
    assert "****" in repr(found)
    assert SECRET not in repr(found)
    told = list(Presentation(Settings(span_errors=())).parameters(span))
    assert SECRET not in repr(told)


# -- the table of domains


def test_a_mark_is_of_one_domain():
    """Else it would depend on the order which one it is of."""
    marks = [mark for domain in DOMAINS for mark in domain.marks]
    assert len(marks) == len(set(marks))


ODD = [None, "", " ", b"\xff", 7, 2.5, float("nan"), True, (), [1, None], {"a": {}}, "x" * 5000]


@pytest.mark.parametrize("value", ODD, ids=lambda value: repr(value)[:20])
@pytest.mark.parametrize("domain", DOMAINS, ids=lambda domain: domain.name)
def test_any_value_of_any_attribute_can_be_shown(domain, value):
    """Whatever the types: a service may say anything of itself."""
    named = [s for _, sources in domain.parameters for s in sources if isinstance(s, str)]
    more = ["http.url", "url.full", "http.target", "http.status_code", "db.statement", "rpc.method"]
    more += ["db.statement.parameters", "graphql.document", "gen_ai.input.messages", "error.type"]
    more += ["http.request.header.x", "http.request.body", "http.request.body.size"]
    span = client(dict.fromkeys([*domain.marks, *named, *more], value), status="error")
    for kind in ("client", "server", "internal"):
        shown = span._replace(kind=kind)
        assert title(shown)
        assert all(isinstance(text, str) for row in PRESENTATION.parameters(shown) for text in row)
        assert all(isinstance(d.body, str) for d in PRESENTATION.documents(shown))
        assert outcome(shown).message
